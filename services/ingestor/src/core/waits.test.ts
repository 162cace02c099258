// Real: the count of waiting. Doubled: nothing. Failure: time that is counted twice, not at all, or for the wrong cause.

import { expect, test } from 'vitest'
import { Waits, waitCauses } from './waits.ts'

test('who waits is counted for as long as it waited, two at once twice', () => {
  const waits = new Waits()
  waits.count({ limit: 2, order: 1 }, 1_000)
  expect(waits.seconds.limit).toBe(0)
  waits.count({ limit: 1 }, 1_500)
  expect([waits.seconds.limit, waits.seconds.order]).toEqual([1, 0.5])
  waits.count({}, 2_500)
  waits.count({}, 9_000)
  expect([waits.seconds.limit, waits.seconds.order]).toEqual([2, 0.5])
})

test('what never ends is counted as it goes on', () => {
  const waits = new Waits()
  for (let nowMs = 0; nowMs <= 60_000; nowMs += 1_000) waits.count({ suspension: 1 }, nowMs)
  expect(waits.seconds.suspension).toBe(60)
})

test('it is counted twenty times a second at most', () => {
  const waits = new Waits()
  expect(waits.isDue(0)).toBe(true)
  waits.count({}, 0)
  expect([waits.isDue(49), waits.isDue(50)]).toEqual([false, true])
})

test('every cause has its seconds from the beginning', () => {
  expect(Object.keys(new Waits().seconds).sort()).toEqual([...waitCauses].sort())
})
