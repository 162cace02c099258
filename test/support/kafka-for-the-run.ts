// Owns the one Kafka of an integration run: brought up before the first test file, told to the tests as
// `inject('kafkaBrokers')`, ended after the last. TEST_KAFKA_BROKERS names one to use instead of starting one.

import { join } from 'node:path'
import { bringUpKafka } from '@bridge/local-kafka/local-kafka'
import { localFolder } from '@bridge/local-kafka/maven'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** host:port, comma-separated; shared by all test files, so each uses names of its own (see topics.ts). */
    kafkaBrokers: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const say = (line: string): void => console.log(line)
  const logFile = join(localFolder, 'logs', 'kafka-tests.log')
  const brought = await bringUpKafka({ variable: 'TEST_KAFKA_BROKERS', say, logFile })
  if (brought.kind === 'unavailable') throw new Error(brought.reason)
  if (brought.kind === 'aborted') throw new Error('nobody aborts this')
  const { kafka } = brought
  say(`Kafka for this run: ${kafka.description}, at ${kafka.brokers}`)
  project.provide('kafkaBrokers', kafka.brokers)
  return () => kafka.stop()
}
