// Real: the reading of the command line. Doubled: nothing. Failure: a redrive of everything that nobody asked for, an option that is
// silently ignored, a time that is read otherwise than it is written.

import { expect, test } from 'vitest'
import { readArguments } from './arguments.ts'

const nowMs = Date.parse('2026-02-03T12:00:00Z')
const noFilter = { reasons: [], channels: [], conversations: [], places: [], sinceMs: null, untilMs: null }

function read(...args: string[]) {
  return readArguments(args, nowMs)
}

test('filters are read, each as often as it is given', () => {
  const line = '--reason rejected --reason invalid --channel a,b --conversation c --letter 0/17 --since 2h'.split(' ')
  expect(read('redrive', ...line, '--until', '2026-02-03T12:30:00+01:00', '--dry-run')).toEqual({
    kind: 'order',
    order: {
      command: 'redrive',
      brokers: undefined,
      again: false,
      dryRun: true,
      filter: {
        reasons: ['rejected', 'invalid'],
        channels: ['a,b'],
        conversations: ['c'],
        places: [{ partition: 0, offset: 17 }],
        sinceMs: nowMs - 7_200_000,
        untilMs: nowMs - 1_800_000,
      },
    },
  })
})

test.each([
  ['30s', nowMs - 30_000],
  ['90m', nowMs - 5_400_000],
  ['7d', nowMs - 604_800_000],
  ['2026-02-01', Date.parse('2026-02-01T00:00:00Z')],
  ['2026-02-01T08:15Z', Date.parse('2026-02-01T08:15:00Z')],
  ['2026-02-01T08:15:00.5-03:00', Date.parse('2026-02-01T11:15:00.500Z')],
])('--since %s', (text, sinceMs) => {
  expect(read('list', '--since', text)).toMatchObject({ order: { filter: { ...noFilter, sinceMs } } })
})

test('a list for people is short, one for programs whole', () => {
  expect(read('list')).toMatchObject({ order: { filter: noFilter, json: false, limit: 50 } })
  expect(read('list', '--json')).toMatchObject({ order: { json: true, limit: Number.MAX_SAFE_INTEGER } })
  expect(read('list', '--json', '--limit', '3')).toMatchObject({ order: { limit: 3 } })
  expect(read('show', '3/4', '0/0', '--value')).toMatchObject({
    order: {
      command: 'show',
      places: [
        { partition: 3, offset: 4 },
        { partition: 0, offset: 0 },
      ],
      value: true,
    },
  })
  expect(read('redrive', '--all')).toMatchObject({ order: { filter: noFilter, dryRun: false } })
})

test.each([
  ['', 'Which command'],
  ['purge', 'No such command'],
  ['list 0/17', 'options only'],
  ['list --all', 'takes no --all'],
  ['show', 'partition/offset'],
  ['show 17', 'partition/offset'],
  ['show 0/17 --reason rejected', 'takes no --reason'],
  ['list --limit 0', '--limit'],
  ['redrive', 'needs to be told which'],
  ['redrive --dry-run', 'needs to be told which'],
  ['redrive --again', 'needs to be told which'],
  ['redrive --all --reason rejected', '--all means all'],
  ['redrive --reason refused', 'undecodable, invalid, rejected, retries-exhausted'],
  ['redrive --letter 1', 'partition/offset'],
  ['redrive --since yesterday', '--since must be a time'],
  ['redrive --since 2026-02-01T08:15:00', '--since must be a time'],
  ['redrive --until 2026-02-31T99:00Z', '--until must be a time'],
  ['redrive --since 1h --until 2h', 'nothing is between'],
  ['redrive --resaon invalid', '--resaon'],
])('refused: %s', (line, why) => {
  expect(read(...line.split(' ').filter(Boolean))).toMatchObject({ kind: 'wrong', why: expect.stringContaining(why) })
})
