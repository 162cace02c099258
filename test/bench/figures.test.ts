// Real: verdicts, medians and percentiles of the benchmark. Failure: a miss told as met, or another number than the definition's.

import { expect, test } from 'vitest'
import { type Figure, median, percentile, ratioOf, verdictOf } from './figures.ts'

const figure = (here: number, plain: number | null, required: Figure['required']): Figure => ({
  what: 'x',
  unit: '/s',
  here,
  plain,
  required,
})

test('a requirement is on the ratio where there is a plain one, else on the figure', () => {
  expect(ratioOf(figure(40, 50, null))).toBe(0.8)
  expect(verdictOf(figure(40, 50, { kind: 'at least', value: 0.8 }))).toBe('met')
  expect(verdictOf(figure(39, 50, { kind: 'at least', value: 0.8 }))).toBe('missed')
  expect(verdictOf(figure(1.5, null, { kind: 'at most', value: 1.5 }))).toBe('met')
  expect(verdictOf(figure(Number.NaN, null, { kind: 'at most', value: 1.5 }))).toBe('missed')
  expect(verdictOf(figure(1, null, null))).toBe('told')
})

test('a requirement may be on the figure although there is a plain one', () => {
  const required = { kind: 'at most', value: 8, of: 'here' } as const
  expect(verdictOf(figure(7, 1, required))).toBe('met')
  expect(verdictOf(figure(9, 90, required))).toBe('missed')
})

test('medians', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(median([])).toBeNaN()
})

test('percentiles: the least value that so many are not above', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1)
  expect(percentile(hundred, 0.99)).toBe(99)
  expect(percentile(hundred, 0.5)).toBe(50)
  expect(percentile(hundred, 1)).toBe(100)
  expect(percentile([7], 0.99)).toBe(7)
})
