// Real: reading and classification. Doubled: nothing.
// Failure: a loop (an echo taken for a reply), a reply for an organization that is not ours, a throw, an event with no kind.

import { readWebhookEvent } from '@bridge/partoo/webhook-event'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type EventFields, messageEvent } from '../../../test/support/webhooks.ts'
import { type Classified, classify } from './classify.ts'

const ours = new Set(['42'])
const anyone = new Set<string>()

function classified(value: unknown, orgIds: ReadonlySet<string> = ours, tryout = false): Classified {
  return classify(readWebhookEvent(Buffer.from(JSON.stringify(value))), orgIds, tryout)
}

/** A channel with the given external message id; undefined: no such key. */
const channel = (external_message_id: unknown) => ({
  custom_channel: { channel_id: 'ch', external_conversation_id: 'conv', external_message_id },
})

/** What a row expects: `reply`, `reply untold`, `receipt <status>`, `event`, `event <reason>`, `event foreign`. */
function summary(result: Classified): string {
  if (result.kind === 'reply') return result.untold ? 'reply untold' : 'reply'
  if (result.kind === 'receipt') return `receipt ${result.status}`
  return ['event', result.reason, result.foreign ? 'foreign' : null].filter((part) => part !== null).join(' ')
}

const created: [what: string, fields: EventFields, expected: string][] = [
  ['written in Partoo', {}, 'reply'],
  ['written by a sender type that Partoo may add', { message: { sender_type: 'Assistant' } }, 'reply'],
  ['from the consumer', { message: { sender_type: 'Consumer' } }, 'receipt created'],
  ['with an external id, from the user', { message: channel('m-1') }, 'receipt created'],
  ['with an external id that is none of ours', { message: channel('x'.repeat(2_000)) }, 'receipt created'],
  ['with an external id, from nobody', { message: { ...channel('m'), sender_type: undefined } }, 'receipt created'],
  ['with an empty external id', { message: channel('') }, 'reply'],
  ['whose channel has no key for the external id', { message: channel(undefined) }, 'reply untold'],
  [
    'from the consumer, whose channel has no such key',
    { message: { ...channel(undefined), sender_type: 'Consumer' } },
    'receipt created',
  ],
  ['with a channel without any key', { message: { custom_channel: {} } }, 'reply untold'],
  [
    "with the channel on its conversation's side only",
    { message: { custom_channel: null }, conversation: channel(null) },
    'reply',
  ],
  ['that is a system note', { message: { sender_type: 'Metadata' } }, 'event'],
  ['that is a system note with an external id', { message: { ...channel('m'), sender_type: 'Metadata' } }, 'event'],
  ["on another partner's channel", { message: { custom_channel: null } }, 'event'],
  ['without sender type', { message: { sender_type: undefined } }, 'event fields-missing'],
  [
    'without custom_channel anywhere',
    { message: { custom_channel: undefined }, conversation: { custom_channel: undefined } },
    'event fields-missing',
  ],
  ['whose custom_channel is a text', { message: { custom_channel: 'ch' } }, 'event fields-missing'],
  ['without a message', { payload: { message: undefined } }, 'event fields-missing'],
  ['without a payload', { payload: { message: 1, conversation: 2 } }, 'event fields-missing'],
  ['without message id', { message: { id: undefined } }, 'reply'],
  ['without conversation', { payload: { conversation: undefined } }, 'reply'],
  [
    'without any conversation id',
    { message: { conversation_id: undefined, custom_channel: {} }, conversation: { id: undefined } },
    'event fields-missing',
  ],
  ['without content', { message: { content: undefined } }, 'reply'],
  ['without organization', { payload: { org_id: undefined } }, 'event fields-missing'],
  ['of another organization', { payload: { org_id: 43 } }, 'event foreign'],
  ['of our organization, the id being a text', { payload: { org_id: '42' } }, 'reply'],
]

test.each(created)('a message_created %s', (_, fields, expected) => {
  expect(summary(classified(messageEvent(fields)))).toBe(expected)
})

