import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { keepText } from './test/support/kept-output.ts'

// Six projects, one per level of the test pyramid; `npm test` runs the first four.
//   unit         beside the code, no I/O beyond loopback, seconds
//   sim          seeded simulation of the pure core in virtual time
//   integration  real Kafka (one broker for the run), real HTTP, real processes
//   packaging    the Helm chart, by Helm's engine, where Go is installed
//   endurance    the same for minutes, and with three brokers: kills, limits over whole windows, a million records
//   interop      clients in other languages against both services: the programs of examples/
export default defineConfig({
  test: {
    // Most of what takes long waits: for a rebalance, a session that ends, a limit. More than four would starve the one Kafka.
    maxWorkers: Math.min(4, Math.max(2, availableParallelism() - 1)),
    // Whatever is run: what its processes tell is kept, and searched for secrets and message texts in the end.
    globalSetup: ['test/support/output-of-the-run.ts'],
    onConsoleLog: (text) => keepText('console', text),
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{libs,services,tools}/**/*.test.ts',
            'test/{bench,faults,monitoring,support}/**/*.test.ts',
            'test/*.test.ts',
          ],
          testTimeout: 10_000,
        },
      },
      { test: { name: 'sim', include: ['test/sim/**/*.test.ts'], testTimeout: 120_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/kafka-for-the-run.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: 'packaging', include: ['test/packaging/**/*.test.ts'] } },
      {
        test: {
          name: 'endurance',
          include: ['test/endurance/**/*.test.ts'],
          globalSetup: ['test/support/kafka-for-the-run.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          globalSetup: ['test/support/kafka-for-the-run.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
