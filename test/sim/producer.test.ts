// Seeded simulation of the safe producer. Real: SafeProducer. Doubled: kafkajs's clients and the broker behind them, with the
// defects that the real ones have been seen to have. Failure: a record that is told as stored and is not, one that is refused
// though it is small enough, one without an answer, or a send that breaks a rule of the file's header.

import { expect, test } from 'vitest'
import { simulateProducer } from './producer-simulation.ts'

const seeds = Array.from({ length: 150 }, (_, index) => index + 1)

test('what is told as stored is stored, whatever fails', { timeout: 60_000 }, async () => {
  const sum = { records: 0, repeats: 0, failures: 0, refusals: 0, lacks: 0, clients: 0, sends: 0 }
  for (const seed of seeds) {
    const seen = await simulateProducer(seed)
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += seen[name]
  }
  // What the worlds are about happens in them.
  for (const [name, count] of Object.entries(sum)) expect(count, name).toBeGreaterThan(100)
})
