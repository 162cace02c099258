// Real: a simulator on loopback and its control API, asked by fetch. Doubled: nothing. Failure: an endpoint that does
// not do what the in-process method does, or a malformed request that is not told what is wrong with it.

import { expect, test } from 'vitest'
import { ask, ingest, organization, receiver, simulatorForTest, until } from './test-world.ts'

type Listed = { items: Record<string, unknown>[]; next?: number | null; dropped?: number }

test('faults: ordered, listed, looked at, removed', async () => {
  const simulator = await simulatorForTest()
  const control = (method: string, path: string, body?: unknown) => ask(simulator, method, `/_control${path}`, { body })
  const made = await control('POST', '/faults', {
    match: { channel_id: 'demo-channel' },
    count: 3,
    effect: { kind: 'answer', status: 500 },
  })
  expect(made).toMatchObject({ status: 201, json: { id: 'fault-1', applied: 0, count: 3 } })
  expect((await ingest(simulator)).status).toBe(500)
  expect(await control('GET', '/faults/fault-1')).toMatchObject({ status: 200, json: { applied: 1 } })
  expect((await control('DELETE', '/faults/fault-1')).status).toBe(204)
  expect((await control('DELETE', '/faults/fault-1')).status).toBe(404)
  expect((await control('GET', '/faults/fault-1')).status).toBe(404)
  await control('POST', '/faults', { effect: { kind: 'lose-creation' } })
  expect(((await control('GET', '/faults')).json as Listed).items).toMatchObject([{ id: 'fault-2' }])
  expect((await control('DELETE', '/faults')).status).toBe(204)
  expect(simulator.state.faults()).toEqual([])
})

test('too many faults are refused in words, not as a failure of the simulator', async () => {
  const simulator = await simulatorForTest()
  for (let n = 0; n < 10_000; n += 1) simulator.state.addFault({ effect: { kind: 'latency', ms: 0 } })
  const refused = await ask(simulator, 'POST', '/_control/faults', { body: { effect: { kind: 'latency', ms: 0 } } })
  expect(refused).toMatchObject({ status: 503, json: { errors: ['too many faults at once'] } })
  expect(() => simulator.state.addFault({ effect: { kind: 'latency', ms: 0 } })).toThrow('too many faults')
})

test('records: calls with every filter, the busiest window, webhook attempts', async () => {
  const hook = await receiver()
  const webhooks = [{ url: hook.url, event_types: ['message_created'] }]
  const simulator = await simulatorForTest({ organizations: [organization({ webhooks })] })
  await ingest(simulator)
  await ingest(simulator)
  await ingest(simulator, { external_message_id: 'm2', business_id: '8' })
  await until('both echoes', () => simulator.state.webhookAttempts().length === 2)
  const list = async (path: string) => ((await ask(simulator, 'GET', `/_control${path}`)).json as Listed).items
  expect(await list('/calls')).toHaveLength(3)
  expect(await list('/calls?effect=duplicate')).toMatchObject([{ n: 2, body: { external_message_id: 'm1' } }])
  expect(await list('/calls?business_id=8&org_id=1&channel_id=demo-channel&status=200')).toHaveLength(1)
  expect(await list('/calls?external_conversation_id=c1&external_message_id=m1')).toHaveLength(2)
  expect(await list('/calls?status=null')).toHaveLength(0)
  expect((await list('/calls?since=1&limit=1')).map((call) => call.n)).toEqual([2])
  const window = await ask(simulator, 'GET', '/_control/calls/most-in-window?ms=60000&org_id=1')
  expect(window.json).toMatchObject({ ms: 60_000, most: 3, most_admitted: 3, counted: 3 })
  expect(await list('/webhook-attempts?event_type=message_created&outcome=delivered&org_id=1')).toHaveLength(2)
  expect(await list('/webhook-attempts?message_id=99')).toEqual([])
})

test('what a person does in Partoo: conversations, replies, foreign messages, status, read', async () => {
  const simulator = await simulatorForTest()
  const control = (method: string, path: string, body?: unknown) => ask(simulator, method, `/_control${path}`, { body })
  await ingest(simulator, { consumer_name: 'John' })
  await until('creation', () => simulator.state.messages()[0]?.state === 'created')
  const listed = (await control('GET', '/conversations?org_id=1&channel_id=demo-channel&limit=5')).json as Listed
  expect(listed).toMatchObject({ items: [{ id: 1, unread: 1, consumer_name: 'John', message_count: 1 }], next: null })
  expect((await control('POST', '/conversations/1/read')).status).toBe(204)
  expect(await control('GET', '/conversations/1')).toMatchObject({ status: 200, json: { unread: 0 } })
  const reply = await control('POST', '/replies', {
    conversation_id: 1,
    content: 'We open at nine.',
    content_type: 'Image',
  })
  expect(reply).toMatchObject({ status: 201, json: { content_type: 'Image', sender_type: 'User', conversation_id: 1 } })
  expect(await control('POST', '/foreign-messages', { content: 'Hi', messaging_partner: 'SMS' })).toMatchObject({
    status: 201,
    json: { channel_id: null, conversation_id: 2 },
  })
  expect((await control('POST', '/foreign-messages', { content: 'Hi', conversation_id: 1 })).status).toBe(400)
  expect(await control('POST', '/messages/2/status', { status: 'Failed' })).toMatchObject({
    json: { status: 'Failed' },
  })
  const messages = (await control('GET', '/conversations/1/messages?limit=1')).json as Listed
  expect(messages).toMatchObject({ items: [{ id: 2 }], next: 2 })
  expect((await control('GET', '/conversations/1/messages?before=2')).json).toMatchObject({
    items: [{ id: 1 }],
    next: null,
  })
  for (const path of ['/conversations/99', '/conversations/x', '/conversations/99/messages', '/no-such']) {
    expect((await control('GET', path)).status, path).toBe(404)
  }
  expect((await control('POST', '/replies', { conversation_id: 99, content: 'x' })).status).toBe(404)
  expect((await control('POST', '/messages/99/status', { status: 'Failed' })).status).toBe(404)
})

