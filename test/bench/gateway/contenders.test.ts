// Real: the judgement over a run. Doubled: its answers and topics. Failure: an event that is lost or refused and not told.

import { expect, test } from 'vitest'
import { wrongIn } from './contenders.ts'

test('all answered 200 and all there: nothing is wrong, copies included', () => {
  expect(wrongIn([{ 200: 10 }, { 200: 90 }], 100)).toEqual([])
  expect(wrongIn([{ 200: 10 }, { 200: 90 }], 103)).toEqual([])
})

test('what was answered 200 and is not there, warm-up included, and every other answer', () => {
  expect(wrongIn([{ 200: 10 }, { 200: 88, 503: 2 }], 97)).toEqual([
    '2 answers 503',
    '1 of 98 events answered 200 are not in the topics',
  ])
})
