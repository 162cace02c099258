// Real: the classification. Doubled: nothing. Failure: an answer that means something else than its row of the table.

import { expect, test } from 'vitest'
import { classifyAnswer, type RawAnswer, readRetryAfterMs } from './answer.ts'

function answered(status: number, body = '{"status":"success"}', more: Partial<RawAnswer> = {}): RawAnswer {
  const raw = {
    kind: 'answered',
    status,
    retryAfter: undefined,
    date: undefined,
    body: Buffer.from(body),
    cutShort: false,
  }
  return { ...raw, ...more } as RawAnswer
}

test.each([
  [200, '{"status":"success"}', 'accepted'],
  [202, '', 'accepted'],
  [200, '<html>log in to the hotel</html>', 'misdirected'],
  [204, '', 'accepted'],
  [301, '', 'misdirected'],
  [400, '{}', 'rejected'],
  [401, '{}', 'misdirected'],
  [403, '{}', 'forbidden'],
  [404, '{}', 'forbidden'],
  [407, '', 'misdirected'],
  [408, '', 'unavailable'],
  [413, '', 'rejected'],
  [415, '', 'rejected'],
  [418, '', 'rejected'],
  [421, '', 'unavailable'],
  [422, '', 'rejected'],
  [425, '', 'unavailable'],
  [429, '', 'limited'],
  [500, '', 'unavailable'],
  [503, '', 'unavailable'],
  [599, '', 'unavailable'],
  [799, '', 'unavailable'],
] as const)('%i with body %j is %s', (status, body, kind) => {
  expect(classifyAnswer(answered(status, body)).kind).toBe(kind)
})

test('a 200 whose JSON breaks off is accepted; a page that breaks off is not', () => {
  expect(classifyAnswer(answered(200, '{"sta', { cutShort: true })).kind).toBe('accepted')
  expect(classifyAnswer(answered(200, '', { cutShort: true })).kind).toBe('accepted')
  expect(classifyAnswer(answered(200, '<html', { cutShort: true })).kind).toBe('misdirected')
})

test('429 pauses for Retry-After, or for a minute where it says nothing usable', () => {
  const pause = (retryAfter?: string, date?: string) => classifyAnswer(answered(429, '', { retryAfter, date } as never))
  expect(pause('7')).toMatchObject({ retryAfterMs: 7000 })
  expect(pause()).toMatchObject({ retryAfterMs: 60_000 })
  expect(pause('soon')).toMatchObject({ retryAfterMs: 60_000 })
  expect(pause('-5')).toMatchObject({ retryAfterMs: 60_000 })
  expect(pause('3601')).toMatchObject({ retryAfterMs: 60_000 })
  expect(pause('0')).toMatchObject({ retryAfterMs: 1000 })
  const date = 'Sun, 22 Nov 2026 12:00:00 GMT'
  expect(pause('Sun, 22 Nov 2026 12:00:30 GMT', date)).toMatchObject({ retryAfterMs: 30_000 })
  expect(pause('Sun, 22 Nov 2026 11:00:00 GMT', date)).toMatchObject({ retryAfterMs: 1000 })
  expect(pause('Sun, 22 Nov 2026 12:00:30 GMT')).toMatchObject({ retryAfterMs: 60_000 })
})

test('a 503 without a usable Retry-After has no lower bound', () => {
  expect(readRetryAfterMs(undefined, undefined)).toBeNull()
  expect(classifyAnswer(answered(503, '', { retryAfter: '2' } as never))).toMatchObject({ retryAfterMs: 2000 })
})

test('only a call that took the whole of its time timed out', () => {
  const unanswered = (cause: 'timeout' | 'connection') => classifyAnswer({ kind: 'unanswered', cause, detail: 'why' })
  expect(unanswered('timeout')).toMatchObject({ kind: 'unavailable', timedOut: true })
  expect(unanswered('connection')).toMatchObject({ kind: 'unavailable', timedOut: false })
  expect(classifyAnswer(answered(504))).toMatchObject({ kind: 'unavailable', timedOut: false })
})