test('webhooks, tryouts, organizations, state and reset', async () => {
  const hook = await receiver()
  const simulator = await simulatorForTest()
  const control = (method: string, path: string, body?: unknown) => ask(simulator, method, `/_control${path}`, { body })
  expect((await control('POST', '/webhooks', { url: hook.url })).json).toMatchObject([
    { webhooks: [{ url: hook.url, event_type: 'message_created' }, { event_type: 'message_updated' }] },
  ])
  const webhooks = [{ url: hook.url, event_types: ['lead_received'] }]
  expect((await control('POST', '/webhooks', { org_id: 1, webhooks })).status).toBe(200)
  expect((await control('POST', '/webhooks/tryout', { event_type: 'lead_received' })).json).toEqual({ webhooks: 1 })
  expect((await control('POST', '/webhooks/send', { event_type: 'lead_received', body: null })).json).toEqual({
    webhooks: 1,
  })
  expect((await control('POST', '/webhooks/send', {})).json).toEqual({ webhooks: 0 })
  await until('both', () => hook.deliveries.length === 2)
  expect(hook.deliveries.map(({ headers }) => headers['x-partoo-webhook-tryout'] !== undefined).sort()).toEqual([
    false,
    true,
  ])
  expect(hook.events()).toContain(null)

  const change = { rate_limit_per_minute: 1, rate_limit_kind: 'token-bucket', token_bucket_burst: 2 }
  expect((await control('POST', '/organizations/1', change)).json).toMatchObject([change])
  expect((await control('POST', '/organizations/9', change)).status).toBe(404)
  expect((await control('POST', '/organizations/1', { revoke_keys: ['no-such'] })).status).toBe(400)
  expect((await control('POST', '/organizations/1', { revoke_keys: ['demo-api-key'] })).status).toBe(200)
  expect((await ingest(simulator)).status).toBe(401)

  const state = (await control('GET', '/state')).json
  expect(state).toMatchObject({ public_key_pem: simulator.publicKeyPem, calls: 1, organizations: [{ org_id: 1 }] })
  expect(JSON.stringify(state)).not.toContain('demo-api-key')
  expect((await control('POST', '/reset')).status).toBe(204)
  expect((await control('GET', '/state')).json).toMatchObject({
    calls: 0,
    organizations: [{ rate_limit_per_minute: 0, webhooks: [] }],
  })
  expect((await ingest(simulator)).status).toBe(200)
})

test.each([
  ['POST', '/faults', '{ broken', 'not JSON'],
  ['POST', '/faults', {}, 'effect'],
  ['POST', '/faults', { effect: { kind: 'reset', when: 'sometimes' }, count: 0 }, 'effect.when', 'count'],
  ['POST', '/faults', { effect: { kind: 'answer', status: 500, headers: { 'a b': 'c' } } }, 'headers'],
  ['POST', '/replies', { content: '' }, 'conversation_id', 'content'],
  ['POST', '/replies', null, 'object'],
  ['POST', '/foreign-messages', { org_id: 'one' }, 'org_id', 'content'],
  ['POST', '/messages/1/status', { status: 'Done' }, 'status'],
  ['POST', '/webhooks', {}, 'url'],
  ['POST', '/webhooks', { url: 'nonsense', extra: 1 }, 'url', 'extra'],
  ['POST', '/webhooks', { webhooks: [{ url: 'http://a.example', event_types: [] }] }, 'webhooks.0.event_types'],
  [
    'POST',
    '/webhooks',
    { webhooks: [1, 2].map(() => ({ url: 'http://a.example', event_types: ['x'] })) },
    'one webhook configuration per event type',
  ],
  ['POST', '/webhooks/send', [], 'object'],
  ['POST', '/webhooks/tryout', { event_typ: 'x' }, 'event_typ'],
  [
    'POST',
    '/organizations/1',
    { rate_limit_per_minute: -1, rate_limit_kind: 'leaky' },
    'rate_limit_per_minute',
    'rate_limit_kind',
  ],
  ['GET', '/calls?status=maybe', undefined, 'status: must be a status or null'],
  ['GET', '/calls?orgid=1', undefined, 'orgid'],
  ['GET', '/calls?limit=', undefined, 'limit'],
  ['GET', '/calls?since=1e3', undefined, 'since'],
  ['GET', '/calls/most-in-window?ms=0', undefined, 'ms'],
  ['GET', '/webhook-attempts?outcome=fine', undefined, 'outcome'],
  ['GET', '/conversations?before=x', undefined, 'before'],
] as const)('malformed: %s %s %j is told what is wrong', async (method, path, body, ...words) => {
  const simulator = await simulatorForTest()
  const { status, json } = await ask(simulator, method, `/_control${path}`, { body })
  expect(status).toBe(400)
  const { errors } = json as { errors: string[] }
  for (const word of words) expect(errors.join('\n')).toContain(word)
  expect(errors.join('\n')).not.toContain('Invalid input\n')
})
