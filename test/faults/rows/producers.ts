// Producers that are no steady load.

import { until } from '../../support/wait.ts'
import type { Row } from '../row.ts'

export const producerRows: readonly Row[] = [
  {
    name: 'slow-producer',
    fault: 'a message every 2 s, for 40 s',
    kafka: 'one',
    world: { perSecond: 0.5 },
    expected: { noRecovery: true },
    async run(world) {
      await world.phase('a message every 2 s', () => world.lasts(40_000))
    },
  },
  {
    name: 'burst-producer',
    fault: '1,600 messages at once, in a minute with room for 1,200',
    kafka: 'one',
    world: { perSecond: 1 },
    expected: { noRecovery: true, drainDeadlineMs: 180_000 },
    async run(world) {
      const goal = world.load.count + 1_600
      await world.phase('1,600 messages at once', async () => {
        world.load.burst(1_600)
        await until('1,600 messages stored', () => world.signal.aborted || world.load.count >= goal)
      })
    },
  },
]
