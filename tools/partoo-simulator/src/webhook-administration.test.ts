// Real: a simulator on loopback, asked by fetch; receivers of test deliveries. Doubled: nothing. Failure: an answer that
// differs from the published one, an effect of a refused request, a configuration of one organization seen by another.

import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Simulator } from './simulator.ts'
import { ask, ingest, organization, receiver, simulatorForTest, until } from './test-world.ts'
import { eventTypes } from './webhook-event.ts'

const url = 'https://hooks.example/partoo'
const roles = organization({
  api_keys: [
    { key: 'admin', role: 'ORG_ADMIN' },
    { key: 'provider', role: 'PROVIDER' },
    { key: 'manager', role: 'BUSINESS_MANAGER' },
  ],
})
const other = organization({
  org_id: 2,
  name: 'Other',
  api_keys: [{ key: 'other', role: 'ORG_ADMIN' }],
  channels: [{ channel_id: 'other-channel', name: 'Other' }],
})
const item = (event_type: string, to = url) => ({ url: to, event_type })

type Configuration = { id: number; url: string; event_type: string; updated_at: string }
type Listed = { page: number; max_page: number; count: number; items: Configuration[] }

function administrator(simulator: Simulator, usual = 'admin') {
  return (method: string, path: string, body?: unknown, key = usual) =>
    ask(simulator, method, path, { key, ...(body === undefined ? {} : { body }) })
}

async function world() {
  const simulator = await simulatorForTest({ organizations: [roles, other] })
  return { simulator, admin: administrator(simulator) }
}

test('created, listed, shown, changed and deleted, in the published shape', async () => {
  const { simulator, admin } = await world()
  const heard: string[] = []
  simulator.state.subscribe((event) => heard.push(event.type))
  expect((await admin('GET', '/webhooks')).json).toEqual({ page: 1, max_page: 1, count: 0, items: [] })
  const made = await admin('POST', '/webhooks', { items: [item('message_created'), item('lead_received')] })
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  const shown = { id: expect.any(Number), url, created_at: time, updated_at: time, org_id: 1 }
  expect(made.status).toBe(200)
  expect(made.json).toEqual({
    items: [
      { ...shown, event_type: 'message_created' },
      { ...shown, event_type: 'lead_received' },
    ],
  })
  expect(heard).toContain('settings')
  const [first] = (made.json as Listed).items
  expect((await admin('GET', '/webhooks')).json).toMatchObject({ count: 2, items: (made.json as Listed).items })
  expect((await admin('GET', `/webhooks/${first?.id}`)).json).toEqual(first)
  await until('a later millisecond', () => `${new Date().toISOString()}` > String(first?.updated_at))
  const moved = await admin('PUT', `/webhooks/${first?.id}`, { url: `${url}/2` })
  expect(moved).toMatchObject({ status: 200, json: { ...first, url: `${url}/2`, updated_at: expect.any(String) } })
  expect((moved.json as Configuration).updated_at > String(first?.updated_at)).toBe(true)
  expect((await admin('GET', `/webhooks/${first?.id}`)).json).toEqual(moved.json)
  expect((await admin('DELETE', `/webhooks/${first?.id}`)).status).toBe(204)
  expect((await admin('GET', `/webhooks/${first?.id}`)).status).toBe(404)
  expect((await admin('GET', '/webhooks')).json).toMatchObject({ count: 1 })
})

test('one configuration per event type and organization; of several none is made where one cannot', async () => {
  const { admin } = await world()
  const made = { items: [item('message_created')] }
  expect((await admin('POST', '/webhooks', made)).status).toBe(200)
  expect((await admin('POST', '/webhooks', made)).status).toBe(400)
  expect((await admin('POST', '/webhooks', { items: [item('message_created', `${url}/2`)] })).status).toBe(400)
  const several = { items: [item('message_updated'), item('message_created')] }
  expect((await admin('POST', '/webhooks', several)).status).toBe(400)
  const twice = { items: [item('message_updated'), item('message_updated', `${url}/2`)] }
  expect((await admin('POST', '/webhooks', twice)).status).toBe(400)
  expect((await admin('POST', '/webhooks', made, 'other')).status).toBe(200)
  const listed = (await admin('GET', '/webhooks')).json as Listed
  expect(listed.items.map((each) => each.event_type)).toEqual(['message_created'])
  expect((await admin('GET', `/webhooks/${listed.items[0]?.id}`, undefined, 'other')).status).toBe(404)
})

test('pages: each configuration once, page and max_page told, nothing beyond the last', async () => {
  const { admin } = await world()
  await admin('POST', '/webhooks', { items: eventTypes.map((type) => item(type)) })
  const page = async (n: number) => (await admin('GET', `/webhooks?page=${n}&per_page=4`)).json as Listed
  const pages = [await page(1), await page(2), await page(3)]
  expect(pages.map((each) => [each.page, each.max_page, each.count, each.items.length])).toEqual([
    [1, 2, 6, 4],
    [2, 2, 6, 2],
    [3, 2, 6, 0],
  ])
  expect(pages.flatMap((each) => each.items.map((one) => one.event_type))).toEqual([...eventTypes])
  for (const wrong of ['page=0', 'page=x', 'page=', 'per_page=0', 'per_page=101', 'per_page=1e1']) {
    expect((await admin('GET', `/webhooks?${wrong}`)).status, wrong).toBe(400)
  }
})

