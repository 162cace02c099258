// Real: where reading begins. Doubled: nothing. Failure: a record skipped without being counted.

import { expect, test } from 'vitest'
import { startingOffset } from './starting-offset.ts'

const end = { low: 10, high: 20 }

test('at the commit where it is in the log', () => {
  expect(startingOffset(10, end)).toEqual({ offsetNext: 10, beyondEnd: false })
  expect(startingOffset(20, end)).toEqual({ offsetNext: 20, beyondEnd: false })
})

test('at the beginning where nothing is committed', () => {
  expect(startingOffset(undefined, end)).toMatchObject({ offsetNext: 10 })
  expect(startingOffset(-1, end)).toMatchObject({ offsetNext: 10 })
})

test('what retention deleted unread is counted', () => {
  expect(startingOffset(4, end)).toEqual({ offsetNext: 4, beyondEnd: false })
})

test('a commit beyond the log starts at its beginning: repeats are ignored by Partoo, a gap is not made good', () => {
  expect(startingOffset(21, end)).toEqual({ offsetNext: 10, beyondEnd: true })
})
