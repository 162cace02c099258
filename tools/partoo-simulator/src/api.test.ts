// Real: a simulator on loopback, asked by fetch. Doubled: nothing. Failure: an answer that differs from the facts, an
// effect of a refused request, data of one organization seen by another.

import { expect, test } from 'vitest'
import { ask, ingest, ingestBody, organization, receiver, simulatorForTest, until } from './test-world.ts'

const roles = organization({
  api_keys: [
    { key: 'admin', role: 'ORG_ADMIN' },
    { key: 'provider', role: 'PROVIDER' },
    { key: 'manager', role: 'BUSINESS_MANAGER' },
  ],
  businesses: ['7', '8'],
})
const other = organization({
  org_id: 2,
  name: 'Other',
  api_keys: [{ key: 'other', role: 'ORG_ADMIN' }],
  channels: [{ channel_id: 'other-channel', name: 'Other' }],
})

type Page = { items: { id: number; content?: string }[]; next_cursor: string | null }

test('200 is acceptance; creation follows', async () => {
  const simulator = await simulatorForTest({ creationDelayMs: 40 })
  const startedMs = performance.now()
  expect(await ingest(simulator)).toMatchObject({ status: 200, json: { status: 'success' } })
  expect(simulator.state.messages()).toMatchObject([{ state: 'accepted', created_at: null, date: null }])
  expect((await ask(simulator, 'GET', '/conversations')).json).toEqual({ items: [], next_cursor: null })
  await until('creation', () => simulator.state.messages()[0]?.state === 'created')
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(40)
  const { items } = (await ask(simulator, 'GET', '/conversations')).json as Page
  expect(items).toHaveLength(1)
})

test('who may ingest: 401, 403, 404', async () => {
  const simulator = await simulatorForTest({ organizations: [roles, other] })
  const status = async (given: Parameters<typeof ingest>[2], differences = {}) =>
    (await ingest(simulator, differences, given)).status
  const unauthorized = await ingest(simulator, {}, { key: null })
  expect(unauthorized).toMatchObject({ status: 401, json: { errors: expect.any(Object) } })
  expect(await status({ key: 'unknown' })).toBe(401)
  expect(await ingest(simulator, {}, { key: 'manager' })).toMatchObject({
    status: 403,
    json: { errors: { authorization: 'Operation not allowed' } },
  })
  expect(await status({ key: 'admin', channel: 'no-such' })).toBe(404)
  expect(await status({ key: 'other' })).toBe(404)
  expect(await status({ key: 'admin' }, { business_id: '9' })).toBe(403)
  expect(simulator.state.messages()).toEqual([])
  expect(await status({ key: 'admin' })).toBe(200)
  expect(await status({ key: 'provider' }, { external_message_id: 'm2' })).toBe(200)
  simulator.state.changeOrganization(1, { revoke_keys: ['admin'] })
  expect(await status({ key: 'admin' })).toBe(401)
  simulator.state.changeOrganization(1, { restore_keys: ['admin'] })
  expect(await status({ key: 'admin' })).toBe(200)
  expect((await ask(simulator, 'GET', '/no-such', { key: 'admin' })).status).toBe(404)
  expect((await ask(simulator, 'PUT', '/conversations', { key: 'admin' })).status).toBe(405)
})

