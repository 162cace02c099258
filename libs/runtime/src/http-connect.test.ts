// Real: the connector under both clients that use it (Partoo’s and the registry’s), TLS, a proxy. Doubled: Partoo by the simulator,
// the registry by a server of the test; names, which only the proxy knows. Failure: a call that goes another way, that is made
// twice, or whose failure does not say that it is the proxy’s; a key that the proxy can read; a password that is told.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClientOptions, PartooClient } from '@bridge/partoo/client'
import { WebhookAdministration } from '@bridge/partoo/webhook-administration'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import type { HttpWay } from '@bridge/schemas/http-way'
import { Registry } from '@bridge/schemas/registry'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Authority } from '../../../test/support/certificates.ts'
import { messageOf } from '../../../test/support/core-examples.ts'
import { HttpProxy, type HttpProxyOptions } from '../../../test/support/http-proxy.ts'
import { TlsFront } from '../../../test/support/tls-front.ts'
import { readVariables } from './config.ts'
import { proxyVariables, wayTo } from './http-variables.ts'

const apiKey = 'planted-secret-key'
const login = 'me:planted-secret/word'
const request = { channelId: 'chat', apiKey, message: messageOf({ conversation: 'c' }) }
let simulator: Simulator

async function proxyFor(options: Partial<HttpProxyOptions> = {}): Promise<HttpProxy> {
  const proxy = await HttpProxy.start({ names: {}, ...options })
  onTestFinished(() => proxy.close())
  return proxy
}

/** The way that variables describe. */
function way(url: string, env: NodeJS.ProcessEnv, caFile?: string): HttpWay | undefined {
  const read = readVariables(proxyVariables(), env)
  if (read.kind === 'wrong') throw new Error(read.problems.join('\n'))
  return wayTo(url, read.config, env, { caFile, timeoutMs: 2_000 })
}

function clientFor(baseUrl: string, by: HttpWay | undefined, more: Partial<ClientOptions> = {}): PartooClient {
  const client = new PartooClient({ baseUrl, timeoutMs: 4_000, connectionsMax: 4, way: by, ...more })
  onTestFinished(() => client.close())
  return client
}

const withLogin = (port: number) => `http://${login.replace('/', '%2F')}@127.0.0.1:${port}`

beforeAll(async () => {
  simulator = await startSimulator({
    organizations: [
      {
        org_id: 1,
        name: 'Test',
        rate_limit_per_minute: 0,
        rate_limit_kind: 'sliding-window',
        api_keys: [{ key: apiKey, role: 'ORG_ADMIN' }],
        channels: [{ channel_id: 'chat', name: 'Chat' }],
        webhooks: [],
      },
    ],
  })
})
afterAll(() => simulator.close())
beforeEach(() => simulator.state.reset())

const partooPort = () => Number(new URL(simulator.apiBase).port)
const path = () => new URL(simulator.apiBase).pathname
const created = () => simulator.state.calls().length

test('without proxy and authority of one’s own there is no other way than the direct one', () => {
  expect(way('https://api.example', {})).toBeUndefined()
  expect(way('https://api.example', { HTTP_PROXY: 'http://p' })).toBeUndefined()
  expect(way('https://api.example', { HTTPS_PROXY: 'http://p', NO_PROXY: 'example' })).toBeUndefined()
  expect(way('https://127.0.0.1', { https_proxy: 'http://p' })).toBeUndefined()
  expect(way('https://api.example', { HTTPS_PROXY: 'http://q', https_proxy: 'http://u:p@p:1' })?.proxy).toBe(
    'http://p:1',
  )
})

test('an http address is told the proxy whole, with its login', async () => {
  const proxy = await proxyFor({ names: { 'partoo.test:8080': partooPort() }, login })
  const base = `http://partoo.test:8080${path()}`
  const client = clientFor(base, way(base, { HTTP_PROXY: withLogin(proxy.port) }))
  expect(await client.ingest(request)).toEqual({ kind: 'accepted', status: 200 })
  expect(proxy.asked).toEqual([`POST ${base}/custom-channels/chat/messages → 200`])
  proxy.login = 'another'
  expect(await client.ingest(request)).toMatchObject({ kind: 'misdirected', status: 407 })
  expect(created()).toBe(1)
})

