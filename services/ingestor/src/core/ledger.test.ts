// Real: the ledger with the encoding of its metadata. Doubled: the log and what others settled, as a naive model. Failure: a
// watermark past an unsettled offset, or one that falls; metadata that does not tell the truth, or not all of it.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ledger } from './ledger.ts'
import { decodeSettled, type OffsetRange } from './settled-offsets.ts'

/** Admits offsets in order, up to `offsetNext`; answers which of them are still to be settled. */
function admit(ledger: Ledger, offsets: number[], offsetNext: number): number[] {
  const open = offsets.filter((offset) => ledger.admit(offset))
  ledger.readTo(offsetNext)
  return open
}

test('the watermark is the first unsettled offset, whatever the order of settling', () => {
  const ledger = new Ledger(10)
  expect(admit(ledger, [10, 11, 12], 13)).toEqual([10, 11, 12])
  ledger.settle(12)
  ledger.settle(11)
  expect([ledger.watermark, ledger.settledBeyond]).toEqual([10, 2])
  ledger.settle(10)
  expect([ledger.watermark, ledger.settledBeyond]).toEqual([13, 0])
})

test('gaps in the offsets are passed, also behind the last record', () => {
  const ledger = new Ledger(0)
  admit(ledger, [3, 7], 9)
  expect(ledger.watermark).toBe(3)
  ledger.settle(3)
  expect(ledger.watermark).toBe(7)
  ledger.settle(7)
  expect(ledger.watermark).toBe(9)
})

test('the first record seen is not where it begins: what was skipped does not look settled', () => {
  const ledger = new Ledger(0)
  ledger.admit(5)
  expect(() => ledger.admit(4)).toThrow('offset 4 admitted before 6')
  expect(() => ledger.readTo(5)).toThrow('read to 5, before 6')
})

test('the metadata names what is settled beyond the watermark; a new owner does not ask for it again', () => {
  const ledger = new Ledger(0)
  admit(ledger, [0, 1, 2, 3, 4], 5)
  expect(ledger.metadata()).toBe('')
  ledger.settle(1)
  ledger.settle(3)
  expect(decodeSettled(ledger.metadata(), 0)).toEqual([
    { from: 1, to: 2 },
    { from: 3, to: 4 },
  ])
  const next = new Ledger(0)
  next.resume(0, decodeSettled(ledger.metadata(), 0), false)
  expect(admit(next, [0, 1, 2, 3, 4], 5)).toEqual([0, 2, 4])
  next.settle(0)
  expect(next.watermark).toBe(2)
})

test('what a new owner has not read yet is still in its own metadata', () => {
  const next = new Ledger(0)
  next.resume(0, [{ from: 7, to: 9 }], false)
  expect(admit(next, [0, 1], 2)).toEqual([0, 1])
  next.settle(0)
  expect(next.watermark).toBe(1)
  expect(decodeSettled(next.metadata(), 1)).toEqual([{ from: 7, to: 9 }])
})

test('reading begins at the watermark again when the records are gone; what is settled is not asked for again', () => {
  const ledger = new Ledger(0)
  admit(ledger, [0, 1, 2], 3)
  ledger.settle(1)
  ledger.resume(0, [], false)
  expect(ledger.cursor).toBe(0)
  expect(admit(ledger, [0, 1, 2], 3)).toEqual([0, 2])
  ledger.settle(0)
  expect(ledger.watermark).toBe(2)
})

test('a late settle between two assignments counts', () => {
  const ledger = new Ledger(0)
  admit(ledger, [0, 1], 2)
  ledger.resume(0, [], false)
  ledger.settle(0)
  expect(ledger.knowsBeyond(0)).toBe(true)
  expect(admit(ledger, [0, 1], 2)).toEqual([1])
  expect(ledger.watermark).toBe(1)
})

test('what another owner committed in between is settled, beyond its watermark too', () => {
  const ledger = new Ledger(0)
  admit(ledger, [0, 1, 2, 3, 4], 5)
  ledger.settle(2)
  ledger.resume(2, [{ from: 4, to: 5 }], true)
  expect([ledger.watermark, ledger.cursor]).toEqual([3, 5])
  ledger.settle(3)
  expect(ledger.watermark).toBe(5)
  ledger.resume(9, [], true)
  expect([ledger.watermark, ledger.cursor]).toEqual([9, 9])
})

test('a commit that is behind, as a late one may land, takes nothing back', () => {
  const ledger = new Ledger(0)
  admit(ledger, [0, 1, 2], 3)
  ledger.settle(0)
  ledger.settle(2)
  ledger.resume(0, [], false)
  expect([ledger.watermark, ledger.cursor]).toEqual([1, 1])
  expect(admit(ledger, [1, 2], 3)).toEqual([1])
})

