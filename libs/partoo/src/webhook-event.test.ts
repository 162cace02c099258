// Real: the reading of webhook bodies. Doubled: nothing.
// Failure: a throw, an id that is rounded or guessed, a date that is not the moment that was written.

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { messageEvent } from '../../../test/support/webhooks.ts'
import { readDate, readWebhookEvent, type WebhookMessage } from './webhook-event.ts'

const read = (value: unknown) =>
  readWebhookEvent(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

function messageOf(value: unknown): WebhookMessage {
  const event = read(value)
  if (event.kind !== 'event' || event.message === null) throw new Error('no message was read')
  return event.message
}

test('the published example, on a custom channel', () => {
  expect(read(messageEvent())).toEqual({
    kind: 'event',
    type: 'message_created',
    orgId: '42',
    conversationId: '456',
    businessId: '789',
    consumerName: 'John Doe',
    message: {
      id: '123',
      date: '2023-01-31T16:22:17.327Z',
      contentType: 'Text',
      senderType: 'User',
      senderLabel: 'Jane Doe',
      status: 'Sending',
      content: 'We open at nine.',
      userId: '5e9f8f8f8f8f8f8f8f8f8f8f',
      channel: {
        kind: 'custom',
        channelId: 'ch-1',
        externalConversationId: 'conv-1',
        externalMessageId: { kind: 'none' },
      },
    },
  })
})

test('ids beyond 2^53 stay whole; what is no id is null', () => {
  const text = JSON.stringify(messageEvent()).replace('"id":123', '"id":9007199254740993123')
  expect(messageOf(text).id).toBe('9007199254740993123')
  for (const id of [1.5, -1, '', null, {}, [], true, 'x'.repeat(1025)]) {
    expect(messageOf(messageEvent({ message: { id } })).id).toBeNull()
  }
})

test('an id of the size of the whole body neither throws nor takes long', () => {
  const text = JSON.stringify(messageEvent()).replace('"id":123', `"id":${'9'.repeat(250_000)}`)
  const startMs = performance.now()
  expect(messageOf(text).id).toBeNull()
  expect(performance.now() - startMs).toBeLessThan(1_000)
})

test.each([
  ['an empty body', '', 'not-json'],
  ['broken JSON', '{"type":', 'not-json'],
  ['a string', '"message_created"', 'not-an-event'],
  ['an array', '[]', 'not-an-event'],
  ['null', 'null', 'not-an-event'],
  ['no type', '{"payload":{}}', 'not-an-event'],
  ['a type that is a number', '{"type":1}', 'not-an-event'],
  ['JSON nested beyond any stack', '['.repeat(200_000) + ']'.repeat(200_000), 'not-json'],
])('%s is %s', (_, text, kind) => {
  expect(read(text).kind).toBe(kind)
})

test('bytes that are no UTF-8 are not JSON', () => {
  expect(readWebhookEvent(Buffer.from([0x7b, 0xff, 0x7d])).kind).toBe('not-json')
})

test.each([
  ['lead_received', 'lead_received'],
  ['', 'unknown'],
  ['message created', 'unknown'],
  ['x'.repeat(65), 'unknown'],
  ['évènement', 'unknown'],
])('type %j counts as %s', (type, label) => {
  expect(read({ type })).toMatchObject({ kind: 'event', type: label, message: null })
})

const ids = { channel_id: 'ch', external_conversation_id: 'conv', external_message_id: 'msg' }

test.each([
  ['on the message', ids, null],
  ['on the conversation', null, ids],
  ['on both', ids, ids],
  ['spread over both', { external_message_id: 'msg' }, { channel_id: 'ch', external_conversation_id: 'conv' }],
  ['on the message, where the other has none at all', ids, undefined],
])('a custom channel is read %s', (_, ofMessage, ofConversation) => {
  const event = messageEvent({
    message: { custom_channel: ofMessage },
    conversation: { custom_channel: ofConversation },
  })
  expect(messageOf(event).channel).toEqual({
    kind: 'custom',
    channelId: 'ch',
    externalConversationId: 'conv',
    externalMessageId: { kind: 'carried', id: 'msg' },
  })
})

test("the message's word about its external id counts, not its conversation's", () => {
  const event = messageEvent({
    message: { custom_channel: { external_message_id: null } },
    conversation: { custom_channel: ids },
  })
  expect(messageOf(event).channel).toMatchObject({ channelId: 'ch', externalMessageId: { kind: 'none' } })
})

test.each([
  [{ external_message_id: null }, { kind: 'none' }],
  [{ external_message_id: '' }, { kind: 'none' }],
  [{}, { kind: 'untold' }],
  [{ external_message_id: 12 }, { kind: 'carried', id: '12' }],
  [{ external_message_id: 'x'.repeat(2000) }, { kind: 'carried', id: null }],
  [{ external_message_id: { id: 1 } }, { kind: 'carried', id: null }],
])('custom_channel %j: external id %j', (custom_channel, externalMessageId) => {
  expect(messageOf(messageEvent({ message: { custom_channel } })).channel).toMatchObject({ externalMessageId })
})

test.each([
  ['null on both', null, null, 'other'],
  ['null on the message only', null, undefined, 'other'],
  ['absent on both', undefined, undefined, 'untold'],
  ['a string', 'ch-1', null, 'untold'],
  ['an array', [], null, 'untold'],
])('a custom channel that is %s is %4$s', (_, ofMessage, ofConversation, kind) => {
  const event = messageEvent({
    message: { custom_channel: ofMessage },
    conversation: { custom_channel: ofConversation },
  })
  expect(messageOf(event).channel.kind).toBe(kind)
})

test.each([
  ['2023-01-31 16:22:17.327878+00:00', '2023-01-31T16:22:17.327Z'],
  ['2023-01-31 16:22:17+00:00', '2023-01-31T16:22:17.000Z'],
  ['2023-01-31T16:22:17.9Z', '2023-01-31T16:22:17.900Z'],
  ['2023-01-31 16:22:17.327878+0530', '2023-01-31T10:52:17.327Z'],
  ['2024-02-29 23:30:00-01:00', '2024-03-01T00:30:00.000Z'],
  ['0001-01-01 00:00:00+00:00', '0001-01-01T00:00:00.000Z'],
  ['2023-02-29 00:00:00+00:00', null],
  ['2023-04-31 00:00:00+00:00', null],
  ['2023-13-01 00:00:00+00:00', null],
  ['2023-00-01 00:00:00+00:00', null],
  ['2023-01-00 00:00:00+00:00', null],
  ['2023-01-31 24:00:00+00:00', null],
  ['2023-01-31 16:60:00+00:00', null],
  ['2023-01-31 16:22:60+00:00', null],
  ['2023-01-31 16:22:17+24:00', null],
  ['2023-01-31 16:22:17', null],
  ['2023-01-31', null],
  ['31/01/2023 16:22', null],
  ['9999-12-31 23:59:59-01:00', null],
  ['0000-01-01 00:00:00+01:00', null],
  ['', null],
  [1675182137, null],
  [null, null],
])('date %j is %j', (text, iso) => {
  expect(readDate(text)).toBe(iso)
})

test('any moment, written as Partoo does at any offset and precision, is read as that moment', () => {
  const moments = fc.date({
    min: new Date('0001-01-02T00:00:00Z'),
    max: new Date('9999-12-30T00:00:00Z'),
    noInvalidDate: true,
  })
  const two = (n: number) => String(n).padStart(2, '0')
  fc.assert(
    fc.property(
      moments,
      fc.integer({ min: -14 * 60, max: 14 * 60 }),
      fc.integer({ min: 0, max: 999_999 }),
      (moment, offsetMinutes, more) => {
        const local = new Date(moment.getTime() + offsetMinutes * 60_000).toISOString()
        const sign = offsetMinutes < 0 ? '-' : '+'
        const offset = Math.abs(offsetMinutes)
        const written = `${local.slice(0, 23).replace('T', ' ')}${String(more).padStart(6, '0')}${sign}${two(Math.floor(offset / 60))}:${two(offset % 60)}`
        expect(readDate(written)).toBe(moment.toISOString())
      },
    ),
  )
})

test('whatever is read as a date is what JavaScript reads too; everything else is null', () => {
  const digits = fc.stringMatching(/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/)
  fc.assert(
    fc.property(fc.oneof(digits, fc.string()), (text) => {
      const iso = readDate(text)
      if (iso === null) return
      expect(iso).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      expect(new Date(text.replace(' ', 'T').replace(/(\.\d{3})\d+/, '$1')).toISOString()).toBe(iso)
    }),
    { numRuns: 2_000 },
  )
})

test('any bytes and any JSON are read without a throw, and the same twice', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (body) => {
        expect(isDeepStrictEqual(readWebhookEvent(body), readWebhookEvent(body))).toBe(true)
      },
    ),
  )
})