test('what may be ingested: 415, 400 with every field named', async () => {
  const simulator = await simulatorForTest()
  const wrongType = await ingest(simulator, {}, { headers: { 'Content-Type': 'text/plain' } })
  expect(wrongType.status).toBe(415)
  const withCharset = await ingest(simulator, {}, { headers: { 'Content-Type': 'application/json; charset=utf-8' } })
  expect(withCharset.status).toBe(200)
  for (const body of ['{ not json', '', '[]', 'null', '"text"']) {
    const given = { body, headers: { 'Content-Type': 'application/json' } }
    expect((await ingest(simulator, {}, given)).status, body).toBe(400)
  }
  const required = ['business_id', 'external_conversation_id', 'external_message_id', 'content', 'sender_type']
  const { status, json } = await ingest(simulator, {}, { body: {} })
  expect([status, Object.keys((json as { errors: object }).errors).sort()]).toEqual([400, required.sort()])
  for (const wrong of [{ business_id: 7 }, { sender_type: 'consumer' }, { content: null }, { consumer_name: 5 }]) {
    const answer = await ingest(simulator, { external_message_id: 'wrong', ...wrong })
    expect(answer).toMatchObject({
      status: 400,
      json: { errors: { [Object.keys(wrong)[0] ?? '']: expect.any(String) } },
    })
  }
  expect(simulator.state.messages()).toHaveLength(1)
  for (const [at, fine] of [
    { consumer_name: null, consumer_image: null },
    { sender_type: 'User' },
    { extra: 1 },
  ].entries()) {
    expect((await ingest(simulator, { external_message_id: `fine-${at}`, ...fine })).status).toBe(200)
  }
})

test('413 reaches a client that sends too much, whatever it asks for, and the next request is served', async () => {
  const simulator = await simulatorForTest()
  const content = 'x'.repeat(1_500_000)
  expect((await ingest(simulator, { content })).status).toBe(413)
  // Chunked: nothing declares the length.
  const stream = new Blob([JSON.stringify(ingestBody({ content }))]).stream()
  const chunked = await fetch(`${simulator.apiBase}/no-such`, {
    method: 'POST',
    headers: { 'x-APIKey': 'demo-api-key' },
    body: stream,
    duplex: 'half',
    signal: AbortSignal.timeout(5_000),
  } as RequestInit)
  expect(chunked.status).toBe(404)
  await chunked.text()
  expect((await ingest(simulator, { content: 'x'.repeat(1_000_000) }, { deadlineMs: 2_000 })).status).toBe(200)
})

test('the limit is one organization’s: 429 with Retry-After, uncounted, shared by every request, none for others', async () => {
  const simulator = await simulatorForTest({
    organizations: [organization({ rate_limit_per_minute: 3, rate_limit_kind: 'sliding-window' }), other],
  })
  expect((await ingest(simulator)).status).toBe(200)
  expect((await ask(simulator, 'GET', '/conversations')).status).toBe(200)
  expect((await ask(simulator, 'GET', '/webhooks')).status).toBe(200)
  for (let n = 0; n < 3; n += 1) {
    const refused = await ingest(simulator, { external_message_id: 'm2' })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
  }
  expect((await ingest(simulator, {}, { key: 'other', channel: 'other-channel' })).status).toBe(200)
  expect((await ask(simulator, 'GET', '/conversations', { key: 'unknown' })).status).toBe(401)
  expect(simulator.state.mostInWindow(60_000, 1)).toMatchObject({ most: 6, most_admitted: 3 })
  expect(simulator.state.calls({ status: 429 }).map((call) => [call.effect, call.counted_ms])).toEqual(
    [1, 2, 3].map(() => ['none', null]),
  )
  expect(simulator.state.messages()).toHaveLength(2)
})

test.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)(
  '%s limits over HTTP too',
  async (rate_limit_kind) => {
    const limited = organization({ rate_limit_per_minute: 2, rate_limit_kind })
    const simulator = await simulatorForTest({ organizations: [limited] })
    const statuses = []
    for (let n = 0; n < 3; n += 1) statuses.push((await ask(simulator, 'GET', '/conversations')).status)
    expect(statuses).toEqual([200, 200, 429])
    const { headers } = await ask(simulator, 'GET', '/conversations')
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(rate_limit_kind === 'token-bucket' ? 30 : 60)
  },
)