test('who may: roles, and org_id, which a PROVIDER key has to give', async () => {
  const { admin } = await world()
  const status = async (query: string, key: string) => (await admin('GET', `/webhooks${query}`, undefined, key)).status
  expect(await status('', 'manager')).toBe(403)
  expect(await status('', 'nobody')).toBe(401)
  expect(await status('?org_id=1', 'admin')).toBe(200)
  expect(await status('?org_id=2', 'admin')).toBe(403)
  expect(await status('?org_id=1', 'provider')).toBe(200)
  expect(await status('?org_id=2', 'provider')).toBe(403)
  expect(await admin('GET', '/webhooks', undefined, 'provider')).toMatchObject({
    status: 400,
    json: { errors: { org_id: expect.any(String) } },
  })
  expect((await admin('POST', '/webhooks', { items: [item('lead_received')] }, 'provider')).status).toBe(400)
  const path = '/webhooks?org_id=1'
  expect((await admin('POST', path, { items: [item('lead_received')] }, 'provider')).status).toBe(200)
})

test.each([
  ['POST', '/webhooks', item('message_created'), 'items'],
  ['POST', '/webhooks', { items: [] }, 'items'],
  ['POST', '/webhooks', { items: [item('message_created', 'ftp://x')] }, 'items.0.url'],
  ['POST', '/webhooks', { items: [{ url }] }, 'items.0.event_type'],
  ['POST', '/webhooks', { items: [item('message_create')] }, 'items.0.event_type'],
  [
    'POST',
    '/webhooks',
    { items: [{ ...item('message_created'), headers: { 'X-Partoo-Mine': 'x' } }] },
    'items.0.headers.X-Partoo-Mine',
  ],
  [
    'POST',
    '/webhooks',
    { items: [{ ...item('message_created'), headers: { 'X-Long': 'x'.repeat(513) } }] },
    'items.0.headers.X-Long',
  ],
  ['PUT', '/webhooks/1', {}, 'url'],
  ['POST', '/webhooks/tryout', { items: [] }, 'items'],
  ['POST', '/webhooks/tryout', { items: [{ url }] }, 'items.0.event_type'],
] as const)('malformed: %s %s %j names the field', async (method, path, body, field) => {
  const simulator = await simulatorForTest({
    organizations: [organization({ webhooks: [{ url, event_types: ['lead_received'] }] })],
  })
  const refused = await ask(simulator, method, path, { body })
  expect(refused).toMatchObject({ status: 400, json: { errors: expect.any(Object) } })
  expect(Object.keys((refused.json as { errors: object }).errors).join(' ')).toContain(field)
})

test('a test delivery: of the first item only, signed, with the header, of the latest event of its type', async () => {
  const hook = await receiver()
  const { simulator, admin } = await world()
  const tryout = (type: string, to = hook.url) =>
    admin('POST', '/webhooks/tryout', { items: [item(type, to), 'whatever'] })
  expect(await tryout('message_created')).toMatchObject({
    status: 200,
    json: { items: [{ success: true, status_code: 200 }] },
  })
  await ingest(simulator, { content: 'the older' }, { key: 'admin' })
  await ingest(simulator, { content: 'the newest', external_message_id: 'm2' }, { key: 'admin' })
  await until('creation', () => simulator.state.messages().every((each) => each.state === 'created'))
  await tryout('message_created')
  await tryout('message_updated')
  simulator.state.setMessageStatus(1, 'Failed')
  await tryout('message_updated')
  await tryout('lead_received')
  expect(hook.events().map((event) => [event.type, event.payload.message.content, event.payload.org_id])).toEqual([
    ['message_created', 'This is a test delivery.', 1],
    ['message_created', 'the newest', 1],
    ['message_updated', 'This is a test delivery.', 1],
    ['message_updated', 'the older', 1],
    ['lead_received', 'This is a test delivery.', 1],
  ])
  for (const { headers, bytes } of hook.deliveries) {
    expect(headers['x-partoo-webhook-tryout']).toBeDefined()
    const signature = Buffer.from(String(headers['x-partoo-signature-v1']), 'base64')
    expect(verify(null, bytes, createPublicKey(simulator.publicKeyPem), signature)).toBe(true)
  }
  expect(simulator.state.webhookAttempts().every((attempt) => attempt.tryout)).toBe(true)
  simulator.state.reset()
  await tryout('message_created')
  expect(hook.events().at(-1).payload.message.content).toBe('This is a test delivery.')
})

test('a test delivery that fails is told, and not repeated; a reset while it is on its way ends its request', async () => {
  const hook = await receiver((nth) => (nth === 1 ? 503 : 'hang'))
  const { simulator, admin } = await world()
  const body = { items: [item('message_created', hook.url)] }
  expect((await admin('POST', '/webhooks/tryout', body)).json).toEqual({
    items: [{ url: hook.url, event_type: 'message_created', success: false, status_code: 503, error: null }],
  })
  expect(simulator.state.snapshot().webhooks_pending).toBe(0)
  const nobody = { items: [item('message_created', 'http://127.0.0.1:1/')] }
  expect((await admin('POST', '/webhooks/tryout', nobody)).json).toMatchObject({
    items: [{ success: false, status_code: null, error: 'ECONNREFUSED' }],
  })
  const waiting = admin('POST', '/webhooks/tryout', body).then(
    () => 'answered',
    () => 'gone',
  )
  await until('the delivery', () => hook.held.length === 1)
  simulator.state.reset()
  expect(await waiting).toBe('gone')
})