// It adds one range after the other to a list that it copies each time: 3 s for 12,000 ranges, in which no heartbeat is sent.
test('metadata of thousands of ranges is taken over without a pause', () => {
  const beyond = Array.from({ length: 4_000 }, (_, i) => ({ from: 2 * i + 1, to: 2 * i + 2 }))
  const ledger = new Ledger(0)
  const beforeMs = performance.now()
  ledger.resume(0, beyond, false)
  expect(performance.now() - beforeMs).toBeLessThan(100)
})

type Step =
  | { kind: 'read'; count: number; gap: number }
  | { kind: 'settle'; pick: number }
  /** Others settle some, commit, and the partition comes back; or it never went. */
  | { kind: 'resume'; kept: boolean; others: number[]; behind: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 6 }), gap: fc.nat(2) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), pick: fc.nat(200) }) },
  fc.record({
    kind: fc.constant('resume' as const),
    kept: fc.boolean(),
    others: fc.array(fc.nat(50), { maxLength: 10 }),
    behind: fc.nat(8),
  }),
)

/** Tells the ledger what happens and keeps the books by hand: what the log holds, what is settled, what of that it knows. */
class Model {
  readonly log: number[]
  readonly truth = new Set<number>()
  readonly known = new Set<number>()
  readonly ledger = new Ledger(0)
  read: number[] = []
  everRead = 0
  watermark = 0

  constructor(gaps: number[]) {
    let end = 0
    this.log = gaps.map((gap) => {
      end += gap
      return end - 1
    })
  }

  take(step: Step): void {
    if (step.kind === 'read') this.#read(step.count, step.gap)
    else if (step.kind === 'settle') this.#settle(step.pick)
    else this.#resume(step)
    this.#check()
  }

  #read(count: number, gap: number): void {
    const { ledger, log } = this
    const offsets = log.filter((offset) => offset >= ledger.cursor).slice(0, count)
    const last = offsets.at(-1)
    if (last === undefined) return
    const next = log.find((offset) => offset > last) ?? last + 3
    expect(admit(ledger, offsets, Math.min(next, last + 1 + gap))).toEqual(offsets.filter((o) => !this.known.has(o)))
    this.read.push(...offsets)
    this.everRead = Math.max(this.everRead, last + 1)
  }

  /** Anything that was read at some time may be settled at any time, twice too. */
  #settle(pick: number): void {
    const candidates = this.log.filter((offset) => offset < this.everRead)
    const offset = candidates[pick % Math.max(1, candidates.length)]
    if (offset === undefined) return
    this.truth.add(offset)
    this.known.add(offset)
    this.ledger.settle(offset)
  }

  #resume({ kept, others, behind }: Extract<Step, { kind: 'resume' }>): void {
    if (!kept) for (const pick of others) this.truth.add(this.log[pick % this.log.length] as number)
    // Whatever was committed is true; how far it goes depends on who committed when.
    const least = this.log.find((offset) => !this.truth.has(offset)) ?? (this.log.at(-1) ?? 0) + 1
    const offsetNext = Math.max(0, least - behind)
    const beyond = this.log.filter(
      (offset) => offset >= offsetNext && this.truth.has(offset) && offset % 5 !== behind % 5,
    )
    for (const offset of [...this.log.filter((o) => o < offsetNext), ...beyond]) this.known.add(offset)
    this.ledger.resume(
      offsetNext,
      beyond.map((offset) => ({ from: offset, to: offset + 1 })),
      kept,
    )
    if (!kept) this.read = []
    this.read = this.read.filter((offset) => offset >= offsetNext)
  }

  #check(): void {
    const { ledger, log, known } = this
    expect(ledger.watermark).toBeGreaterThanOrEqual(this.watermark)
    this.watermark = ledger.watermark
    expect(log.filter((offset) => offset < ledger.watermark && !this.truth.has(offset))).toEqual([])
    // As far as it was read it goes as far as it can.
    const open = this.read.find((offset) => !known.has(offset))
    if (open === undefined) expect(ledger.watermark).toBe(ledger.cursor)
    else expect(log.filter((offset) => offset >= ledger.watermark && offset < open)).toEqual([])
    const told = decodeSettled(ledger.metadata(), ledger.watermark)
    expect(log.filter((offset) => isIn(told, offset))).toEqual(
      log.filter((offset) => offset >= ledger.watermark && known.has(offset)),
    )
    const held = this.read.filter((offset) => offset >= ledger.watermark)
    expect([ledger.span, ledger.settledBeyond]).toEqual([
      held.length,
      held.filter((offset) => known.has(offset)).length,
    ])
  }
}

function isIn(ranges: OffsetRange[], offset: number): boolean {
  return ranges.some(({ from, to }) => offset >= from && offset < to)
}

test('property: in any order of reading, settling and coming back, watermark and metadata say all that is known, and no more', () => {
  // Short ones, and long ones, as both kinds of metadata have their say.
  const gap = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(1), fc.integer({ min: 20, max: 300 }))
  const gaps = fc.array(gap, { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(gaps, fc.array(step, { maxLength: 40 }), (log, steps) => {
      const model = new Model(log)
      for (const next of steps) model.take(next)
    }),
    { numRuns: 300 },
  )
})