test.each([
  ['Success', 'm-1', 'receipt delivered'],
  ['Failed', 'm-1', 'receipt failed'],
  ['Sending', 'm-1', 'event'],
  ['Read', 'm-1', 'event'],
  [undefined, 'm-1', 'event fields-missing'],
  ['Success', null, 'event'],
  ['Failed', undefined, 'event'],
  ['Success', 'x'.repeat(2_000), 'event'],
])('a message_updated with status %j and external id %j', (status, externalId, expected) => {
  const fields = { type: 'message_updated', message: { status, ...channel(externalId) } }
  expect(summary(classified(messageEvent(fields)))).toBe(expected)
  expect(summary(classified(messageEvent({ ...fields, payload: { org_id: 43 } })))).toBe('event foreign')
})

test.each(['business_created', 'lead_received', 'message_deleted', 'Message_Created', 'what next?'])(
  'a %s is an event, whatever its payload',
  (type) => {
    expect(summary(classified(messageEvent({ type })))).toBe('event')
    expect(summary(classified({ type }))).toBe('event')
    expect(summary(classified({ type, payload: { org_id: 43 } }))).toBe('event foreign')
  },
)

test('a test delivery is an event and nothing else, and still foreign where it is', () => {
  expect(summary(classified(messageEvent(), ours, true))).toBe('event')
  expect(summary(classified(messageEvent({ payload: { org_id: 43 } }), ours, true))).toBe('event foreign')
  expect(summary(classified([], ours, true))).toBe('event not-an-event')
})

test('without configured organizations every one is known, also one that is not told', () => {
  expect(summary(classified(messageEvent({ payload: { org_id: 43 } }), anyone))).toBe('reply')
  expect(summary(classified(messageEvent({ payload: { org_id: undefined } }), anyone))).toBe('reply')
})

test('with several organizations configured each is ours', () => {
  const both = new Set(['42', '43'])
  expect(summary(classified(messageEvent({ payload: { org_id: 43 } }), both))).toBe('reply')
  expect(summary(classified(messageEvent({ payload: { org_id: 44 } }), both))).toBe('event foreign')
})

/** Message events in which anything may be anything, or missing. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(undefined, null, '', 'User', 'Consumer', 'Metadata', 'Success', 'Failed', 42, 43, 'm-1', '42', {}),
)
const anyChannel = fc.oneof(
  anything,
  fc.record(
    { channel_id: anything, external_conversation_id: anything, external_message_id: anything },
    { requiredKeys: [] },
  ),
)
const anyEvent = fc
  .record({
    type: fc.oneof(fc.constantFrom('message_created', 'message_updated'), anything),
    message: fc.record(
      {
        id: anything,
        conversation_id: anything,
        date: anything,
        sender_type: anything,
        status: anything,
        content: anything,
        custom_channel: anyChannel,
      },
      { requiredKeys: [] },
    ),
    conversation: fc.record({ id: anything, custom_channel: anyChannel }, { requiredKeys: [] }),
    payload: fc.record({ org_id: anything }, { requiredKeys: [] }),
  })
  .map((fields) => Buffer.from(JSON.stringify(messageEvent(fields))))

test('no input whatever makes classification throw; replies and receipts are of our organizations only', () => {
  const bodies = fc.oneof(
    anyEvent,
    fc.uint8Array(),
    fc.json().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bodies, fc.boolean(), (body, tryout) => {
      const event = readWebhookEvent(body)
      const result = classify(event, ours, tryout)
      expect(['reply', 'receipt', 'event']).toContain(result.kind)
      if (result.kind === 'event') return
      expect(tryout).toBe(false)
      expect(result.event.orgId).toBe('42')
      expect(result.channel.externalConversationId ?? result.event.conversationId).not.toBeNull()
      if (result.kind === 'reply') {
        expect(['Consumer', 'Metadata', null]).not.toContain(result.event.message.senderType)
        expect(result.channel.externalMessageId.kind).not.toBe('carried')
      }
    }),
    { numRuns: 2_000 },
  )
})