test('the registry is reached through a proxy too, and a refusal is told as the proxy’s', async () => {
  const server: Server = createServer((_, response) => response.end('{"schema":"\\"string\\""}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const proxy = await proxyFor({ names: { 'registry.test:8081': (server.address() as AddressInfo).port }, login })
  const url = 'http://registry.test:8081/apis'
  const connection = { url, username: undefined, password: undefined, timeoutMs: 2_000 }
  const registry = new Registry({ ...connection, way: way(url, { http_proxy: withLogin(proxy.port) }) })
  onTestFinished(() => registry.close())
  expect(await registry.fetchSchema(1)).toMatchObject({ kind: 'fetched' })
  expect(proxy.asked).toEqual([`GET ${url}/schemas/ids/1 → 200`])
  const secured = 'https://registry.test:8081/apis'
  const by = way(secured, { HTTPS_PROXY: `http://me:wrong@127.0.0.1:${proxy.port}` })
  const other = new Registry({ ...connection, url: secured, way: by })
  onTestFinished(() => other.close())
  expect(await other.fetchSchema(1)).toEqual({
    kind: 'unavailable',
    because: `the proxy http://127.0.0.1:${proxy.port} answered 407 to CONNECT: it asks for a login`,
  })
})

describe.skipIf(!Authority.isPossible)('with TLS (needs openssl)', () => {
  let folder: string
  let authority: Authority
  let front: TlsFront
  const base = () => `https://partoo.test${path()}`
  const names = () => ({ 'partoo.test:443': front.port })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'http-connect-'))
    authority = new Authority(folder)
    front = await TlsFront.start(partooPort(), authority.sign('partoo', 2, 'DNS:partoo.test,DNS:localhost'))
  })
  afterAll(async () => {
    await front.close()
    rmSync(folder, { recursive: true })
  })

  test('through a tunnel: each connection asks once, the proxy reads nothing', async () => {
    const proxy = await proxyFor({ names: names(), login })
    const client = clientFor(base(), way(base(), { HTTPS_PROXY: withLogin(proxy.port) }, authority.file))
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.ingest(request)))
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    expect(created()).toBe(20)
    expect(proxy.asked.length).toBeLessThanOrEqual(4)
    expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT partoo.test:443 → 200']))
    expect(proxy.seen.length).toBeGreaterThan(0)
    expect(Buffer.concat(proxy.seen).includes('planted')).toBe(false)
  })

  test('the proxy itself may be reached by TLS; its certificate has to be believed', async () => {
    const { key, cert } = authority.sign('proxy')
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
    const proxy = await proxyFor({ names: names(), tls })
    const env = { HTTPS_PROXY: `https://localhost:${proxy.port}` }
    expect(await clientFor(base(), way(base(), env, authority.file)).ingest(request)).toMatchObject({
      kind: 'accepted',
    })
    expect(await clientFor(base(), way(base(), env)).ingest(request)).toMatchObject({
      kind: 'unavailable',
      status: null,
      detail: `the proxy ${env.HTTPS_PROXY} cannot be reached (UNABLE_TO_VERIFY_LEAF_SIGNATURE)`,
    })
    expect(proxy.asked).toHaveLength(1)
    expect(created()).toBe(1)
  })

  test.each([
    [407, { kind: 'misdirected', status: 407, detail: expect.stringMatching(/^the proxy .* 407 .* login$/) }],
    [403, { kind: 'misdirected', status: 403, detail: expect.stringMatching(/^the proxy .* 403 .* through$/) }],
    [502, { kind: 'unavailable', status: null, detail: expect.stringMatching(/^the proxy .* 502 .* server$/) }],
    [429, { kind: 'unavailable', status: null, detail: expect.stringMatching(/^the proxy .* 429 to CONNECT$/) }],
    ['close', { kind: 'unavailable', status: null, detail: expect.stringMatching(/^the proxy .*(closed|ECONNRESET)/) }],
    ['hang', { kind: 'unavailable', status: null, detail: expect.stringMatching(/^the proxy .* did not answer in/) }],
  ] as const)('a proxy that answers CONNECT with %s', async (refuses, expected) => {
    const proxy = await proxyFor({ names: names() })
    proxy.refuses = refuses
    const client = clientFor(base(), way(base(), { HTTPS_PROXY: withLogin(proxy.port) }, authority.file))
    const answer = await client.ingest(request)
    expect(answer).toMatchObject(expected)
    expect(JSON.stringify(answer)).not.toContain('planted')
    expect(proxy.asked).toHaveLength(1)
    expect(created()).toBe(0)
    proxy.refuses = null
    expect(await client.ingest(request)).toMatchObject({ kind: 'accepted' })
  })

  test('a proxy that is not there', async () => {
    const proxy = await HttpProxy.start({ names: {} })
    const { port } = proxy
    await proxy.close()
    const client = clientFor(base(), way(base(), { HTTPS_PROXY: withLogin(port) }, authority.file))
    expect(await client.ingest(request)).toMatchObject({
      kind: 'unavailable',
      detail: `the proxy http://127.0.0.1:${port} cannot be reached (ECONNREFUSED)`,
    })
  })

  test('a tunnel that breaks under a call: one call, unanswered, not repeated by itself', async () => {
    const proxy = await proxyFor({ names: names() })
    const client = clientFor(base(), way(base(), { HTTPS_PROXY: withLogin(proxy.port) }, authority.file))
    simulator.state.addFault({ match: {}, effect: { kind: 'hang', when: 'after' } })
    const calling = client.ingest(request)
    await expect.poll(created, { timeout: 5_000 }).toBe(1)
    proxy.cut()
    expect(await calling).toMatchObject({ kind: 'unavailable', status: null })
    expect(created()).toBe(1)
  })

  test('a certificate that nobody here believes in: said so, and nothing is sent', async () => {
    const url = `https://localhost:${front.port}${path()}`
    const trusting = clientFor(url, way(url, {}, authority.file))
    expect(await trusting.ingest(request)).toMatchObject({ kind: 'accepted' })
    // The environment cannot switch verification off.
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
    const answer = await clientFor(url, undefined).ingest(request)
    expect(answer).toMatchObject({
      kind: 'unavailable',
      detail: expect.stringMatching(
        /^connection failed \([A-Z_]+\): the server's certificate is not one that is believed/,
      ),
    })
    const administration = new WebhookAdministration({ baseUrl: url, apiKey, orgId: undefined })
    onTestFinished(() => administration.close())
    expect(await administration.list()).toMatchObject({ kind: 'unavailable', status: null })
    const wrongName = `https://127.0.0.1:${front.port}${path()}`
    expect(await clientFor(wrongName, way(wrongName, {}, authority.file)).ingest(request)).toMatchObject({
      kind: 'unavailable',
      detail: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    })
    expect(created()).toBe(1)
  })

  test('another authority is believed as soon as the file has it, another login used', async () => {
    const other = new Authority(folder, 'other-ca')
    const own = await TlsFront.start(partooPort(), other.sign('renewed', 2, 'DNS:partoo.test'))
    onTestFinished(() => own.close())
    const proxy = await proxyFor({ names: { 'partoo.test:443': own.port }, login })
    const [caFile, proxyFile] = [join(folder, 'followed.pem'), join(folder, 'proxy-url')]
    writeFileSync(caFile, readFileSync(authority.file))
    writeFileSync(proxyFile, `http://me:wrong@127.0.0.1:${proxy.port}\n`)
    const client = clientFor(base(), way(base(), { HTTPS_PROXY_FILE: proxyFile }, caFile))
    expect(await client.ingest(request)).toMatchObject({ kind: 'misdirected', status: 407 })
    writeFileSync(proxyFile, `${withLogin(proxy.port)}\n`)
    await expect
      .poll(() => client.ingest(request), { timeout: 5_000, interval: 100 })
      .toMatchObject({ kind: 'unavailable', detail: expect.stringContaining('certificate') })
    writeFileSync(caFile, readFileSync(other.file))
    await expect
      .poll(() => client.ingest(request), { timeout: 5_000, interval: 100 })
      .toMatchObject({ kind: 'accepted' })
  })
})
