// Real: the parts of the table of faults that need no service: what a person may ask, how a recovery is measured, when a row is kept,
// what is written into the document. Doubled: the simulator's events. Failure: a wrong row that is called kept, or a figure that is
// not what happened.

import type { PartooState } from '@bridge/partoo-simulator/simulator'
import { afterEach, expect, test, vi } from 'vitest'
import { readArguments } from './arguments.ts'
import { withPart } from './document.ts'
import { type Seen, verdictOf } from './health.ts'
import type { Judgement } from './judgement.ts'
import type { RanRow } from './row.ts'
import { rows } from './rows.ts'
import { isKept, markdownLines, terminalLines } from './table.ts'
import { Witness } from './witness.ts'

const good: Judgement = {
  messages: 1_000,
  webhooks: 1_050,
  lost: 0,
  webhooksLost: 0,
  deadLetters: 0,
  createdTwice: 0,
  outOfOrder: 0,
  receiptsMissing: 0,
  most: 1_200,
  limitPerMinute: 1_200,
  refused: 0,
  repeated: 3,
  standstillMs: 2_000,
  recoveryMs: 1_500,
  drainMs: 100,
}

const ran = (judgement: Partial<Judgement>, wrong: string[] = []): RanRow => ({
  name: 'a-fault',
  fault: 'something | breaks',
  tookMs: 1,
  kind: 'judged',
  judgement: { ...good, ...judgement },
  wrong,
  notes: ['as told'],
})

afterEach(() => {
  vi.useRealTimers()
})

test('a row is kept only where nothing is wrong', () => {
  expect(isKept(ran({}))).toBe(true)
  for (const bad of [
    { lost: 1 },
    { webhooksLost: 1 },
    { deadLetters: 1 },
    { createdTwice: 1 },
    { outOfOrder: 1 },
    { receiptsMissing: 1 },
    { most: 1_201 },
    { refused: 1 },
    { recoveryMs: null },
  ]) {
    expect(isKept(ran(bad)), JSON.stringify(bad)).toBe(false)
  }
  expect(isKept(ran({}, ['not within 60 s: a lag of 0']))).toBe(false)
  const told = { name: 'a-fault', fault: 'f', tookMs: 1 }
  expect(isKept({ ...told, kind: 'failed', why: 'it broke' })).toBe(false)
  expect(isKept({ ...told, kind: 'not-run', why: 'no Java' })).toBe(false)
})

test('the table tells figures, what is wrong, and notes', () => {
  const lines = terminalLines([ran({ lost: 2 })]).join('\n')
  expect(lines).toContain('1,200 / 1,200')
  expect(lines).toContain('✗ a-fault: 2 messages lost')
  expect(lines).toContain('a-fault: as told')
  const markdown = markdownLines([ran({})])
  expect(markdown[2]).toMatch(/^\| \*\*a-fault\*\*: something \\\| breaks \| 1,000 \| 1,050 \| 0 \| 0 \| 0 \|.* ✓ \|$/)
})

test('only what is between the marks is written', () => {
  const document = 'before\n<!-- faults: begin, written by the program -->\nold\n<!-- faults: end -->\nafter\n'
  const written = withPart(document, 'faults', ['new'])
  expect(written).toBe(document.replace('\nold\n', '\n\nnew\n\n'))
  expect(withPart(written, 'faults', ['new'])).toBe(written)
  expect(() => withPart(document, 'soak', [])).toThrow('no marks')
})

test('arguments: rows by name, whole only without any', () => {
  expect(readArguments([], rows)).toMatchObject({ kind: 'run', isWhole: true, rows: rows.map(({ name }) => name) })
  const [first, second] = rows.map(({ name }) => name)
  expect(readArguments(['--rows', `${second}, ${first}`], rows)).toMatchObject({
    isWhole: false,
    rows: [first, second],
  })
  expect(readArguments(['--quick'], rows)).toMatchObject({ quick: true, isWhole: false })
  expect(readArguments(['--rows', 'no-such'], rows)).toMatchObject({ kind: 'wrong' })
  expect(readArguments(['--nonsense'], rows)).toMatchObject({ kind: 'wrong' })
})

test('every row has a name of its own', () => {
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
})

test('a recovery is measured from the end of the fault to the rate of before', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  let tell: Parameters<PartooState['subscribe']>[0] = () => {}
  const state = {
    subscribe: (listener: typeof tell) => {
      tell = listener
      return () => {}
    },
  }
  const witness = new Witness(state as PartooState, () => true)
  const created = (n: number) =>
    tell({
      type: 'created',
      message: { id: n, external_conversation_id: 'c', external_message_id: `m${n}` },
    } as Parameters<typeof tell>[0])
  const startMs = performance.now()
  // Ten a second for 10 s, none for 5 s, of which 4 s are the fault, then ten a second again.
  for (let n = 0; n < 250; n += 1) {
    vi.advanceTimersByTime(100)
    if (n < 100 || n >= 150) created(n)
  }
  const phase = { what: 'f', startMs: startMs + 10_000, endMs: startMs + 14_000 }
  const recoveryMs = witness.recoveryMs(phase, 1) ?? Number.NaN
  expect(recoveryMs).toBeGreaterThanOrEqual(600)
  expect(recoveryMs).toBeLessThanOrEqual(1_200)
  expect(witness.standstillMs(startMs, startMs + 25_000)).toBeCloseTo(5_100, -1)
  expect(witness.recoveryMs({ what: 'f', startMs: startMs + 10_000, endMs: startMs + 26_000 }, 1)).toBeNull()
  // A fault that strikes only later: what is seen to fall, and to rise again, counts.
  const late = { what: 'f', startMs: startMs + 7_000, endMs: startMs + 7_000 }
  expect(witness.recoveryMs(late, 1)).toBeGreaterThan(7_000)
  expect(witness.recoveryMs(late, 1, startMs + 9_000)).toBe(0)
  expect(witness.count).toBe(200)
})

test('health: growth counts between a process’s first minute as a grown-up and its last', () => {
  const seen = (mb: (minute: number) => number): Seen => ({
    name: 'ingestor',
    samples: Array.from({ length: 121 }, (_, i) => ({
      atMs: i * 5_000,
      residentMb: mb(i / 12),
      handles: 30,
      loopDelayMs: 12,
    })),
  })
  expect(verdictOf([seen(() => 120)]).wrong).toEqual([])
  expect(verdictOf([seen((minute) => (minute < 2 ? 80 : 130))]).wrong).toEqual([])
  expect(verdictOf([seen((minute) => 100 + minute * 15)]).wrong).toEqual([expect.stringContaining('memory grew')])
  expect(verdictOf([seen(() => 400)]).wrong).toEqual([expect.stringContaining('400 MB resident')])
})
