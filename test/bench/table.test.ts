// Real: the table of the benchmark. Failure: a figure, its requirement or its verdict missing or wrong, columns that do not align.

import { expect, test } from 'vitest'
import { allMet, numberText, type ReportedRow, tableLines } from './table.ts'

const row: ReportedRow = {
  kind: 'measured',
  name: 'throughput',
  work: 'no latency',
  figures: [
    { what: 'messages', unit: '/s', here: 9_123.4, plain: 10_000, required: { kind: 'at least', value: 0.8 } },
    { what: 'median', unit: 'ms', here: 31.24, plain: null, required: { kind: 'at most', value: 28 } },
  ],
  notes: ['one run'],
  wrong: [],
}

test('a line a figure, with ratio, requirement and verdict, in columns', () => {
  expect(tableLines([row], 'plain loop')).toEqual([
    'figure          this  plain loop  ratio  required',
    '───────────────────────────────────────────────────────────',
    'throughput: no latency',
    '  messages  9,123 /s   10,000 /s  0.912     ≥ 0.8  ✓',
    '  median     31.2 ms                      ≤ 28 ms  ✗ missed',
    '  · one run',
  ])
})

test('a requirement of the figure itself is in its unit, beside a plain one too', () => {
  const figure = {
    what: 'p99',
    unit: 'ms',
    here: 5,
    plain: 10,
    required: { kind: 'at most', value: 8, of: 'here' },
  } as const
  const lines = tableLines([{ ...row, figures: [figure] }], 'plain handler')
  expect(lines[0]).toBe('figure  this  plain handler  ratio  required')
  expect(lines[3]).toBe('  p99   5 ms          10 ms    0.5    ≤ 8 ms  ✓')
})

test('a row that could not be measured, or found something wrong, is not met', () => {
  const met: ReportedRow = { ...row, figures: row.figures.slice(0, 1) }
  const failed: ReportedRow = { kind: 'failed', name: 'crash', work: 'w', why: 'no Kafka' }
  expect(allMet([met])).toBe(true)
  expect(allMet([row])).toBe(false)
  expect(allMet([met, failed])).toBe(false)
  expect(allMet([{ ...met, wrong: ['3 messages lost'] }])).toBe(false)
  expect(tableLines([failed], 'plain loop').at(-1)).toBe('  ✗ not measured: no Kafka')
})

test('numbers a person can compare', () => {
  expect([0, 3, 0.91234, 12.345, 123.4, 1_234_567, Number.NaN].map(numberText)).toEqual([
    '0',
    '3',
    '0.912',
    '12.3',
    '123',
    '1,234,567',
    '–',
  ])
})
