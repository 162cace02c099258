// Real: dead letters, what becomes of them, the notes about them. Doubled: nothing.
// Failure: a redriven record that is not what it was; one whose history is lost, or believed where it is nonsense.

import { expect, test } from 'vitest'
import { deadLetter, readDeadLetterHeaders } from './dead-letter.ts'
import { type ConsumedRecord, headerValue } from './record.ts'
import { readRedriveNote, readRedriven, redriveNote, redrivenRecord } from './redrive.ts'

const cause = {
  reason: 'retries-exhausted',
  detail: 'Partoo answered 500 for 4 h',
  httpStatus: 500,
  response: Buffer.from('oops'),
  attempts: 7,
  firstAttemptAt: '2026-11-22T12:00:00.000Z',
  lastAttemptAt: '2026-11-22T16:00:00.000Z',
} as const

function record(headers: ConsumedRecord['headers'], offset = 17): ConsumedRecord {
  const [key, value] = [Buffer.from('c/1'), Buffer.from([0, 1, 255])]
  return { topic: 'outbound', partition: 4, offset, timestampMs: 1_700_000_000_000, key, value, headers }
}

/** As it is in the dead-letter topic. */
function putAway(original: ConsumedRecord, offset: number, more = cause): ConsumedRecord {
  const { key, value, headers } = deadLetter('dlq', original, more, 'none')
  return { topic: 'dlq', partition: 1, offset, timestampMs: 1_700_000_100_000, key, value, headers }
}

test('what a dead letter’s headers tell is what was told them', () => {
  expect(readDeadLetterHeaders(putAway(record([]), 3).headers)).toEqual({
    ...cause,
    source: { topic: 'outbound', partition: 4, offset: 17 },
    sourceTimestampMs: 1_700_000_000_000,
    truncation: 'none',
  })
  const bare = { reason: 'undecodable', detail: 'no JSON', httpStatus: null, response: null, attempts: 0 } as const
  const letter = deadLetter('dlq', record([]), { ...bare, firstAttemptAt: null, lastAttemptAt: null }, 'value')
  expect(readDeadLetterHeaders(letter.headers)).toMatchObject({ ...bare, lastAttemptAt: null, truncation: 'value' })
})

test.each([
  ['none at all', []],
  ['a reason that there is not', [['partoo-dlq-reason', Buffer.from('bored')]]],
  ['no coordinates', [['partoo-dlq-reason', Buffer.from('invalid')]]],
] as const)('no dead letter: %s', (_, headers) => {
  expect(readDeadLetterHeaders(headers)).toBeUndefined()
})

test('redriven: the record as it was, to where it was, and how often by now', () => {
  const original = record([
    ['a', Buffer.from('1')],
    ['null', null],
    ['a', Buffer.from('2')],
  ])
  const back = redrivenRecord(putAway(original, 3), { topic: 'outbound', partition: 4, offset: 17 })
  expect(back).toMatchObject({ topic: 'outbound', partition: 4, key: original.key, value: original.value })
  expect(back.headers.map(([name, value]) => [name, value.toString()])).toEqual([
    ['a', '1'],
    ['null', ''],
    ['a', '2'],
    ['partoo-redriven', '1'],
    ['partoo-redriven-first', 'outbound/4/17'],
  ])
})

test('one that came back counts on, and keeps its first place', () => {
  const first = redrivenRecord(putAway(record([]), 3), { topic: 'out/bound', partition: 4, offset: 17 })
  const again = putAway({ ...record(first.headers, 99), topic: 'out/bound' }, 5)
  expect(readRedriven(again.headers)).toEqual({ times: 1, first: { topic: 'out/bound', partition: 4, offset: 17 } })
  const second = redrivenRecord(again, { topic: 'out/bound', partition: 4, offset: 99 })
  expect(headerValue(second.headers, 'partoo-redriven')?.toString()).toBe('2')
  expect(second.headers).toHaveLength(2)
  expect(readRedriven(second.headers)?.first.offset).toBe(17)
})

test.each([
  ['-1', 'outbound/1/2'],
  ['x', 'outbound/1/2'],
  ['1', 'outbound'],
  ['1', 'outbound/1/'],
])('a history that is nonsense is none: %s %s', (times, first) => {
  const headers = [
    ['partoo-redriven', Buffer.from(times)],
    ['partoo-redriven-first', Buffer.from(first)],
  ] as const
  expect(readRedriven(headers)).toBeNull()
})

test('a note names offsets of its partition, and is no dead letter', () => {
  const note = redriveNote('dlq', 2, [3, 9_007_199_254_740_991])
  expect(note).toMatchObject({ topic: 'dlq', key: null, partition: 2 })
  expect(readRedriveNote(note)).toEqual([3, 9_007_199_254_740_991])
  expect(readDeadLetterHeaders(note.headers)).toBeUndefined()
  expect(readRedriveNote(putAway(record([]), 3))).toBeUndefined()
  expect(readRedriveNote({ headers: note.headers, value: Buffer.from('{') })).toEqual([])
})
