// Real: JSON reading and the outbound contract. Doubled: nothing.
// Failure: an id that was rounded, a message misread, or a value of it in the text that tells what is wrong.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeUtf8, parseJson } from './json.ts'
import { type OutboundRead, readOutboundMessage } from './outbound-message.ts'

const good = {
  business_id: '42',
  external_conversation_id: 'c',
  external_message_id: 'm',
  content: 'Hello',
  sender_type: 'Consumer',
}

function read(text: string): OutboundRead {
  const value = parseJson(text)
  if (value === undefined) throw new Error('the test’s text is no JSON')
  return readOutboundMessage(value)
}

test('a minimal message: what is optional is null', () => {
  expect(read(JSON.stringify(good))).toEqual({
    kind: 'valid',
    message: { ...good, consumer_name: null, consumer_image: null, channel_id: null },
  })
})

test('unknown fields are ignored, null in an optional field means absent, of repeated keys the last counts', () => {
  const text = '{"content":"first","x":{"y":[1,2]},"consumer_name":null,'.concat(JSON.stringify(good).slice(1))
  expect(read(text)).toMatchObject({ kind: 'valid', message: { content: 'Hello', consumer_name: null } })
})

test('integer ids are read as their digits, beyond 2^53 too; other numbers are no ids', () => {
  const withId = (id: string) => read(JSON.stringify(good).replace('"42"', id))
  expect(withId('9007199254740993')).toMatchObject({ message: { business_id: '9007199254740993' } })
  expect(withId('1234567890123456789012345678901234567890')).toMatchObject({
    message: { business_id: '1234567890123456789012345678901234567890' },
  })
  for (const id of ['1.0', '1e3', '-1', '-0', 'true', '[]', '{}', 'null', '""']) {
    expect(withId(id)).toMatchObject({ kind: 'invalid' })
  }
})

test('ids are at most 1,024 bytes, not characters', () => {
  const withId = (id: string) => read(JSON.stringify({ ...good, external_message_id: id })).kind
  expect(withId('x'.repeat(1024))).toBe('valid')
  expect(withId('x'.repeat(1025))).toBe('invalid')
  expect(withId('ä'.repeat(513))).toBe('invalid')
})

test('every wrong field is named, with the ids that are right', () => {
  expect(read('{"external_conversation_id":7,"content":"","sender_type":"user"}')).toEqual({
    kind: 'invalid',
    detail:
      'business_id is missing; external_message_id is missing; content must not be empty; sender_type must be "User" or "Consumer"',
    ids: { channel_id: null, business_id: null, external_conversation_id: '7', external_message_id: null },
  })
  expect(read('[]')).toMatchObject({ kind: 'invalid', detail: 'the value is not a JSON object' })
})

test('half a surrogate pair is invalid wherever it stands', () => {
  for (const field of Object.keys(good)) {
    expect(read(JSON.stringify({ ...good, [field]: '\ud800' })).kind).toBe('invalid')
  }
})

test('property: no JSON value makes it throw, and no text of a message is in the detail', () => {
  const secret = 'zq-planted-zq'
  const value = fc.oneof(fc.jsonValue(), fc.constant(secret))
  const fields = Object.fromEntries(Object.keys(good).map((key) => [key, value]))
  fc.assert(
    fc.property(fc.record(fields, { requiredKeys: [] }), (message) => {
      const result = read(JSON.stringify(message))
      if (result.kind === 'invalid') expect(result.detail).not.toContain(secret)
    }),
  )
})

test('bytes that are not UTF-8 are no text; a byte order mark is dropped', () => {
  expect(decodeUtf8(Buffer.from([0xff]))).toBeUndefined()
  expect(decodeUtf8(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]))).toBe('{}')
})
