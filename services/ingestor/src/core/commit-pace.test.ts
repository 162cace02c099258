// Real: the pace. Doubled: time, as an argument. Failure: commits too often, two at once, or something settled that nobody
// commits.

import { expect, test } from 'vitest'
import { CommitPace } from './commit-pace.ts'

const offsets = [{ topic: 'outbound', partition: 0, offsetNext: 11, metadata: '' }]

test('the first settled record is committed at once, the next ones a second later', () => {
  const pace = new CommitPace(1_000)
  expect(pace.isDue(0, false)).toBe(false)
  pace.settled()
  expect(pace.isDue(0, false)).toBe(true)
  pace.started(offsets, 0)
  expect(pace.ended(true)).toEqual(offsets)
  pace.settled()
  expect([pace.isDue(999, false), pace.dueMs, pace.isDue(1_000, false)]).toEqual([false, 1_000, true])
})

test('a thousand settled records do not wait, nor does the last commit before the end', () => {
  const pace = new CommitPace(1_000)
  pace.started(offsets, 0)
  pace.ended(true)
  pace.settled()
  expect([pace.isDue(1, false), pace.isDue(1, true)]).toEqual([false, true])
  for (let i = 1; i < 1_000; i += 1) pace.settled()
  expect(pace.isDue(1, false)).toBe(true)
})

test('one commit at a time', () => {
  const pace = new CommitPace(1_000)
  pace.started(offsets, 0)
  for (let i = 0; i < 5_000; i += 1) pace.settled()
  expect([pace.busy, pace.isDue(10_000, true), pace.dueMs]).toEqual([true, false, Number.POSITIVE_INFINITY])
  pace.ended(true)
  expect([pace.busy, pace.isDue(10_000, false)]).toEqual([false, true])
})

test('a commit that failed is due again, at the usual pace', () => {
  const pace = new CommitPace(1_000)
  pace.started(offsets, 0)
  expect(pace.ended(false)).toEqual(offsets)
  expect([pace.isDue(999, false), pace.isDue(1_000, false)]).toEqual([false, true])
})

test('the end of a commit of an earlier assignment is not told: it is due again', () => {
  const pace = new CommitPace(1_000)
  pace.started(offsets, 0)
  pace.assigned()
  expect([pace.busy, pace.isDue(1_000, false)]).toEqual([false, true])
})

test('where nothing is to be committed, nothing is due', () => {
  const pace = new CommitPace(1_000)
  pace.settled()
  pace.nothing()
  expect([pace.isDue(5_000, true), pace.dueMs]).toEqual([false, Number.POSITIVE_INFINITY])
})
