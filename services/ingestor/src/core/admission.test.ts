// Real: the admission. Doubled: partitions, as what they hold. Failure: more held than may be, a partition that is starved, or
// one that is resumed for nothing.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Admission, type Held } from './admission.ts'

const nothing = (): Held => ({ records: 0, bytes: 0 })

/** Takes records of `bytes` until there is no room; answers how many. */
function fill(admission: Admission, held: Held, bytes = 1): number {
  let taken = 0
  while (admission.take(held, bytes)) taken += 1
  return taken
}

test('one busy partition gets two thirds of the room, the next one two thirds of what is left', () => {
  const admission = new Admission({ records: 900, bytes: 1_000_000 })
  const [first, second] = [nothing(), nothing()]
  expect(fill(admission, first)).toBe(600)
  expect(fill(admission, second)).toBe(200)
  expect(admission.total).toEqual({ records: 800, bytes: 800 })
})

test('bytes count as records do', () => {
  const admission = new Admission({ records: 1_000_000, bytes: 900 })
  const held = nothing()
  expect(fill(admission, held, 100)).toBe(6)
  expect(held).toEqual({ records: 6, bytes: 600 })
})

test('a partition that holds nothing may hold one record, however large, and however full the rest', () => {
  const admission = new Admission({ records: 1, bytes: 10 })
  expect(admission.take(nothing(), 1)).toBe(true)
  const waking = nothing()
  expect(admission.take(waking, 1_000_000)).toBe(true)
  expect(admission.take(waking, 1)).toBe(false)
})

test('what is paused is resumed when it has a good part of its room again, not at once', () => {
  const admission = new Admission({ records: 900, bytes: 1_000_000 })
  const held = nothing()
  fill(admission, held)
  const resumed: number[] = []
  for (let given = 0; given <= 100; given += 1) {
    if (admission.mayResume(held)) resumed.push(given)
    admission.give(held, 1)
  }
  // 600 held and 300 free; with 60 fewer, 540 and three quarters of twice 360.
  expect(resumed[0]).toBe(61)
})

test('what gives back everything leaves everything free', () => {
  const admission = new Admission({ records: 10, bytes: 100 })
  const held = nothing()
  const taken = fill(admission, held, 7)
  for (let i = 0; i < taken; i += 1) admission.give(held, 7)
  expect([admission.total, held]).toEqual([nothing(), nothing()])
})

const max = fc.record({ records: fc.integer({ min: 1, max: 40 }), bytes: fc.integer({ min: 1, max: 400 }) })
const partitions = fc.integer({ min: 1, max: 5 })
/** A partition takes a record of so many bytes, or gives back its oldest. */
const moves = fc.array(
  fc.record({ partition: fc.nat(4), bytes: fc.integer({ min: 1, max: 150 }), gives: fc.boolean() }),
  {
    maxLength: 150,
  },
)

/** Plays the moves; `after` sees each. */
function play(
  admission: Admission,
  count: number,
  all: { partition: number; bytes: number; gives: boolean }[],
  after: (held: Held, taken: boolean | null, move: { bytes: number; wasEmpty: boolean }) => void,
): void {
  const queues: number[][] = Array.from({ length: count }, () => [])
  const helds = queues.map(nothing)
  for (const move of all) {
    const queue = queues[move.partition % count] as number[]
    const held = helds[move.partition % count] as Held
    const wasEmpty = held.records === 0
    const given = move.gives ? queue.shift() : undefined
    if (given !== undefined) admission.give(held, given)
    const taken = move.gives ? null : admission.take(held, move.bytes)
    if (taken === true) queue.push(move.bytes)
    expect(held).toEqual({ records: queue.length, bytes: queue.reduce((sum, bytes) => sum + bytes, 0) })
    after(held, taken, { bytes: move.bytes, wasEmpty })
  }
}

test('property: the total is never more than may be held, but for one record a partition', () => {
  fc.assert(
    fc.property(max, partitions, moves, (most, count, all) => {
      const admission = new Admission(most)
      play(admission, count, all, () => {
        expect(admission.total.records).toBeLessThanOrEqual(most.records + count)
        expect(admission.total.bytes).toBeLessThanOrEqual(most.bytes + count * 150)
      })
    }),
    { numRuns: 200 },
  )
})

test('property: a partition that holds nothing is never refused, nor kept paused', () => {
  fc.assert(
    fc.property(max, partitions, moves, (most, count, all) => {
      const admission = new Admission(most)
      play(admission, count, all, (held, taken, { wasEmpty }) => {
        if (taken !== null && wasEmpty) expect(taken).toBe(true)
        if (held.records === 0) expect(admission.mayResume(held)).toBe(true)
      })
    }),
    { numRuns: 200 },
  )
})

test('property: a partition whose record was refused is not resumed before something was given back', () => {
  fc.assert(
    fc.property(max, partitions, moves, (most, count, all) => {
      const admission = new Admission(most)
      play(admission, count, all, (held, taken, { bytes }) => {
        if (taken === false) expect(admission.mayResume(held, bytes)).toBe(false)
      })
    }),
    {
      numRuns: 200,
      examples: [[{ records: 40, bytes: 100 }, 1, [10, 60].map((bytes) => ({ partition: 0, bytes, gives: false }))]],
    },
  )
})
