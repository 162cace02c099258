// Real: the client over HTTP. Doubled: Partoo, by the simulator and its faults. Failure: a call that rejects, that outlives
// its deadline, that follows a redirect, or an answer that is not what the server did.

import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import { afterEach, beforeEach, expect, test } from 'vitest'
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

test('nobody listens: the code of the error, and nothing of what was sent', async () => {
  await simulator.close()
  const answer = await client.ingest(request)
  expect(answer).toMatchObject({ kind: 'unavailable', status: null })
  if (answer.kind === 'unavailable') expect(answer.detail).toMatch(/^connection failed \([A-Z_]+\)$/)
})
