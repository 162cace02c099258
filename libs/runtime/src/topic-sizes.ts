// How large a record each topic takes, as its brokers say. Asked once at a start: a topic that is too small for what is
// published is better told then than when the first large record comes.

import kafkajs, { type Admin } from 'kafkajs'
import { createKafka } from './kafka.ts'
import { kafkaErrorLine, kafkaErrorType, refusalLine } from './kafka-errors.ts'
import type { KafkaConnection } from './kafka-variables.ts'
import type { Log } from './log.ts'

/**
 * `bytesMax`: max.message.bytes, of a batch. `untold`: the brokers do not say, `because` why. `denied`: they do not even say that
 * it is there.
 */
export type TopicSize =
  | { kind: 'takes'; bytesMax: number }
  | { kind: 'missing' }
  | { kind: 'untold'; because: string }
  | { kind: 'denied'; because: string }

const timeoutMs = 5_000

/** Asks for the size of each topic. Rejects where Kafka cannot be reached. */
export async function readTopicSizes(
  connection: KafkaConnection,
  log: Log,
  topics: readonly string[],
): Promise<Map<string, TopicSize>> {
  const patience = { connectionTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, retries: 0 }
  const admin = createKafka(connection, log, patience).admin({ retry: { retries: 0 } })
  const sizes = new Map<string, TopicSize>()
  try {
    await admin.connect()
    for (const name of topics) {
      try {
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: ['max.message.bytes'] }],
        })
        const value = resources[0]?.configEntries.find(({ configName }) => configName === 'max.message.bytes')
        const bytesMax = Number(value?.configValue)
        sizes.set(
          name,
          bytesMax > 0 ? { kind: 'takes', bytesMax } : { kind: 'untold', because: 'no max.message.bytes' },
        )
      } catch (error) {
        const type = kafkaErrorType(error)
        if (type === undefined) throw error
        const isMissing = type === 'UNKNOWN_TOPIC_OR_PARTITION'
        sizes.set(name, isMissing ? { kind: 'missing' } : await untold(admin, name, error))
      }
    }
    return sizes
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Who may not read a topic's settings may still write to it; who may not even see it cannot. */
async function untold(admin: Admin, topic: string, error: unknown): Promise<TopicSize> {
  try {
    await admin.fetchTopicMetadata({ topics: [topic] })
    return { kind: 'untold', because: kafkaErrorLine(error) }
  } catch (denial) {
    const type = kafkaErrorType(denial)
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return { kind: 'missing' }
    if (type !== 'TOPIC_AUTHORIZATION_FAILED') throw denial
    return { kind: 'denied', because: refusalLine(denial, 'Describe', [topic]) }
  }
}
