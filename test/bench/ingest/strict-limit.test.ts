// Real: the server's limit. Doubled: time. Failure: a request let through that one of the three ways of counting refuses, or
// one refused that all three allow.

import { expect, test } from 'vitest'
import { fullestMinute, StrictLimit } from './strict-limit.ts'

/** How many of `count` requests at once get through. */
function through(limit: StrictLimit, count: number, nowMs: number): number {
  return Array.from({ length: count }, () => limit.take(nowMs)).filter((wait) => wait === 0).length
}

test('at once no more than twice the burst, then one an interval', () => {
  const limit = new StrictLimit(600, 20, 0)
  expect(through(limit, 100, 0)).toBe(40)
  expect(limit.take(50)).toBe(1)
  expect(through(limit, 5, 100)).toBe(1)
})

test('no more than the limit in any 60 s, however evenly they come', () => {
  const limit = new StrictLimit(60, 60, 0)
  expect(through(limit, 60, 30_000)).toBe(60)
  // A new fixed window and half a bucket, but the sliding window is full.
  expect(limit.take(60_000)).toBe(30)
  expect(limit.take(90_000)).toBe(0)
})

test('what is refused counts nowhere', () => {
  const limit = new StrictLimit(60, 1, 0)
  expect(through(limit, 1_000, 0)).toBe(2)
  expect(limit.take(1_000)).toBe(0)
})

test('the fullest minute is half open, and sorts', () => {
  expect(fullestMinute([])).toBe(0)
  expect(fullestMinute([60_000, 0, 59_999, 61_000])).toBe(3)
})
