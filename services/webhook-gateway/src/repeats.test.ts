// Real: the memory. Doubled: the time. Failure: a fact taken for a repeat that is none, a repeat not known within ten minutes,
// memory without a bound.

import { expect, test } from 'vitest'
import { Repeats } from './repeats.ts'

const minuteMs = 60_000

test('what was made durable is a repeat for ten minutes', () => {
  const repeats = new Repeats()
  expect(repeats.has('a', 0)).toBe(false)
  repeats.add('a', 0)
  expect(repeats.has('a', 10 * minuteMs - 1)).toBe(true)
  expect(repeats.has('b', 1)).toBe(false)
  expect(repeats.has('a', 10 * minuteMs)).toBe(false)
})

test('durable again counts anew, and what is too old is forgotten', () => {
  const repeats = new Repeats()
  repeats.add('a', 0)
  repeats.add('b', 1)
  repeats.add('a', 5 * minuteMs)
  repeats.add('c', 11 * minuteMs)
  expect(repeats.size).toBe(2)
  expect(repeats.has('a', 12 * minuteMs)).toBe(true)
})

test('more than it holds: the oldest are forgotten', () => {
  const repeats = new Repeats(3)
  for (const digest of ['a', 'b', 'c', 'd']) repeats.add(digest, 0)
  expect(repeats.size).toBe(3)
  expect(repeats.has('a', 1)).toBe(false)
  expect(repeats.has('d', 1)).toBe(true)
})