test('duplicates are by channel and message id: ignored whatever else they say, before and after creation', async () => {
  const channels = [
    { channel_id: 'demo-channel', name: 'One' },
    { channel_id: 'second', name: 'Two' },
  ]
  const hook = await receiver()
  const webhooks = [{ url: hook.url, event_types: ['message_created'] }]
  const simulator = await simulatorForTest({ organizations: [organization({ channels, webhooks })] })
  await ingest(simulator)
  expect((await ingest(simulator, { content: 'Again', external_conversation_id: 'c2' })).json).toEqual({
    status: 'success',
  })
  await until('creation', () => simulator.state.messages()[0]?.state === 'created')
  await ingest(simulator, { content: 'And again' })
  expect(simulator.state.messages()).toMatchObject([
    { content: 'Hello', duplicates: 2, external_conversation_id: 'c1' },
  ])
  expect(simulator.state.conversations().items).toHaveLength(1)
  expect(simulator.state.calls().map((call) => call.effect)).toEqual(['accepted', 'duplicate', 'duplicate'])
  await ingest(simulator, {}, { channel: 'second' })
  await until('both created', () => simulator.state.messages().filter((each) => each.state === 'created').length === 2)
  await until('both echoed', () => simulator.state.snapshot().webhooks_pending === 0)
  expect(hook.deliveries).toHaveLength(2)
  expect(simulator.state.conversations().items).toHaveLength(2)
})

test('consumer and business are those of the message that created the conversation', async () => {
  const simulator = await simulatorForTest()
  simulator.state.addFault({ count: 1, effect: { kind: 'lose-creation' } })
  await ingest(simulator, { consumer_name: 'Lost', business_id: '1' })
  await ingest(simulator, { external_message_id: 'm2', consumer_name: 'First', business_id: '2' })
  await ingest(simulator, { external_message_id: 'm3', consumer_name: 'Second', business_id: '3' })
  await until('creation', () => simulator.state.messages().every((each) => each.state !== 'accepted'))
  const { items } = (await ask(simulator, 'GET', '/conversations')).json as Page
  expect(items).toMatchObject([{ consumer_name: 'First', business: { id: '2' } }])
})

test('creation in the order of acceptance, under load', async () => {
  const simulator = await simulatorForTest({ creationDelayMs: 5 })
  simulator.state.addFault({ probability: 0.5, effect: { kind: 'latency', ms: 3 } })
  const accepted: (string | null)[] = []
  const created: (string | null)[] = []
  simulator.state.subscribe((event) => {
    if (event.type === 'accepted') accepted.push(event.message.external_message_id)
    if (event.type === 'created') created.push(event.message.external_message_id)
  })
  const numbers = Array.from({ length: 400 }, (_, n) => n)
  const answers = await Promise.all(
    numbers.map((n) => ingest(simulator, { external_message_id: `m${n}`, external_conversation_id: `c${n % 7}` })),
  )
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
  await until('all created', () => created.length === 400)
  expect(created).toEqual(accepted)
  expect(new Set(created).size).toBe(400)
  const byCall = simulator.state.calls({ effect: 'accepted' })
  expect(byCall).toHaveLength(400)
  expect(byCall.map((call) => call.at_ms)).toEqual(byCall.map((call) => call.at_ms).sort((one, two) => one - two))
})

