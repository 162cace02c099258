// Real: the client over HTTP. Doubled: Partoo, by the simulator and its faults, and by a server that answers what a test
// says. Failure: a call that rejects or outlives its deadline, an answer that is misread, a page that is not read, a second
// wait after a 429, the API key in any failure.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { demoOrganization } from '@bridge/partoo-simulator/options'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import { eventTypes } from '@bridge/partoo-simulator/webhook-event'
import { expect, onTestFinished, test } from 'vitest'
import { type AdministrationOptions, WebhookAdministration } from './webhook-administration.ts'

const apiKey = 'planted-"key"/of+the=test'
const url = 'https://bridge.example/webhooks/partoo'

async function simulated(differences: Partial<typeof demoOrganization> = {}): Promise<Simulator> {
  const api_keys = [{ key: apiKey, role: 'ORG_ADMIN' }]
  const organization = { ...demoOrganization, rate_limit_per_minute: 0, api_keys, ...differences }
  const simulator = await startSimulator({ organizations: [organization] })
  onTestFinished(() => simulator.close())
  return simulator
}

function clientOf(baseUrl: string, options: Partial<AdministrationOptions> = {}): WebhookAdministration {
  const client = new WebhookAdministration({ baseUrl, apiKey, orgId: undefined, timeoutMs: 2_000, ...options })
  onTestFinished(() => client.close())
  return client
}

/** A server that answers what the test says, in place of Partoo. */
async function server(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const started = createServer(answer)
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    started.closeAllConnections()
    started.close()
  })
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/v2`
}

test('created, listed, shown, changed, deleted', async () => {
  const client = clientOf(`${(await simulated()).apiBase}/`)
  expect(await client.list()).toEqual({ kind: 'listed', configurations: [] })
  const created = await client.create([
    { url, eventType: 'message_created' },
    { url, eventType: 'message_updated' },
  ])
  const one = { id: '1', url, eventType: 'message_created', orgId: '1', updatedAt: expect.stringMatching(/Z$/) }
  expect(created).toEqual({
    kind: 'created',
    configurations: [one, { ...one, id: '2', eventType: 'message_updated' }],
  })
  expect(await client.create([{ url, eventType: 'message_created' }])).toMatchObject({ kind: 'refused', status: 400 })
  expect(await client.show('1')).toEqual({ kind: 'shown', configuration: one })
  expect(await client.change('1', `${url}/2`)).toMatchObject({ kind: 'shown', configuration: { url: `${url}/2` } })
  expect(await client.delete('2')).toEqual({ kind: 'deleted' })
  expect(await client.delete('2')).toMatchObject({ kind: 'not-found', status: 404 })
  expect(await client.list()).toMatchObject({ configurations: [{ id: '1', url: `${url}/2` }] })
})

test('org_id goes with every call where it is given: a PROVIDER key needs it', async () => {
  const simulator = await simulated({ api_keys: [{ key: apiKey, role: 'PROVIDER' }] })
  expect(await clientOf(simulator.apiBase).list()).toMatchObject({
    kind: 'refused',
    told: expect.stringMatching('org_id'),
  })
  const client = clientOf(simulator.apiBase, { orgId: '1' })
  expect((await client.create([{ url, eventType: 'lead_received' }])).kind).toBe('created')
  expect((await client.change('1', url)).kind).toBe('shown')
  expect((await client.show('1')).kind).toBe('shown')
  expect((await client.list()).kind).toBe('listed')
  expect((await client.delete('1')).kind).toBe('deleted')
  expect(await clientOf(simulator.apiBase, { orgId: '2' }).list()).toMatchObject({ kind: 'forbidden' })
})

test('every page is read, each configuration once, ids whole; without max_page until one is not full', async () => {
  const types = (n: number) => eventTypes[n % eventTypes.length]
  const asked: string[] = []
  const item = (n: number) => `{"id":9007199254740993${n},"url":"${url}","event_type":"${types(n)}","org_id":7}`
  const pages = (maxPage: string) =>
    server((request, response) => {
      asked.push(request.url ?? '')
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'))
      // The last of each page is the first of the next, as when one is created meanwhile.
      const items = Array.from({ length: page === 3 ? 1 : 100 }, (_, n) => item((page - 1) * 99 + n))
      response.end(`{"page":${page},${maxPage}"count":199,"items":[${items.join(',')}]}`)
    })
  for (const maxPage of ['"max_page":3,', '']) {
    const listed = await clientOf(await pages(maxPage)).list()
    if (listed.kind !== 'listed') throw new Error(listed.kind)
    expect(listed.configurations).toHaveLength(199)
    expect(listed.configurations[0]).toMatchObject({ id: '90071992547409930', orgId: '7', updatedAt: null })
  }
  expect(asked).toEqual([1, 2, 3, 1, 2, 3].map((page) => `/v2/webhooks?page=${page}&per_page=100`))
})

test('a list without end is given up', async () => {
  let calls = 0
  const base = await server((_, response) => {
    calls += 1
    response.end(`{"max_page":1000000,"items":[{"id":${calls},"url":"${url}","event_type":"x"}]}`)
  })
  expect(await clientOf(base).list()).toMatchObject({ kind: 'misdirected', detail: expect.stringMatching('100 pages') })
  expect(calls).toBe(100)
})

test('a test delivery: what Partoo answers is handed on as it came, whatever it is', async () => {
  const simulator = await simulated()
  const client = clientOf(simulator.apiBase)
  const tried = await client.tryout('http://127.0.0.1:1/', 'message_created')
  expect(tried).toMatchObject({ kind: 'tried', status: 200, text: expect.stringMatching('ECONNREFUSED') })
  expect(simulator.state.webhookAttempts()).toMatchObject([{ tryout: true, event_type: 'message_created' }])
  const odd = clientOf(await server((request, response) => void response.end(`<p>${request.headers['x-apikey']}`)))
  expect(await odd.tryout(url, 'message_created')).toEqual({ kind: 'tried', status: 200, text: '<p>***' })
})

test.each([
  [401, { kind: 'unauthorized' }],
  [403, { kind: 'forbidden' }],
  [404, { kind: 'not-found' }],
  [400, { kind: 'refused', status: 400 }],
  [422, { kind: 'refused', status: 422 }],
  [302, { kind: 'misdirected', status: 302 }],
  [407, { kind: 'misdirected', status: 407 }],
  [500, { kind: 'unavailable', status: 500 }],
] as const)('%d: a value that says nothing of the key', async (status, expected) => {
  const client = clientOf(
    await server((request, response) => {
      const key = String(request.headers['x-apikey'])
      response.writeHead(status, { location: `/${key}` })
      response.end(JSON.stringify({ errors: { seen: key, in: `https://x.example/${encodeURIComponent(key)}` } }))
    }),
  )
  for (const answer of [await client.list(), await client.create([]), await client.tryout(url, 'x')]) {
    expect(answer).toMatchObject(expected)
    const shown = JSON.stringify(answer)
    for (const part of ['planted', encodeURIComponent(apiKey)]) expect(shown).not.toContain(part)
    if ('told' in answer) expect(answer.told).toBe('{"errors":{"seen":"***","in":"https://x.example/***"}}')
  }
})

