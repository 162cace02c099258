// One thread of the simulation: runs the seeds that it is given, one after the other, and tells what was seen. A seed is a
// world of the core and, as that is another matter altogether, now and then one of the producer.

import { parentPort } from 'node:worker_threads'
import type { WorkerAnswer } from './main.ts'
import { simulateProducer } from './producer-simulation.ts'
import { simulate } from './simulation.ts'

const worldsPerProducer = 4

parentPort?.on('message', async ({ from, to }: { from: number; to: number }) =>
  parentPort?.postMessage(await runSeeds(from, to)),
)

async function runSeeds(from: number, to: number): Promise<WorkerAnswer> {
  const sum = { steps: 0, virtualMs: 0, calls: 0 }
  try {
    for (let seed = from; seed <= to; seed += 1) {
      const { steps, virtualMs, calls } = simulate(seed)
      sum.steps += steps
      sum.virtualMs += virtualMs
      sum.calls += calls
      if (seed % worldsPerProducer === 0) await simulateProducer(seed)
    }
    return { kind: 'ran', seeds: to - from + 1, ...sum }
  } catch (error) {
    return { kind: 'failed', message: (error as Error).message }
  }
}
