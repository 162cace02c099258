// Seeded simulation of the ingestor's core. Real: everything in services/ingestor/src/core. Doubled, in virtual time: Partoo,
// Kafka, the group, the consumer, the driver, time and chance. Failure: a law of DESIGN.md broken as seen from outside (order,
// loss, limit, repeats, bounds), an answer misread, a world that does not come to rest after its faults, or an exception.
//
//   SIM_SEED=123 npx vitest run --project sim     replays one seed (node test/sim/simulation.ts 123 tells all of it)
//   SIM_SEEDS=500 npx vitest run --project sim    runs seeds 1 to 500

import { expect, test } from 'vitest'
import { type Seen, simulate } from './simulation.ts'

const seeds =
  process.env.SIM_SEED !== undefined
    ? [Number(process.env.SIM_SEED)]
    : Array.from({ length: Number(process.env.SIM_SEEDS ?? 250) }, (_, index) => index + 1)
const seedsATest = 50

for (let from = 0; from < seeds.length; from += seedsATest) {
  const some = seeds.slice(from, from + seedsATest)
  test(`the laws hold in worlds ${some[0]} to ${some.at(-1)}`, { timeout: 120_000 }, () => {
    for (const seed of some) simulate(seed)
  })
}

test('one seed is one world', () => {
  expect(simulate(3)).toEqual(simulate(3))
})

test('what the worlds are about happens in them', () => {
  const seen = Array.from({ length: 40 }, (_, index) => simulate(index + 1))
  const sum = (name: Exclude<keyof Seen, 'profile'>) => seen.reduce((total, world) => total + world[name], 0)
  for (const name of ['accepted', 'repeats', 'limited', 'rebalances', 'lateCommits', 'refusals'] as const) {
    expect(sum(name), name).toBeGreaterThan(0)
  }
  expect(sum('replicas')).toBeGreaterThan(80)
})
