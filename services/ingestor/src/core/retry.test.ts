// Real: backoff and the seeded generator. Doubled: nothing. Failure: a delay outside full jitter's bounds, or chance that a
// seed does not repeat.

import { expect, test } from 'vitest'
import { backoffMs, seededRandom } from './retry.ts'

test('the ceiling doubles from 1 s and ends at 60 s; the delay is a random part of it', () => {
  expect([1, 2, 3, 6, 7, 50].map((failures) => backoffMs(failures, 0.5, null))).toEqual([
    500, 1_000, 2_000, 16_000, 30_000, 30_000,
  ])
  expect(backoffMs(3, 0, null)).toBe(0)
})

test('what the server asked for is a lower bound', () => {
  expect(backoffMs(1, 0.5, 10_000)).toBe(10_000)
  expect(backoffMs(7, 0.5, 10_000)).toBe(30_000)
})

test('a seed repeats its numbers, all of them in [0, 1)', () => {
  const one = seededRandom(7)
  const same = seededRandom(7)
  const numbers = Array.from({ length: 1_000 }, () => one())
  expect(numbers).toEqual(Array.from({ length: 1_000 }, () => same()))
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true)
  expect(numbers[0]).not.toBe(seededRandom(8)())
})
