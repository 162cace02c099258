// Real: the set of places. Doubled: a plain Set, which must agree. Failure: a place too many or too few, ranges that touch or
// are out of order.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Places } from './places.ts'

test('places are told as ranges', () => {
  const places = new Places()
  for (const place of [5, 3, 4, 9, 5]) places.add(place)
  expect(places.ranges).toEqual([
    { from: 3, to: 6 },
    { from: 9, to: 10 },
  ])
  expect(places.count).toBe(4)
  places.dropBefore(5)
  expect(places.ranges[0]).toEqual({ from: 5, to: 6 })
})

const step = fc.oneof(
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('add' as const), place: fc.integer({ min: 0, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), place: fc.integer({ min: 0, max: 60 }) }) },
)

test('whatever is added and dropped, it is the set that a Set is', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const places = new Places()
      const model = new Set<number>()
      for (const { kind, place } of steps) {
        if (kind === 'add') {
          places.add(place)
          model.add(place)
        } else {
          places.dropBefore(place)
          for (const each of [...model]) if (each < place) model.delete(each)
        }
        const told = places.ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
        expect(told).toEqual([...model].sort((a, b) => a - b))
        expect(places.count).toBe(model.size)
        for (let i = 1; i < places.ranges.length; i += 1) {
          expect(places.ranges[i]?.from).toBeGreaterThan(places.ranges[i - 1]?.to ?? 0)
        }
        for (let each = -1; each <= 61; each += 1) expect(places.has(each)).toBe(model.has(each))
      }
    }),
  )
})
