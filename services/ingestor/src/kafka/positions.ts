// Where partitions stand: what is committed and with which metadata, and where their logs begin and end. Read by an admin
// client: kafkajs's consumer keeps to itself what it reads.

import { kafkaErrorType, refusalLine } from '@bridge/runtime/kafka-errors'
import type { Log } from '@bridge/runtime/log'
import type { Admin } from 'kafkajs'
import type { PartitionName, PartitionPosition } from '../core/facts.ts'
import { partitionKey } from '../core/partition.ts'
import { startingOffset } from './starting-offset.ts'

/** Offset of the first record of a log, and the one behind its last. */
export type LogEnds = { low: number; high: number }

export type PositionsOptions = {
  admin: Admin
  groupId: string
  log: Log
}

/** Where these partitions stand. Rejects where Kafka does not tell. */
export async function readPositions(
  assigned: readonly PartitionName[],
  { admin, groupId, log }: PositionsOptions,
): Promise<PartitionPosition[]> {
  if (assigned.length === 0) return []
  const topics = [...new Set(assigned.map(({ topic }) => topic))]
  const committed = await admin.fetchOffsets({ groupId, topics })
  const committedOf = new Map(
    committed.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata }) => [
        partitionKey(topic, partition),
        { offset: Number(offset), metadata: metadata ?? '' },
      ]),
    ),
  )
  const endsOf = await readEnds(admin, assigned)
  return assigned.map(({ topic, partition }) => {
    const key = partitionKey(topic, partition)
    const ends = endsOf.get(key)
    if (ends === undefined) throw new Error(`Kafka does not tell the offsets of ${topic}, partition ${partition}`)
    const commit = committedOf.get(key)
    const start = startingOffset(commit?.offset, ends)
    if (start.beyondEnd)
      log.error({ topic, partition }, 'the committed offset is beyond the log: reading from its beginning')
    // What it says is tied to the offset it was committed with.
    const metadata = start.offsetNext === commit?.offset ? commit.metadata : ''
    return { topic, partition, offsetNext: start.offsetNext, metadata, low: ends.low, end: ends.high }
  })
}

/** The ends of at least these partitions' logs, by `partitionKey`. */
export async function readEnds(admin: Admin, partitions: readonly PartitionName[]): Promise<Map<string, LogEnds>> {
  const ends = new Map<string, LogEnds>()
  for (const topic of new Set(partitions.map((name) => name.topic))) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      ends.set(partitionKey(topic, partition), { low: Number(low), high: Number(high) })
    }
  }
  return ends
}

/** Whether a topic exists. Rejects where Kafka does not tell. */
export async function topicExists(admin: Admin, topic: string): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return (topics[0]?.partitions.length ?? 0) > 0
  } catch (error) {
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return false
    if (kafkaErrorType(error) === undefined) throw error
    throw new Error(refusalLine(error, 'Describe', [topic]))
  }
}
