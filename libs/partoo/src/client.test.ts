// Real: the client over HTTP. Doubled: Partoo, by the simulator and its faults. Failure: a call that rejects, that outlives
// its deadline, that follows a redirect, or an answer that is not what the server did.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { PartooClient } from './client.ts'

const channelId = 'a/b ü'
const message: OutboundMessage = {
  business_id: '42',
  external_conversation_id: 'c',
  external_message_id: 'm',
  content: 'Grüße 👋',
  sender_type: 'Consumer',
  consumer_name: 'Zoë',
  consumer_image: null,
  channel_id: null,
}
const request = { channelId, apiKey: 'a-key', message }
let simulator: Simulator
let client: PartooClient

beforeEach(async () => {
  simulator = await startSimulator({
    organizations: [
      {
        org_id: 1,
        name: 'Test',
        rate_limit_per_minute: 2,
        rate_limit_kind: 'sliding-window',
        api_keys: [{ key: 'a-key', role: 'ORG_ADMIN' }],
        channels: [{ channel_id: channelId, name: 'Chat' }],
        webhooks: [],
      },
    ],
  })
  client = new PartooClient({ baseUrl: `${simulator.apiBase}/`, timeoutMs: 400, connectionsMax: 2 })
})

afterEach(async () => {
  await client.close()
  await simulator.close()
})

test('a message is accepted as it was meant; what it does not have is not sent', async () => {
  expect(await client.ingest(request)).toEqual({ kind: 'accepted', status: 200 })
  const [call] = simulator.state.calls()
  const { channel_id, consumer_image, ...sent } = message
  expect(call).toMatchObject({ channel_id: channelId, effect: 'accepted', body: sent })
  expect(call?.body).not.toHaveProperty('channel_id')
  expect(call?.body).not.toHaveProperty('consumer_image')
})

test('the documented refusals, and 429 with its pause', async () => {
  expect(await client.ingest({ ...request, apiKey: 'another' })).toMatchObject({ kind: 'misdirected', status: 401 })
  expect(await client.ingest({ ...request, channelId: 'none' })).toMatchObject({ kind: 'forbidden', status: 404 })
  await client.ingest(request)
  const answer = await client.ingest(request)
  expect(answer.kind).toBe('limited')
  if (answer.kind === 'limited') expect(answer.retryAfterMs).toBeGreaterThan(50_000)
})

test.each([
  ['a reset before', { kind: 'reset', when: 'before' }, { kind: 'unavailable', status: null }],
  ['a reset after it took effect', { kind: 'reset', when: 'after' }, { kind: 'unavailable', status: null }],
  ['no answer in time', { kind: 'hang', when: 'after' }, { kind: 'unavailable', detail: 'no answer in 400 ms' }],
  ['a 200 that breaks off', { kind: 'break-off' }, { kind: 'accepted', status: 200 }],
  [
    'a page of a proxy',
    { kind: 'answer', status: 200, body: '<html>', content_type: 'text/html' },
    { kind: 'misdirected' },
  ],
  [
    'a redirect',
    { kind: 'answer', status: 302, headers: { location: '/elsewhere' } },
    { kind: 'misdirected', status: 302 },
  ],
  [
    '503',
    { kind: 'answer', status: 503, headers: { 'Retry-After': '7' } },
    { kind: 'unavailable', retryAfterMs: 7000 },
  ],
] as const)('%s', async (_, effect, expected) => {
  simulator.state.addFault({ match: {}, effect })
  expect(await client.ingest(request)).toMatchObject(expected)
  expect(simulator.state.calls()).toHaveLength(1)
})

test('an answer that repeats the request is kept without key and text', async () => {
  const { apiKey, message } = request
  const body = JSON.stringify({ detail: `the key ${apiKey} may not`, input: message.content })
  simulator.state.addFault({ match: {}, effect: { kind: 'answer', status: 422, body } })
  const answer = await client.ingest(request)
  expect(answer).toMatchObject({ kind: 'rejected', status: 422 })
  const kept = 'body' in answer ? String(answer.body) : ''
  expect(kept).toContain('the key *** may not')
  expect(kept).not.toContain(message.content)
})

test('nobody listens: the code of the error, and nothing of what was sent', async () => {
  await simulator.close()
  const answer = await client.ingest(request)
  expect(answer).toMatchObject({ kind: 'unavailable', status: null })
  if (answer.kind === 'unavailable') expect(answer.detail).toMatch(/^connection failed \([A-Z_]+\)$/)
})

test('HTTP/1.1 is spoken, also with a server that offers HTTP/2', async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const asked = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const made = spawnSync('openssl', [...asked, ...subject, '-keyout', keyFile, '-out', certFile])
  if (made.status !== 0) skip('openssl is not there to make a certificate')
  const cert = readFileSync(certFile, 'utf8')
  const versions: string[] = []
  const server = createSecureServer({ key: readFileSync(keyFile), cert, allowHTTP1: true }, (asking, answer) => {
    versions.push(asking.httpVersion)
    asking.resume().on('end', () => answer.end('{"status":"success"}'))
  })
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, cert])
  onTestFinished(() => setDefaultCACertificates(trusted))
  const { port } = server.address() as AddressInfo
  const overTls = new PartooClient({ baseUrl: `https://localhost:${port}/v2`, timeoutMs: 5_000, connectionsMax: 2 })
  onTestFinished(() => overTls.close())
  expect(await overTls.ingest(request)).toEqual({ kind: 'accepted', status: 200 })
  expect(versions).toEqual(['1.1'])
})