test.each([
  ['a page of a proxy', '<html>'],
  ['another API', '{"status":"success"}'],
  ['a configuration without an address', '{"items":[{"id":1,"event_type":"x"}]}'],
  ['nothing', ''],
  ['more than is read', `{"items":[{"id":1,"url":"${'x'.repeat(1_100_000)}","event_type":"x"}]}`],
])('%s is not taken for an answer of Partoo', async (_, body) => {
  const client = clientOf(await server((_, response) => void response.end(body)))
  expect(await client.list()).toMatchObject({ kind: 'misdirected', status: 200 })
})

test('429: one wait in a life, as long as Partoo says; then it is only told when', async () => {
  let calls = 0
  const base = await server((_, response) => {
    calls += 1
    const limited = calls !== 2
    response.writeHead(limited ? 429 : 200, limited ? { 'Retry-After': '1' } : {})
    response.end('{"items":[]}')
  })
  const waits: number[] = []
  const client = clientOf(base, { waiting: (ms) => void waits.push(ms) })
  const startedMs = performance.now()
  expect((await client.list()).kind).toBe('listed')
  expect(performance.now() - startedMs).toBeGreaterThan(990)
  expect(await client.list()).toEqual({ kind: 'limited', status: 429, retryAfterMs: 1_000 })
  expect([calls, waits]).toEqual([3, [1_000]])
  const impatient = clientOf(base, { politeWaitMaxMs: 0 })
  expect((await impatient.list()).kind).toBe('limited')
  expect(calls).toBe(4)
})

test('no answer in time, a connection that is cut, nobody there', async () => {
  const simulator = await simulated()
  const client = clientOf(simulator.apiBase, { timeoutMs: 200, tryoutTimeoutMs: 200 })
  simulator.state.addFault({ count: 2, effect: { kind: 'hang', when: 'before' } })
  const late = { kind: 'unavailable', status: null, detail: 'no answer in 200 ms', told: '' }
  expect(await client.list()).toEqual(late)
  expect(await client.tryout(url, 'message_created')).toEqual(late)
  simulator.state.addFault({ count: 1, effect: { kind: 'reset', when: 'before' } })
  const failed = { kind: 'unavailable', detail: expect.stringMatching(/^connection failed \([A-Z_]+\)$/) }
  expect(await client.delete('1')).toMatchObject(failed)
  simulator.state.addFault({ count: 1, effect: { kind: 'break-off' } })
  expect(await client.list()).toMatchObject({ kind: 'misdirected', detail: expect.stringMatching('breaks off') })
  await simulator.close()
  expect(await client.show('1')).toMatchObject(failed)
})
