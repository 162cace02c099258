// Real: parsing. Doubled: nothing. Failure: a message that the quick parser reads otherwise than the exact one.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson, parseJsonOutermost } from './json.ts'
import { readOutboundMessage } from './outbound-message.ts'

// Node has it; TypeScript's library does not yet.
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

const fields = [
  'business_id',
  'external_conversation_id',
  'external_message_id',
  'content',
  'sender_type',
  'channel_id',
  'x',
]

test('an outbound message is read alike by both', () => {
  const value = fc.oneof(
    fc.constantFrom('User', 'Consumer', 'text', null, true, 4.5),
    fc.bigInt(),
    fc.object(),
    fc.jsonValue(),
  )
  const text = (value: unknown) =>
    JSON.stringify(value, (_, own) => (typeof own === 'bigint' ? rawJSON(String(own)) : own))
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...fields), value, { noNullPrototype: true }), (message) => {
      const written = text(message)
      const [quick, exact] = [parseJsonOutermost(written), parseJson(written)]
      expect(readOutboundMessage(quick ?? null)).toEqual(readOutboundMessage(exact ?? null))
    }),
  )
})

test('ids in digits are whole; what is no JSON is undefined', () => {
  expect(parseJsonOutermost('{"id":12345678901234567890}')).toEqual({ id: 12345678901234567890n })
  expect(parseJsonOutermost('{"id":1e3,"n":7}')).toEqual({ id: 1000, n: 7n })
  expect(parseJsonOutermost('{"id":')).toBeUndefined()
  expect(parseJsonOutermost('')).toBeUndefined()
  expect(parseJsonOutermost('null')).toBeNull()
})

test('whatever is in it: digits are bigints, other numbers numbers, at every depth', () => {
  const digits = /^\d+$/
  const exact = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined && digits.test(source) ? BigInt(source) : value
  const number = fc.oneof(fc.nat(), fc.integer(), fc.double(), fc.bigInt({ min: 0n }), fc.constantFrom(1e21, 0.5, -0))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      number,
      fc.string(),
      fc.constantFrom('":1.5', '[-1', '2023-01-31 16:22:17.327878+00:00', null, true),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
    ),
  }))
  const text = (written: unknown, spaces: number) =>
    JSON.stringify(written, (_, own) => (typeof own === 'bigint' ? rawJSON(String(own)) : own), spaces)
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value, { noNullPrototype: true }), fc.nat(2), (object, spaces) => {
      const written = text(object, spaces)
      expect(parseJson(written)).toEqual(JSON.parse(written, exact as (key: string, own: unknown) => unknown))
    }),
    { numRuns: 500 },
  )
})
