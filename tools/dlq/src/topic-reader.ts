// Owns reading the dead-letter topic: parts of it, as often as is asked, from where to where is asked. Nothing is committed.
//
// kafkajs reads as a consumer group only. Who only looks has a group of its own, which vanishes; who redrives has the group of the
// topic, and is alone in it: so two people cannot redrive the same letters at the same time.

import { setTimeout as delay } from 'node:timers/promises'
import { createKafka } from '@bridge/runtime/kafka'
import type { KafkaConnection } from '@bridge/runtime/kafka-variables'
import { createLog } from '@bridge/runtime/log'
import type { ConsumedRecord, Headers } from '@bridge/schemas/record'
import type { Admin, Batch, Consumer, KafkaMessage } from 'kafkajs'

const patience = { connectionTimeoutMs: 10_000, requestTimeoutMs: 30_000, retries: 2 }
const sessionTimeoutMs = 10_000
const fetchWaitMsMax = 250
/** Longer than a group needs to begin, even where the brokers wait for further members. */
const joinMsMax = 60_000
/** Reading that brings nothing for so long has failed. */
const silenceMsMax = 60_000
/** A member that was killed is one until its session ends. */
const busyMsMax = sessionTimeoutMs + 5_000

/** Offsets `from` to `to`, which is not. */
export type Range = { partition: number; from: number; to: number }

export type ReaderOptions = {
  connection: KafkaConnection
  topic: string
  groupId: string
  /** Ends whatever is under way: it rejects. */
  signal: AbortSignal
  /** Nobody else may be in the group: `waiting` is called once if somebody is, who may be about to leave. */
  alone?: { waiting: () => void }
}

type Reading = {
  ranges: Map<number, Range>
  onRecord: (record: ConsumedRecord) => Promise<void> | void
  heardMs: number
  done: PromiseWithResolvers<void>
}

export class TopicReader {
  readonly #topic: string
  readonly #admin: Admin
  readonly #consumer: Consumer
  readonly #joined = Promise.withResolvers<void>()
  #assigned: readonly number[] = []
  #memberId = ''
  #reading: Reading | undefined
  #broken: Error | undefined

  private constructor(topic: string, admin: Admin, consumer: Consumer) {
    this.#topic = topic
    this.#admin = admin
    this.#consumer = consumer
    // Whoever waits for it is told; nobody may be waiting.
    this.#joined.promise.catch(() => {})
  }

