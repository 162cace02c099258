// Real: the functions of both services that make records, on real webhooks with real signatures; the contracts, the headers that are
// described, every validator of every format. Doubled: nothing. (What the bridge reads: libs/schemas/src/golden.test.ts.)
// Failure: a value that a format's validator refuses, a header that is not described, or is described and not written.

import { deadLetterRecord, receiptRecord } from '@bridge/ingestor/publications'
import { readSignature } from '@bridge/partoo/signature'
import { validatorNames, validatorsOf } from '@bridge/schemas/generating/validators'
import { goldenExamples } from '@bridge/schemas/golden'
import type { Receipt } from '@bridge/schemas/receipt'
import type { ConsumedRecord, OutgoingRecord } from '@bridge/schemas/record'
import { recordHeaders } from '@bridge/schemas/record-headers'
import { toFact } from '@bridge/webhook-gateway/records'
import { Verified } from '@bridge/webhook-gateway/verify'
import { expect, test } from 'vitest'
import { type EventFields, messageEvent, signingKey } from './support/webhooks.ts'

/** Topics are named as their roles. */
const topics = { replies: 'replies', receipts: 'receipts', events: 'events' } as const
type Role = 'dlq' | 'receipts' | 'replies' | 'events'
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const now = '2026-11-22T12:00:00.000Z'
const key = signingKey()

/** What the gateway writes for a webhook: the record, and those that replace it where it is too large. */
async function gatewayRecords(body: string, tryout = false): Promise<OutgoingRecord[]> {
  const bytes = Buffer.from(body)
  const verified = await Verified.verify([key.publicKey], bytes, readSignature(key.sign(bytes)) ?? Buffer.alloc(0))
  if (verified === undefined) throw new Error('a signature of our own did not verify')
  const { record, whenTooLarge } = toFact(
    verified,
    { tryout, traceparent, receivedAt: now },
    { orgIds: new Set(['42']), topics },
  )
  return [record, ...(whenTooLarge?.() ?? [])]
}

const webhook = (fields: EventFields = {}) => JSON.stringify(messageEvent(fields))
const ingested = {
  custom_channel: { channel_id: 'ch-1', external_conversation_id: 'conv-1', external_message_id: 'm-1' },
}
const webhooks = [
  webhook(),
  webhook({ message: { content: null, content_type: 'Image', sender_label: null, user_id: null, date: 'soon' } }),
  webhook({ message: { custom_channel: {} }, conversation: { consumer_name: undefined, business: undefined } }),
  webhook({ message: { content: '👩‍👩‍👧‍👦 שלום \0 \u2028', id: 2 ** 50 } }),
  webhook({ message: ingested }),
  webhook({ type: 'message_updated', message: { ...ingested, status: 'Success' } }),
  webhook({ type: 'message_updated', message: { ...ingested, status: 'Failed', conversation_id: undefined } }),
  webhook({ message: { ...ingested, sender_type: 'Consumer', custom_channel: { external_message_id: null } } }),
  webhook({ type: 'review_created' }),
  webhook({ payload: { org_id: 43 } }),
  webhook({ payload: { message: undefined } }),
  '{"type": 7}',
  'no JSON at all',
]

/** A record that the ingestor read. */
const source = (headers: ConsumedRecord['headers']): ConsumedRecord => ({
  topic: 'outbound-messages',
  partition: 3,
  offset: 1207,
  timestampMs: Date.parse(now),
  key: Buffer.from('conversation-1'),
  value: Buffer.from('{}'),
  headers,
})
const traced = source([['traceparent', Buffer.from(traceparent)]])

const receipts = goldenExamples('receipt')
  .filter(({ folder, name }) => folder === 'valid' && name !== 'unknown-fields')
  .map(({ text }): Receipt => JSON.parse(text))
  .filter((receipt) => receipt.source !== null)

const cause = { reason: 'rejected', detail: 'content is too long', attempts: 1, httpStatus: 400 } as const
const called = { ...cause, response: Buffer.from('{"errors":{}}'), firstAttemptAt: now, lastAttemptAt: now }
const never = { ...called, httpStatus: null, response: null, attempts: 0, firstAttemptAt: null, lastAttemptAt: null }
const deadLetters = [
  { record: source([]), cause: never, truncation: 'none' },
  { record: source([['own', null]]), cause: called, truncation: 'value' },
  { record: source([['own', null]]), cause: called, truncation: 'value,key,headers' },
] as const

const written: OutgoingRecord[] = [
  ...(await Promise.all(webhooks.map((body) => gatewayRecords(body)))).flat(),
  ...(await gatewayRecords(webhook(), true)),
  ...receipts.flatMap((receipt) => [traced, source([])].map((from) => receiptRecord('receipts', receipt, from, now))),
  ...deadLetters.map((effect) => deadLetterRecord('dlq', { kind: 'storeDeadLetter', token: 1, ...effect })),
]
const byRole = (role: Role) => written.filter(({ topic }) => topic === role)

test.each([
  ['receipts', 'receipt'],
  ['replies', 'reply'],
] as const)('every validator takes the values of %s that are written', (role, contract) => {
  const validators = validatorsOf(contract)
  expect(byRole(role).length).toBeGreaterThan(4)
  for (const { value } of byRole(role)) {
    const text = value?.toString() ?? ''
    for (const name of validatorNames) {
      expect(validators[name](text), `${name}: ${text}`).toEqual({ verdict: 'valid', detail: '' })
    }
  }
})

test.each(['dlq', 'receipts', 'replies', 'events'] as const)('the headers of %s are those described', (role) => {
  const described = recordHeaders[role]
  const seen = new Set<string>()
  for (const { headers } of byRole(role)) {
    // A dead letter has those of the original before its own.
    const own = headers.filter(([name]) => name !== 'own')
    for (const [name, value] of own) {
      const header = described.find((one) => one.name === name)
      expect(header, `${name} is described`).toBeDefined()
      if (header?.words !== undefined) expect(header.words).toContain(value.toString())
      seen.add(name)
    }
    const names = own.map(([name]) => name)
    const always = described.filter(({ isAlways }) => isAlways).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(always))
  }
  expect(
    described.map(({ name }) => name).filter((name) => !seen.has(name)),
    'described, and never written',
  ).toEqual([])
})
