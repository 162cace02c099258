// Real: the ledger. Doubled: nothing. Failure: a watermark past an unsettled offset, or one that falls.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ledger } from './ledger.ts'

test('the watermark is the first unsettled offset, whatever the order of settling', () => {
  const ledger = new Ledger(10)
  expect(ledger.admit([10, 11, 12], 13)).toEqual([true, true, true])
  ledger.settle(12)
  ledger.settle(11)
  expect(ledger.watermark).toBe(10)
  ledger.settle(10)
  expect(ledger.watermark).toBe(13)
})

test('gaps in the offsets are passed, also behind the last record', () => {
  const ledger = new Ledger(0)
  ledger.admit([3, 7], 9)
  expect(ledger.watermark).toBe(3)
  ledger.settle(3)
  expect(ledger.watermark).toBe(7)
  ledger.settle(7)
  expect(ledger.watermark).toBe(9)
})

test('reading begins at the watermark again when the records are gone; what is settled is not asked for again', () => {
  const ledger = new Ledger(0)
  ledger.admit([0, 1, 2], 3)
  ledger.settle(1)
  ledger.resume(0, false)
  expect(ledger.cursor).toBe(0)
  expect(ledger.admit([0, 1, 2], 3)).toEqual([true, false, true])
  ledger.settle(0)
  expect(ledger.watermark).toBe(2)
})

test('a late settle between two assignments counts', () => {
  const ledger = new Ledger(0)
  ledger.admit([0, 1], 2)
  ledger.resume(0, false)
  ledger.settle(0)
  expect(ledger.watermark).toBe(0)
  expect(ledger.admit([0, 1], 2)).toEqual([false, true])
  expect(ledger.watermark).toBe(1)
})

test('what another owner committed in between is settled', () => {
  const ledger = new Ledger(0)
  ledger.admit([0, 1, 2, 3], 4)
  ledger.settle(2)
  ledger.resume(2, true)
  expect(ledger.watermark).toBe(3)
  expect(ledger.cursor).toBe(4)
  ledger.resume(9, true)
  expect([ledger.watermark, ledger.cursor]).toEqual([9, 9])
})

test('property: the watermark is the least unsettled offset, and never falls', () => {
  const world = fc.record({
    gaps: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 40 }),
    settles: fc.array(fc.nat(60), { maxLength: 80 }),
    forgetAt: fc.nat(80),
  })
  fc.assert(
    fc.property(world, ({ gaps, settles, forgetAt }) => {
      let end = 0
      const offsets = gaps.map((gap) => {
        const offset = end + gap - 1
        end += gap
        return offset
      })
      const ledger = new Ledger(0)
      ledger.admit(offsets, end)
      const settled = new Set<number>()
      let last = 0
      settles.forEach((pick, i) => {
        const offset = offsets[pick % offsets.length] as number
        settled.add(offset)
        ledger.settle(offset)
        if (i === forgetAt) {
          ledger.resume(0, false)
          ledger.admit(
            offsets.filter((o) => o >= ledger.cursor),
            end,
          )
        }
        expect(ledger.watermark).toBeGreaterThanOrEqual(last)
        last = ledger.watermark
        // A gap before the first unsettled record may or may not be passed; a record may not.
        const least = offsets.find((o) => !settled.has(o)) ?? end
        expect(ledger.watermark).toBeLessThanOrEqual(least)
        expect(offsets.filter((o) => o < least && o >= ledger.watermark)).toEqual([])
      })
    }),
  )
})
