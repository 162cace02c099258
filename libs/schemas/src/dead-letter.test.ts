// Real: the dead letter of a record. Doubled: nothing. Failure: an original that cannot be had back from it.

import { expect, test } from 'vitest'
import { deadLetter } from './dead-letter.ts'
import type { ConsumedRecord } from './record.ts'

const record: ConsumedRecord = {
  topic: 'outbound-messages',
  partition: 3,
  offset: 17,
  timestampMs: 1_700_000_000_000,
  key: Buffer.from('c'),
  value: Buffer.from([1, 2, 3]),
  headers: [
    ['a', Buffer.from('1')],
    ['partoo-dlq-reason', Buffer.from('an earlier one')],
    ['nothing, really', null],
    ['a', Buffer.from('2')],
  ],
}
const cause = {
  reason: 'rejected',
  detail: 'Partoo refused the message with HTTP 422',
  httpStatus: 422,
  response: Buffer.alloc(5000, 'x'),
  attempts: 1,
  firstAttemptAt: '2026-11-22T12:00:00.000Z',
  lastAttemptAt: '2026-11-22T12:00:00.000Z',
} as const

test('key, value and headers are the original’s; ours are added; an earlier dead letter’s are replaced', () => {
  const letter = deadLetter('dlq', record, cause, 'none')
  expect([letter.key, letter.value]).toEqual([record.key, record.value])
  const headers = letter.headers.map(([name, value]) => [name, value.toString()])
  expect(headers).toEqual([
    ['a', '1'],
    ['nothing, really', ''],
    ['a', '2'],
    ['partoo-dlq-reason', 'rejected'],
    ['partoo-dlq-detail', 'Partoo refused the message with HTTP 422'],
    ['partoo-dlq-http-status', '422'],
    ['partoo-dlq-response', 'x'.repeat(1024)],
    ['partoo-dlq-attempts', '1'],
    ['partoo-dlq-first-attempt-at', '2026-11-22T12:00:00.000Z'],
    ['partoo-dlq-last-attempt-at', '2026-11-22T12:00:00.000Z'],
    ['partoo-dlq-topic', 'outbound-messages'],
    ['partoo-dlq-partition', '3'],
    ['partoo-dlq-offset', '17'],
    ['partoo-dlq-timestamp', '1700000000000'],
    ['partoo-dlq-null-headers', 'nothing%2C%20really'],
  ])
})

test('what does not fit is left out in two steps, and named', () => {
  const value = deadLetter('dlq', record, cause, 'value')
  expect([value.key, value.value]).toEqual([record.key, Buffer.alloc(0)])
  expect(value.headers.at(-1)).toEqual(['partoo-dlq-truncated', Buffer.from('value')])
  const all = deadLetter('dlq', record, cause, 'value,key,headers')
  expect([all.key, all.value]).toEqual([null, Buffer.alloc(0)])
  expect(all.headers.every(([name]) => name.startsWith('partoo-dlq-'))).toBe(true)
})
