// Real: the reader of the benchmark's arguments. Failure: something asked that is not done, or a mistake that is not told.

import { expect, test } from 'vitest'
import { helpText, jsonFileDefault, readArguments } from './arguments.ts'

const names = ['throughput', 'latency', 'crash']

test('all rows by default, in their order', () => {
  const all = { kind: 'run', rows: names, quick: false, jsonFile: jsonFileDefault, profileFolder: null }
  expect(readArguments(['ingest'], names)).toEqual(all)
  expect(readArguments(['ingest', '--rows', 'crash, throughput', '--quick', '--json', 'a.json'], names)).toEqual({
    ...all,
    rows: ['throughput', 'crash'],
    quick: true,
    jsonFile: 'a.json',
  })
})

test('help needs nothing else', () => {
  expect(readArguments(['--help'], names)).toEqual({ kind: 'help' })
  expect(helpText([{ name: 'crash', work: 'killed' }])).toContain('  crash  killed')
})

test('mistakes are told', () => {
  expect(readArguments([], names)).toMatchObject({ kind: 'wrong', why: expect.stringContaining('ingest') })
  expect(readArguments(['ingest', '--rows', 'x'], names)).toMatchObject({ why: expect.stringContaining('called x') })
  expect(readArguments(['ingest', '--fast'], names)).toMatchObject({ why: expect.stringContaining('--fast') })
})
