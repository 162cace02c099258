// Kafka from the benchmark's side: brings messages into a topic and asks what a group has done with it.

import { kafkaClient } from '@bridge/local-kafka/kafka-client'
import type { Admin, Producer } from 'kafkajs'
import { waitFor } from './waiting.ts'

/** What is brought into a topic. */
export type LoadRecord = { key: string; value: string; partition: number }

/** A batch of one partition alone is below the 1 MB that a topic takes by default: about 370 bytes a record, half of them there. */
const batchRecordsMax = 4_000

export class Load {
  readonly #producer: Producer
  readonly #admin: Admin

  static async connect(brokers: string): Promise<Load> {
    const kafka = kafkaClient(brokers, 'bench')
    const load = new Load(kafka.producer({ allowAutoTopicCreation: false }), kafka.admin())
    await Promise.all([load.#producer.connect(), load.#admin.connect()])
    return load
  }

  private constructor(producer: Producer, admin: Admin) {
    this.#producer = producer
    this.#admin = admin
  }

  /** Brings all of `records` into a topic, in large batches, acknowledged. @param told how many so far, now and then */
  async produce(
    topic: string,
    records: Iterable<LoadRecord>,
    signal: AbortSignal,
    told: (count: number) => void = () => {},
  ): Promise<void> {
    let batch: LoadRecord[] = []
    let count = 0
    const flush = async () => {
      if (batch.length > 0) await this.#producer.send({ topic, acks: -1, messages: batch })
      count += batch.length
      batch = []
      told(count)
      signal.throwIfAborted()
    }
    for (const { key, value, partition } of records) {
      batch.push({ key, value, partition })
      if (batch.length === batchRecordsMax) await flush()
    }
    await flush()
  }

  /** Sends one message by itself, at once. Resolves when it is acknowledged. */
  async send(topic: string, { key, value, partition }: LoadRecord): Promise<void> {
    await this.#producer.send({ topic, acks: -1, messages: [{ key, value, partition }] })
  }

  /** How many records were ever written to a topic. */
  async written(topic: string): Promise<number> {
    const ends = await this.#admin.fetchTopicOffsets(topic)
    return ends.reduce((sum, { high }) => sum + Number(high), 0)
  }

  /** Waits until a group has committed everything that a topic holds. */
  async untilCommitted(topic: string, groupId: string, deadlineMs: number, signal: AbortSignal): Promise<void> {
    const written = await this.written(topic)
    await waitFor(`${written} records committed by ${groupId}`, deadlineMs, signal, async () => {
      const [committed] = await this.#admin.fetchOffsets({ groupId, topics: [topic] })
      const offsets = committed?.partitions.map(({ offset }) => Math.max(0, Number(offset))) ?? []
      return offsets.reduce((sum, offset) => sum + offset, 0) >= written
    })
  }

  /** A group's state and the ids of its members. */
  async membership(groupId: string): Promise<{ state: string; members: string[] }> {
    const { groups } = await this.#admin.describeGroups([groupId])
    const group = groups[0]
    return { state: group?.state ?? 'Unknown', members: group?.members.map(({ memberId }) => memberId).sort() ?? [] }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#producer.disconnect(), this.#admin.disconnect()])
  }
}
