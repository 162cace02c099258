// Real: verification, reading, classification, the contracts' schemas. Doubled: nothing.
// Failure: a record that its contract refuses, a body that is not the original byte for byte, an event that is lost.

import { readSignature } from '@bridge/partoo/signature'
import { receipt } from '@bridge/schemas/receipt'
import type { OutgoingRecord } from '@bridge/schemas/record'
import { reply } from '@bridge/schemas/reply'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type EventFields, messageEvent, signingKey } from '../../../test/support/webhooks.ts'
import { type Delivery, type Fact, toFact } from './records.ts'
import { Verified } from './verify.ts'

const key = signingKey()
const topics = { replies: 'replies', receipts: 'receipts', events: 'events' }
const delivery: Delivery = { tryout: false, traceparent: undefined, receivedAt: '2026-11-22T12:00:00.000Z' }
const ours = new Set(['42'])

async function factOf(body: Buffer | string, more: Partial<Delivery> = {}): Promise<Fact> {
  const bytes = Buffer.from(body)
  const verified = await Verified.verify([key.publicKey], bytes, readSignature(key.sign(bytes)) ?? Buffer.alloc(0))
  if (verified === undefined) throw new Error('a signature of our own did not verify')
  const full = { ...delivery, ...more }
  return toFact(verified, full, { orgIds: ours, topics })
}

const json = (fields: EventFields = {}) => JSON.stringify(messageEvent(fields))
const headersOf = (record: OutgoingRecord) =>
  Object.fromEntries(record.headers.map(([name, value]) => [name, value.toString()]))
const contentOf = (record: OutgoingRecord) => JSON.parse(record.value?.toString() ?? '')

const echo = { custom_channel: { channel_id: 'ch-1', external_conversation_id: 'conv-1', external_message_id: 'm-1' } }

test('a reply: every field, the original as a string, and what it is in headers', async () => {
  const body = json()
  const { classified, record } = await factOf(body, { traceparent: '00-a-b-01' })
  expect(classified.kind).toBe('reply')
  expect(record).toMatchObject({ topic: 'replies', key: Buffer.from('conv-1') })
  expect(contentOf(record)).toEqual({
    message_id: '123',
    conversation_id: '456',
    external_conversation_id: 'conv-1',
    channel_id: 'ch-1',
    business_id: '789',
    org_id: '42',
    content: 'We open at nine.',
    content_type: 'Text',
    sender_type: 'User',
    sender_label: 'Jane Doe',
    user_id: '5e9f8f8f8f8f8f8f8f8f8f8f',
    created_at: '2023-01-31T16:22:17.327Z',
    consumer_name: 'John Doe',
    event: body,
  })
  expect(headersOf(record)).toEqual({
    ce_specversion: '1.0',
    ce_id: expect.stringMatching(/^message_created\/123\/[0-9a-f]{16}$/),
    ce_type: 'partoo.reply',
    ce_source: '/partoo/webhook-gateway',
    ce_time: '2023-01-31T16:22:17.327Z',
    'content-type': 'application/json',
    traceparent: '00-a-b-01',
  })
})

test('copies of one webhook have one ce_id; another body has another', async () => {
  const id = async (body: string) => headersOf((await factOf(body)).record).ce_id
  expect(await id(json())).toBe(await id(json()))
  expect(await id(json())).not.toBe(await id(json({ message: { content: 'We open at ten.' } })))
})

test('a reply whose conversation has no external id is kept together by that of Partoo', async () => {
  const { record } = await factOf(json({ message: { custom_channel: { external_message_id: null } } }))
  expect(record.key?.toString()).toBe('partoo-conversation-456')
  expect(contentOf(record)).toMatchObject({ external_conversation_id: null, channel_id: null })
})

test('a reply that may be an echo says so', async () => {
  const { record } = await factOf(json({ message: { custom_channel: {} } }))
  expect(headersOf(record)).toMatchObject({ ce_type: 'partoo.reply', 'partoo-origin': 'unknown' })
})

test('what is too large for the topic: the original to the events, then the reply without it', async () => {
  const body = json()
  const { whenTooLarge } = await factOf(body)
  const [original, shortened, ...more] = whenTooLarge?.() ?? []
  expect(more).toEqual([])
  expect(original).toMatchObject({ topic: 'events', key: Buffer.from('partoo-conversation-456') })
  expect(original?.value?.toString()).toBe(body)
  expect(headersOf(original as OutgoingRecord)).toMatchObject({ ce_type: 'partoo.event.message_created' })
  expect(shortened).toMatchObject({ topic: 'replies', key: Buffer.from('conv-1') })
  expect(contentOf(shortened as OutgoingRecord)).toMatchObject({ event: null, content: 'We open at nine.' })
  expect(headersOf(shortened as OutgoingRecord)).toMatchObject({ 'partoo-event-omitted': 'too-large' })
})

test.each([
  ['message_created', 'Sending', 'created', '2023-01-31T16:22:17.327Z'],
  ['message_updated', 'Success', 'delivered', delivery.receivedAt],
  ['message_updated', 'Failed', 'failed', delivery.receivedAt],
])('%s with status %s: a receipt that it was %s', async (type, status, expected, at) => {
  const { classified, record, whenTooLarge } = await factOf(json({ type, message: { status, ...echo } }))
  expect(classified.kind).toBe('receipt')
  expect(whenTooLarge).toBeUndefined()
  expect(record).toMatchObject({ topic: 'receipts', key: Buffer.from('conv-1') })
  expect(contentOf(record)).toEqual({
    status: expected,
    reason: null,
    channel_id: 'ch-1',
    external_conversation_id: 'conv-1',
    external_message_id: 'm-1',
    business_id: '789',
    at,
    attempts: 0,
    http_status: null,
    source: null,
    partoo: { message_id: '123', conversation_id: '456' },
  })
  expect(headersOf(record)).toMatchObject({
    ce_id: expect.stringMatching(new RegExp(`^${type}/123/[0-9a-f]{16}$`)),
    ce_type: `partoo.receipt.${expected}`,
    ce_time: '2023-01-31T16:22:17.327Z',
  })
})

