// Owns reading topics for a person: every partition, from the beginning or from what comes next, leaving no offsets behind.
//
// "From what comes next" is fixed before the consumer joins, by asking for the ends of the partitions and seeking there:
// kafkajs itself looks up the end at its first fetch, and would skip a record produced between joining and that.

import { randomUUID } from 'node:crypto'
import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import type { Consumer, IHeaders } from 'kafkajs'

export type Seen = {
  topic: string
  partition: number
  offset: string
  /** When it was produced, as the record says: milliseconds since 1970. */
  timestampMs: number
  key: string | null
  value: Buffer | null
  headers: [name: string, value: string][]
}

export type Follower = {
  /** Resolves when following ended by itself, with the reason: Kafka went away, or a record could not be read. */
  readonly broken: Promise<string>
  /** Twice is fine. */
  stop(): Promise<void>
}

export type FollowOptions = {
  brokers: string
  topics: readonly string[]
  from: 'beginning' | 'now'
  onRecord: (seen: Seen) => void
  /** In front of the throwaway group's name. */
  groupPrefix?: string
}

/** Starts following, and resolves once every record from now on will be seen. Rejects where Kafka cannot be reached. */
export async function follow(options: FollowOptions): Promise<Follower> {
  const kafka = kafkaClient(options.brokers, 'partoo-bridge-follow')
  const groupId = `${options.groupPrefix ?? ''}follow-${randomUUID().slice(0, 8)}`
  const next = await positions(options)
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 250, retry: { retries: 3, initialRetryTime: 100 } })
  const joined = Promise.withResolvers<void>()
  const broken = Promise.withResolvers<string>()
  consumer.on(consumer.events.GROUP_JOIN, () => {
    // Nothing is committed, so each join, also one after a break, begins where this one left off.
    for (const position of next.values()) consumer.seek(position)
    joined.resolve()
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) broken.resolve(payload.error.message)
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...options.topics], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const { offset, timestamp, key, value, headers } = message
        next.set(`${topic}/${partition}`, { topic, partition, offset: String(BigInt(offset) + 1n) })
        options.onRecord({
          topic,
          partition,
          offset,
          timestampMs: Number(timestamp),
          key: key === null ? null : key.toString(),
          value,
          headers: flatHeaders(headers),
        })
      },
    })
    await joined.promise
  } catch (error) {
    await leave(consumer, options.brokers, groupId)
    throw error
  }
  let left: Promise<void> | undefined
  return {
    broken: broken.promise,
    stop: () => (left ??= leave(consumer, options.brokers, groupId)),
  }
}

type Position = { topic: string; partition: number; offset: string }

async function positions({ brokers, topics, from }: FollowOptions): Promise<Map<string, Position>> {
  return withAdmin(kafkaClient(brokers), async (admin) => {
    const all = new Map<string, Position>()
    for (const topic of topics) {
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        all.set(`${topic}/${partition}`, { topic, partition, offset: from === 'now' ? high : low })
      }
    }
    return all
  })
}

/** Disconnects and deletes the group. The group is empty and holds no offsets: should that fail, it is forgotten anyway. */
async function leave(consumer: Consumer, brokers: string, groupId: string): Promise<void> {
  await consumer.disconnect().catch(() => {})
  await withAdmin(kafkaClient(brokers), (admin) => admin.deleteGroups([groupId])).catch(() => {})
}

function flatHeaders(headers: IHeaders | undefined): [string, string][] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const values = Array.isArray(value) ? value : [value]
    return values.map((one): [string, string] => [name, one === undefined ? '' : one.toString()])
  })
}