  /** Connects, and joins the group. `busy`: somebody else is in it. Rejects where Kafka cannot be reached, or refuses. */
  static async open(options: ReaderOptions): Promise<TopicReader | 'busy'> {
    const { connection, topic, groupId, signal, alone } = options
    const kafka = createKafka(connection, createLog('dlq', 'silent'), patience)
    const admin = kafka.admin({ retry: { retries: 2 } })
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      maxWaitTimeInMs: fetchWaitMsMax,
      allowAutoTopicCreation: false,
      retry: { retries: 2, restartOnFailure: async () => false },
    })
    const reader = new TopicReader(topic, admin, consumer)
    const interrupt = () => reader.#break(new Error('interrupted'))
    signal.addEventListener('abort', interrupt, { once: true })
    if (signal.aborted) interrupt()
    try {
      await admin.connect()
      if (alone !== undefined && !(await reader.#isFree(groupId, alone.waiting))) {
        await reader.close()
        return 'busy'
      }
      await reader.#join()
      if (alone === undefined || (await reader.#isFirst(groupId))) return reader
      await reader.close()
      return 'busy'
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  /** What the topic has now, from its beginning to its end. */
  async whole(): Promise<Range[]> {
    const ends = await this.#admin.fetchTopicOffsets(this.#topic)
    return ends
      .map(({ partition, low, high }) => ({ partition, from: Number(low), to: Number(high) }))
      .sort((a, b) => a.partition - b.partition)
  }

  /**
   * Reads these ranges, one a partition, in the order of each; what retention has taken is left out.
   *
   * @param onRecord no further record comes before it is done
   */
  async read(ranges: readonly Range[], onRecord: Reading['onRecord']): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    const wanted = await this.#existing(ranges)
    if (wanted.size === 0) return
    const reading = { ranges: wanted, onRecord, heardMs: performance.now(), done: Promise.withResolvers<void>() }
    this.#reading = reading
    const watch = setInterval(() => {
      if (performance.now() - reading.heardMs < silenceMsMax) return
      reading.done.reject(new Error(`nothing came of ${this.#topic} for ${silenceMsMax / 1_000} s`))
    }, 1_000)
    try {
      this.#position()
      await reading.done.promise
    } finally {
      clearInterval(watch)
      this.#reading = undefined
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#consumer.disconnect(), this.#admin.disconnect()])
  }

  async #join(): Promise<void> {
    const consumer = this.#consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#memberId = payload.memberId
      this.#assigned = payload.memberAssignment[this.#topic] ?? []
      this.#position()
      this.#joined.resolve()
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#break(payload.error))
    await consumer.connect()
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
        const next = await this.#take(batch, heartbeat)
        if (next !== undefined) resolveOffset(String(next - 1))
      },
    })
    const late = new Error(`the group was not joined within ${joinMsMax / 1_000} s`)
    const timer = setTimeout(() => this.#joined.reject(late), joinMsMax)
    await this.#joined.promise.finally(() => clearTimeout(timer))
  }

  #break(error: Error): void {
    this.#broken ??= error
    this.#joined.reject(error)
    this.#reading?.done.reject(error)
  }

  /** Seeks to where reading goes on; everything else is paused. After each join too: kafkajs begins anew there. */
  #position(): void {
    const topic = this.#topic
    for (const partition of this.#assigned) {
      const range = this.#reading?.ranges.get(partition)
      if (range === undefined) {
        this.#consumer.pause([{ topic, partitions: [partition] }])
        continue
      }
      this.#consumer.seek({ topic, partition, offset: String(range.from) })
      this.#consumer.resume([{ topic, partitions: [partition] }])
    }
  }

  /** @returns where to go on, or undefined where the batch is none that was asked for */
  async #take(batch: Batch, heartbeat: () => Promise<void>): Promise<number | undefined> {
    const reading = this.#reading
    const range = reading?.ranges.get(batch.partition)
    // What was fetched before a seek may come after it.
    const { fetchedOffset } = batch as Batch & { readonly fetchedOffset: string }
    if (reading === undefined || range === undefined || Number(fetchedOffset) !== range.from) return undefined
    for (const message of batch.messages) {
      if (Number(message.offset) >= range.to) break
      await reading.onRecord(toRecord(batch, message))
      reading.heardMs = performance.now()
      await heartbeat()
    }
    range.from = Number(batch.lastOffset()) + 1
    reading.heardMs = performance.now()
    if (range.from >= range.to) {
      this.#consumer.pause([{ topic: batch.topic, partitions: [batch.partition] }])
      reading.ranges.delete(batch.partition)
      if (reading.ranges.size === 0) reading.done.resolve()
    }
    return range.from
  }

  /** Sought to an offset that is gone, kafkajs would begin where it likes. */
  async #existing(ranges: readonly Range[]): Promise<Map<number, Range>> {
    const whole = new Map((await this.whole()).map((range) => [range.partition, range]))
    const existing = ranges.map(({ partition, from, to }) => {
      const there = whole.get(partition) ?? { from: 0, to: 0 }
      return { partition, from: Math.max(from, there.from), to: Math.min(to, there.to) }
    })
    return new Map(existing.filter(({ from, to }) => from < to).map((range) => [range.partition, range]))
  }

  async #isFree(groupId: string, waiting: () => void): Promise<boolean> {
    const untilMs = performance.now() + busyMsMax
    for (let tries = 0; (await this.#members(groupId)).length > 0; tries += 1) {
      if (this.#broken !== undefined) throw this.#broken
      if (performance.now() > untilMs) return false
      if (tries === 0) waiting()
      await delay(500)
    }
    return true
  }

  /** Of those that joined at the same moment one stays: once it is alone. */
  async #isFirst(groupId: string): Promise<boolean> {
    const untilMs = performance.now() + busyMsMax
    while (performance.now() < untilMs) {
      if (this.#broken !== undefined) throw this.#broken
      const members = await this.#members(groupId)
      if (members.length <= 1) return true
      if (members.toSorted()[0] !== this.#memberId) return false
      await delay(100)
    }
    return false
  }

  async #members(groupId: string): Promise<string[]> {
    const { groups } = await this.#admin.describeGroups([groupId])
    return (groups[0]?.members ?? []).map(({ memberId }) => memberId)
  }
}

function toRecord(
  { topic, partition }: Batch,
  { offset, timestamp, key, value, headers }: KafkaMessage,
): ConsumedRecord {
  return {
    topic,
    partition,
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key,
    value,
    headers: listed(headers),
  }
}

/** kafkajs tells headers as an object: repeated ones as arrays, and a null value as it is. */
function listed(headers: KafkaMessage['headers']): Headers {
  const own = Object.keys(headers ?? {})
  return own.flatMap((name): [string, Buffer | null][] => {
    const values = headers?.[name]
    return (Array.isArray(values) ? values : [values]).map((value) => [
      name,
      value == null ? null : Buffer.isBuffer(value) ? value : Buffer.from(value),
    ])
  })
}
