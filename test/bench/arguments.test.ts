// Real: the reader of the benchmark's arguments. Failure: something asked that is not done, or a mistake that is not told.

import { expect, test } from 'vitest'
import { helpText, jsonFileDefault, readArguments } from './arguments.ts'

const rowsOf = (...names: string[]) => names.map((name) => ({ name, work: `the ${name} of it` }))
const names = ['throughput', 'latency', 'crash']
const suites = [
  { name: 'ingest', about: 'Measures one.', rows: rowsOf(...names) },
  { name: 'gateway', about: 'Measures another.', rows: rowsOf('steady') },
]

test('all rows by default, in their order', () => {
  const all = {
    kind: 'run',
    suite: 'ingest',
    rows: names,
    quick: false,
    jsonFile: jsonFileDefault('ingest'),
    profileFolder: null,
  }
  expect(readArguments(['ingest'], suites)).toEqual(all)
  expect(readArguments(['ingest', '--rows', 'crash, throughput', '--quick', '--json', 'a.json'], suites)).toEqual({
    ...all,
    rows: ['throughput', 'crash'],
    quick: true,
    jsonFile: 'a.json',
  })
})

test('each benchmark has rows and a file of its own', () => {
  const asked = readArguments(['gateway', '--profile', 'p'], suites)
  expect(asked).toMatchObject({ suite: 'gateway', rows: ['steady'], profileFolder: 'p' })
  expect(asked).toMatchObject({ jsonFile: expect.stringMatching(/gateway\.json$/) })
})

test('help needs nothing else, and tells every row', () => {
  expect(readArguments(['--help'], suites)).toEqual({ kind: 'help' })
  const help = helpText(suites)
  expect(help).toContain('npm run bench -- ingest|gateway')
  expect(help).toContain('  crash       the crash of it\n')
  expect(help).toContain('gateway: Measures another.\n  steady  the steady of it\n')
})

test('mistakes are told', () => {
  expect(readArguments([], suites)).toMatchObject({
    kind: 'wrong',
    why: expect.stringContaining('"ingest", "gateway"'),
  })
  expect(readArguments(['ingest', '--rows', 'steady'], suites)).toMatchObject({
    why: expect.stringContaining('called steady'),
  })
  expect(readArguments(['ingest', '--fast'], suites)).toMatchObject({ why: expect.stringContaining('--fast') })
})
