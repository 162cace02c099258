// Real: the limiter. Doubled: time, which is a literal. Failure: a request too many, one too few, or a promise of
// retryAfterMs that does not hold.

import { expect, test } from 'vitest'
import type { RateLimitKind } from './options.ts'
import { RateLimit } from './rate-limit.ts'

const limit = (kind: RateLimitKind, perMinute: number, burst: number | null = null, originMs = 0) =>
  new RateLimit({ kind, perMinute, burst }, originMs)

test('a fixed window admits its number, refuses until it ends, and begins anew', () => {
  const fixed = limit('fixed-window', 2)
  expect(fixed.take(10_000)).toEqual({ kind: 'admitted' })
  expect(fixed.take(59_000)).toEqual({ kind: 'admitted' })
  expect(fixed.take(59_500)).toEqual({ kind: 'refused', retryAfterMs: 500 })
  // Twice the number within two seconds: what a fixed window lets through at its seam.
  expect(fixed.take(60_000)).toEqual({ kind: 'admitted' })
  expect(fixed.take(60_001)).toEqual({ kind: 'admitted' })
  expect(fixed.take(60_002)).toEqual({ kind: 'refused', retryAfterMs: 59_998 })
})

test('fixed windows start at the origin', () => {
  const fixed = limit('fixed-window', 1, null, 25_000)
  expect(fixed.take(30_000)).toEqual({ kind: 'admitted' })
  expect(fixed.take(84_999)).toEqual({ kind: 'refused', retryAfterMs: 1 })
  expect(fixed.take(85_000)).toEqual({ kind: 'admitted' })
})

test('a sliding window admits its number in any 60 s', () => {
  const sliding = limit('sliding-window', 2)
  expect(sliding.take(10_000)).toEqual({ kind: 'admitted' })
  expect(sliding.take(59_000)).toEqual({ kind: 'admitted' })
  expect(sliding.take(60_000)).toEqual({ kind: 'refused', retryAfterMs: 10_000 })
  expect(sliding.take(69_999)).toEqual({ kind: 'refused', retryAfterMs: 1 })
  expect(sliding.take(70_000)).toEqual({ kind: 'admitted' })
  expect(sliding.take(70_001)).toEqual({ kind: 'refused', retryAfterMs: 48_999 })
})

test('a token bucket admits its burst at once, then one each time a token has dripped in', () => {
  const bucket = limit('token-bucket', 60, 2)
  expect(bucket.take(0)).toEqual({ kind: 'admitted' })
  expect(bucket.take(0)).toEqual({ kind: 'admitted' })
  expect(bucket.take(0)).toEqual({ kind: 'refused', retryAfterMs: 1_000 })
  expect(bucket.take(400)).toEqual({ kind: 'refused', retryAfterMs: 600 })
  expect(bucket.take(1_000)).toEqual({ kind: 'admitted' })
  expect(bucket.take(1_000)).toMatchObject({ kind: 'refused' })
  // A long rest fills the bucket up to the burst and no further.
  expect([1, 2, 3].map(() => bucket.take(3_600_000).kind)).toEqual(['admitted', 'admitted', 'refused'])
})

test('a token bucket without a burst holds the whole minute', () => {
  const bucket = limit('token-bucket', 3)
  expect([1, 2, 3, 4].map(() => bucket.take(0).kind)).toEqual(['admitted', 'admitted', 'admitted', 'refused'])
})

test.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)(
  '%s: a refused request is not counted',
  (kind) => {
    const refusing = limit(kind, 2, 2)
    const asked = limit(kind, 2, 2)
    for (const one of [refusing, asked]) for (let n = 0; n < 2; n += 1) one.take(0)
    for (let at = 0; at < 50; at += 1) refusing.take(at)
    for (const at of [100, 30_000, 59_999, 60_000, 60_001]) expect(refusing.take(at)).toEqual(asked.take(at))
  },
)

test.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)(
  '%s: retryAfterMs is kept, and is tight',
  (kind) => {
    const kept = limit(kind, 7, 3)
    let nowMs = 1_234.5
    let waits = 0
    for (let n = 0; n < 200; n += 1) {
      const answer = kept.take(nowMs)
      if (answer.kind === 'admitted') continue
      waits += 1
      expect(answer.retryAfterMs).toBeGreaterThan(0)
      expect(kept.check(nowMs + answer.retryAfterMs - 0.5).kind).toBe('refused')
      nowMs += answer.retryAfterMs
      expect(kept.check(nowMs)).toEqual({ kind: 'admitted' })
    }
    expect(waits).toBeGreaterThan(10)
  },
)

test('a check counts nothing, and 0 a minute is no limit', () => {
  const one = limit('sliding-window', 1)
  for (let n = 0; n < 5; n += 1) expect(one.check(0)).toEqual({ kind: 'admitted' })
  const none = limit('fixed-window', 0)
  for (let n = 0; n < 1_000; n += 1) expect(none.take(0)).toEqual({ kind: 'admitted' })
})

test('changed at run time, what was admitted in the last minute still counts', () => {
  const before = limit('fixed-window', 3)
  for (const at of [0, 50_000, 55_000]) before.take(at)
  const after = before.changedTo({ kind: 'sliding-window', perMinute: 2, burst: null }, 60_000)
  expect(after.take(60_000)).toEqual({ kind: 'refused', retryAfterMs: 50_000 })
  expect(after.take(110_000)).toEqual({ kind: 'admitted' })
})

test('most in any 60 s over a long run: the number, or twice it at the seam of fixed windows', () => {
  for (const [kind, most] of [
    ['fixed-window', 20],
    ['sliding-window', 10],
    ['token-bucket', 20],
  ] as const) {
    const one = limit(kind, 10, 10)
    const times: number[] = []
    for (let at = 0; at < 600_000; at += 97) if (one.take(at).kind === 'admitted') times.push(at)
    const busiest = Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length))
    expect(busiest).toBeLessThanOrEqual(most)
    expect(times.length).toBeGreaterThanOrEqual(100)
  }
})