test('pages by cursor: each item once, null at the end', async () => {
  const simulator = await simulatorForTest()
  for (let n = 0; n < 7; n += 1) {
    await ingest(simulator, {
      external_message_id: `m${n}`,
      external_conversation_id: `c${n}`,
      business_id: String(n % 2),
      content: `c${n}`,
    })
    await ingest(simulator, { external_message_id: `x${n}`, external_conversation_id: 'c0', content: `${n}` })
  }
  await until('creation', () => simulator.state.messages().every((each) => each.state === 'created'))
  const pages = async (path: string) => {
    const items: Page['items'] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = (await ask(simulator, 'GET', `${path}&cursor=${cursor}`)).json as Page
      items.push(...page.items)
      expect(page.items.length).toBeGreaterThan(0)
      cursor = page.next_cursor
    }
    return items
  }
  expect((await pages('/conversations?per_page=3')).map((each) => each.id)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(await pages('/conversations?per_page=2&business_ids=1')).toHaveLength(3)
  expect(await pages('/conversations?per_page=100&business_ids=0,1')).toHaveLength(7)
  expect((await pages('/messages?conversation_id=1&per_page=3')).map((each) => each.content)).toEqual([
    'c0',
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
  ])
  for (const wrong of ['per_page=0', 'per_page=101', 'per_page=x', 'per_page=', 'per_page=1e1', 'cursor=zzz']) {
    expect((await ask(simulator, 'GET', `/conversations?${wrong}`)).status, wrong).toBe(400)
  }
  for (const wrong of ['', 'conversation_id=x', 'conversation_id=1.5', 'conversation_id=']) {
    expect((await ask(simulator, 'GET', `/messages?${wrong}`)).status, wrong).toBe(400)
  }
  expect((await ask(simulator, 'GET', '/messages?conversation_id=99')).status).toBe(404)
})

test('POST /messages writes as the business; not where a channel is read-only', async () => {
  const channels = [{ channel_id: 'demo-channel', name: 'Read-only', is_readonly: true }]
  const simulator = await simulatorForTest({
    organizations: [organization(), organization({ ...other, channels: [{ ...channels[0]!, channel_id: 'ro' }] })],
  })
  await ingest(simulator)
  await ingest(simulator, {}, { key: 'other', channel: 'ro' })
  await until('creation', () => simulator.state.messages().every((each) => each.state === 'created'))
  const body = { conversation_id: 1, content: 'We open at nine.' }
  expect((await ask(simulator, 'POST', '/messages', { body })).status).toBe(200)
  const { items } = (await ask(simulator, 'GET', '/messages?conversation_id=1')).json as Page
  expect(items[1]).toMatchObject({ content: 'We open at nine.', sender_type: 'User' })
  expect((await ask(simulator, 'POST', '/messages', { body, key: 'other' })).status).toBe(404)
  expect(
    (await ask(simulator, 'POST', '/messages', { body: { ...body, conversation_id: 2 }, key: 'other' })).status,
  ).toBe(403)
  expect((await ask(simulator, 'POST', '/messages', { body: { conversation_id: '1' } })).status).toBe(400)
})

test('organizations are isolated: data, ids, webhooks, faults and limits', async () => {
  const [hook, otherHook] = [await receiver(), await receiver()]
  const webhooks = (url: string) => [{ url, event_types: ['message_created'] }]
  const simulator = await simulatorForTest({
    organizations: [organization({ webhooks: webhooks(hook.url) }), { ...other, webhooks: webhooks(otherHook.url) }],
  })
  simulator.state.addFault({ match: { org_id: 2 }, count: 1, effect: { kind: 'answer', status: 503 } })
  const theirs = { key: 'other', channel: 'other-channel' }
  expect((await ingest(simulator)).status).toBe(200)
  expect((await ingest(simulator, {}, theirs)).status).toBe(503)
  expect((await ingest(simulator, { content: 'Theirs' }, theirs)).status).toBe(200)
  await until('both echoes', () => hook.deliveries.length + otherHook.deliveries.length === 2)
  expect(hook.events()).toMatchObject([{ payload: { org_id: 1, message: { content: 'Hello' } } }])
  expect(otherHook.events()).toMatchObject([{ payload: { org_id: 2, message: { content: 'Theirs' } } }])
  const seen = async (key: string) => ((await ask(simulator, 'GET', '/conversations', { key })).json as Page).items
  expect((await seen('demo-api-key')).map((each) => each.id)).toEqual([1])
  expect((await seen('other')).map((each) => each.id)).toEqual([2])
  expect((await ask(simulator, 'GET', '/messages?conversation_id=1', { key: 'other' })).status).toBe(404)
  expect(simulator.state.calls({ org_id: 2 })).toHaveLength(4)
})
