// Owns the topics and consumer groups of a test: made under a prefix that nobody else has, deleted with everything under it.

import { randomUUID } from 'node:crypto'
import { createTopics, removeWithPrefix, type TopicNames } from '@bridge/local-kafka/topics'

export type TestTopics = {
  /** Starts every name of this test: further topics and groups named with it are deleted too. */
  readonly prefix: string
  readonly names: TopicNames
  /** Answers a consumer group id of this test. */
  group(name: string): string
  /** Deletes every topic and consumer group with the prefix. Consumers must have been stopped. */
  remove(): Promise<void>
}

/** Creates the topics under a fresh prefix. @param brokers inject('kafkaBrokers') */
export async function testTopics(brokers: string): Promise<TestTopics> {
  const prefix = `test-${randomUUID().slice(0, 8)}-`
  return {
    prefix,
    names: await createTopics(brokers, prefix),
    group: (name) => `${prefix}${name}`,
    remove: () => removeWithPrefix(brokers, prefix),
  }
}