test('the echo of a consumer without external ids is a receipt all the same', async () => {
  const fields = { message: { sender_type: 'Consumer', custom_channel: {}, date: 'yesterday' } }
  const { record } = await factOf(json(fields))
  expect(record.key?.toString()).toBe('partoo-conversation-456')
  expect(contentOf(record)).toMatchObject({ external_message_id: null, at: delivery.receivedAt })
})

test.each([
  [
    'another channel',
    json({ message: { custom_channel: null } }),
    'partoo-conversation-456',
    'message_created/123',
    {},
  ],
  ['another type', '{"type":"lead_received"}', 'lead_received', 'lead_received/-', {}],
  ['a type that is no label', '{"type":"a b"}', 'unknown', 'unknown/-', {}],
  [
    'no JSON',
    'oops',
    'unknown',
    'unknown/-',
    { 'partoo-reason': 'not-json', 'content-type': 'application/octet-stream' },
  ],
  ['no event', '[]', 'unknown', 'unknown/-', { 'partoo-reason': 'not-an-event' }],
  [
    'no fields',
    '{"type":"message_created"}',
    'message_created',
    'message_created/-',
    { 'partoo-reason': 'fields-missing' },
  ],
  ['nothing', '', 'unknown', 'unknown/-', { 'partoo-reason': 'not-json', 'content-type': 'application/octet-stream' }],
])('%s: an event, byte for byte', async (_, body, eventKey, id, headers) => {
  const { classified, record } = await factOf(body)
  expect(classified).toMatchObject({ kind: 'event', foreign: false })
  expect(record).toMatchObject({ topic: 'events', key: Buffer.from(eventKey) })
  expect(record.value?.toString()).toBe(body)
  expect(headersOf(record)).toMatchObject({
    ce_type: `partoo.event.${id.split('/')[0]}`,
    ce_id: expect.stringMatching(new RegExp(`^${id}/[0-9a-f]{16}$`)),
    'content-type': 'application/json',
    ...headers,
  })
  for (const name of ['partoo-origin', 'partoo-tryout', 'partoo-reason', 'traceparent']) {
    if (!(name in headers)) expect(headersOf(record)).not.toHaveProperty(name)
  }
})

test('foreign and tryout events say so', async () => {
  const foreign = await factOf(json({ payload: { org_id: 43 } }))
  expect(foreign.classified).toMatchObject({ kind: 'event', foreign: true })
  expect(headersOf(foreign.record)).toMatchObject({ 'partoo-origin': 'foreign' })
  const tryout = await factOf(json(), { tryout: true })
  expect(tryout.classified).toMatchObject({ kind: 'event', foreign: false })
  expect(headersOf(tryout.record)).toMatchObject({ 'partoo-tryout': 'true' })
})

test('a body with a byte order mark or half a surrogate pair is kept as it is', async () => {
  const marked = `\ufeff${json({ message: { content: '\ud800' } })}`
  const { record } = await factOf(marked)
  expect(contentOf(record)).toMatchObject({ event: marked, content: '\ud800' })
  const event = await factOf(`\ufeff${json({ message: { custom_channel: null } })}`)
  expect(event.record.value?.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]))
})

/** Values where ids, texts and objects belong: the contracts must hold for all of them. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(undefined, 'User', 'Consumer', 'Success', 'Failed', '2023-01-31 16:22:17.327878+00:00', 42),
)
const oddChannel = fc.record(
  { channel_id: odd, external_conversation_id: odd, external_message_id: odd },
  { requiredKeys: [] },
)
const oddFields = fc.record(
  {
    type: fc.oneof(fc.constantFrom('message_created', 'message_updated'), odd),
    message: fc.record(
      {
        id: odd,
        conversation_id: odd,
        date: odd,
        status: odd,
        sender_type: odd,
        content: odd,
        custom_channel: oddChannel,
      },
      { requiredKeys: [] },
    ),
    conversation: fc.record({ id: odd, business: odd, consumer_name: odd }, { requiredKeys: [] }),
    payload: fc.record({ org_id: fc.constantFrom(42, 43) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
)

test('whatever is in it, a webhook becomes one record of its contract, and nothing of the original is lost', async () => {
  const bodies = fc.oneof(
    { weight: 3, arbitrary: oddFields.map((fields) => Buffer.from(json(fields as EventFields))) },
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
  )
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(bodies, fc.boolean(), async (body, tryout) => {
      const { classified, record, whenTooLarge } = await factOf(body, { tryout })
      const { kind } = classified
      seen.add(kind)
      expect(record.key?.length).toBeGreaterThan(0)
      if (kind === 'event') {
        expect(record.topic).toBe('events')
        expect(record.value?.equals(body)).toBe(true)
        return
      }
      const contract = kind === 'reply' ? reply : receipt
      expect(contract.parse(contentOf(record))).toEqual(contentOf(record))
      if (kind === 'receipt') return
      expect(Buffer.from(contentOf(record).event).equals(body)).toBe(true)
      const [original, shortened] = whenTooLarge?.() ?? []
      expect(original?.value?.equals(body)).toBe(true)
      expect(contentOf(shortened as OutgoingRecord)).toEqual({ ...contentOf(record), event: null })
    }),
    { numRuns: 2_000 },
  )
  expect([...seen].sort()).toEqual(['event', 'receipt', 'reply'])
})
