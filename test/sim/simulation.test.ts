// Seeded simulation of the ingestor's core. Real: everything in services/ingestor/src/core. Doubled, in virtual time: Partoo,
// Kafka, the group, the consumer, the driver, time and chance. Failure: a law of DESIGN.md broken as seen from outside (order,
// loss, isolation, limit, repeats, bounds), an answer misread, a world that does not come to rest after its faults, or an
// exception. The message names the seed: `npm run sim -- --seed 123` tells all of it. More seeds: `npm run sim`.

import { expect, test } from 'vitest'
import { type Seen, simulate } from './simulation.ts'

const worlds = 256
const worldsATest = 32

for (let from = 1; from <= worlds; from += worldsATest) {
  const to = from + worldsATest - 1
  test(`the laws hold in worlds ${from} to ${to}`, { timeout: 120_000 }, () => {
    for (let seed = from; seed <= to; seed += 1) simulate(seed)
  })
}

test('one seed is one world', () => {
  expect(simulate(3)).toEqual(simulate(3))
})

test('what the worlds are about happens in them', { timeout: 60_000 }, () => {
  const seen = Array.from({ length: 48 }, (_, index) => simulate(index + 1))
  const sum = (name: Exclude<keyof Seen, 'profile'>) => seen.reduce((total, world) => total + world[name], 0)
  const least: Partial<Record<keyof Seen, number>> = {
    accepted: 1_000,
    repeats: 100,
    limited: 1,
    rebalances: 500,
    lateCommits: 20,
    regresses: 1,
    refusals: 10,
    duplicates: 50,
    suspensions: 50,
    staleBatches: 5,
    handedOver: 500,
    replicas: 100,
  }
  for (const [name, count] of Object.entries(least)) {
    expect(sum(name as Exclude<keyof Seen, 'profile'>), name).toBeGreaterThanOrEqual(count)
  }
})
