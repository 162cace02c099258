// Real: the lane's name and its head. Doubled: nothing. Failure: two conversations with one name.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { laneKey } from './lane.ts'

test('a lane is a conversation of a channel in a partition of a topic', () => {
  const one = laneKey('outbound', 0, 'channel', 'conversation')
  const others = [
    laneKey('bulk', 0, 'channel', 'conversation'),
    laneKey('outbound', 1, 'channel', 'conversation'),
    laneKey('outbound', 0, 'other', 'conversation'),
    laneKey('outbound', 0, 'channel', 'other'),
  ]
  expect(laneKey('outbound', 0, 'channel', 'conversation')).toBe(one)
  expect(new Set([one, ...others]).size).toBe(5)
})

test('property: whatever the ids, no two lanes have one name', () => {
  const id = fc.oneof(fc.string(), fc.stringMatching(/^[/:0-9a]{0,6}$/))
  const name = fc.tuple(fc.stringMatching(/^[A-Za-z0-9._-]{1,4}$/), fc.nat(20), id, id)
  fc.assert(
    fc.property(name, name, (one, other) => {
      expect(laneKey(...one) === laneKey(...other)).toBe(JSON.stringify(one) === JSON.stringify(other))
    }),
    { numRuns: 1_000 },
  )
})
