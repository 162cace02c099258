// The one producer of both services: a record that it reports as stored is stored, acknowledged by all in-sync replicas.
//
// kafkajs acknowledges records that it never wrote when it is idempotent, or repeats a send by itself after a leader moved.
// The rules that avoid it, all kept here:
//   P1  one sendBatch in flight at a time
//   P2  every record has an explicit partition: its own, or murmur2 of its key as Java does, without a key its source partition
//   P3  stored only if the answer lists every topic-partition that was sent
//   P4  not idempotent, and kafkajs repeats nothing by itself: copies of a fact share their ce_id, a lost fact has no remedy
//   P5  a send ends by itself within its timeouts; it is never abandoned, as it could still be sent later
//   P6  one topic a send, so that a refused dead letter does not take receipts along; at most `partitionBytesMax` for one
//       partition, as kafkajs makes one record batch of it and max.message.bytes limits the batch; counted before compression,
//       which adds less than is left to the limit's default, 1,048,588
//   P7  what is refused as too large is halved until the record is found that is
//   P8  after a failure that is not the broker's own word the next send has a new client: kafkajs keeps a connection on which
//       nothing answers any more, and each send would time out on it until TCP gives up, a quarter of an hour later; each new
//       client begins with another broker, as without repeats kafkajs asks only the first
//   P9  after a failure nothing of its topic that waited behind it is sent: it fails too, so that nobody overtakes it
// It batches without waiting: what arrives while a send is under way goes with the next one. Who publishes more than a few
// records a second may set a pace: after a send the next one waits until `paceMs` have passed, so that more of them travel together;
// the first one after a quiet time still goes at once.

import { setTimeout } from 'node:timers/promises'
import type { OutgoingRecord } from '@bridge/schemas/record'
import { recordBytes } from '@bridge/schemas/record'
import kafkajs, { type Admin, type PartitionMetadata, type Producer } from 'kafkajs'
import { compressionType } from './compression.ts'
import { createKafka, type KafkaPatience } from './kafka.ts'
import { kafkaErrorType, refusalLine } from './kafka-errors.ts'
import type { KafkaConnection } from './kafka-variables.ts'
import type { Log } from './log.ts'
import { partitionOfKey } from './murmur2.ts'

/** What became of a record. `failed`: it may or may not be stored; publishing it again is right. */
export type Published = { kind: 'stored' } | { kind: 'refused'; detail: string } | { kind: 'failed'; detail: string }

/** What is used of a kafkajs client. */
export type Client = {
  producer: Pick<Producer, 'connect' | 'disconnect' | 'sendBatch'>
  admin: Pick<Admin, 'connect' | 'disconnect' | 'fetchTopicMetadata'>
  connected: boolean
}
type Waiting = { record: OutgoingRecord; bytes: number; partition: number; done: (published: Published) => void }

const partitionBytesMax = 900_000
const batchRecordsMax = 1_000
const batchBytesMax = 4_000_000
const metadataAgeMsMax = 30_000
const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

export type SafeProducerOptions = {
  connection: KafkaConnection
  log: Log
  /** A send takes at most about `connectionTimeoutMs + 2 × requestTimeoutMs`. */
  connectionTimeoutMs: number
  requestTimeoutMs: number
  /** Records that may wait; one more is answered `failed` at once. */
  waitingMax: number
  /** Between the beginnings of two sends, at least; 0 where it is left out. */
  paceMs?: number
}

export class SafeProducer {
  readonly #options: SafeProducerOptions
  readonly #createClient: typeof createClient
  readonly #waiting = new Map<string, Waiting[]>()
  readonly #partitions = new Map<string, { partitions: PartitionMetadata[]; readAtMs: number }>()
  #waitingCount = 0
  #sending: Promise<void> | undefined
  #client: Client
  #renewals = 0
  #closed = false
  #sentMs = Number.NEGATIVE_INFINITY

  /** @param create makes a client; a test may give another one than kafkajs's */
  constructor(options: SafeProducerOptions, create = createClient) {
    this.#options = options
    this.#createClient = create
    this.#client = create(options, 0)
  }

  /** Records that wait or are under way. */
  get pending(): number {
    return this.#waitingCount
  }

  /** Publishes a record. Never rejects; answers once the record's send has ended. */
  publish(record: OutgoingRecord): Promise<Published> {
    if (this.#closed) return Promise.resolve({ kind: 'failed', detail: 'the producer is closed' })
    if (this.#waitingCount >= this.#options.waitingMax) {
      return Promise.resolve({ kind: 'failed', detail: `${this.#options.waitingMax} records are waiting for Kafka` })
    }
    return new Promise((resolve) => {
      this.#waitingCount += 1
      const done = (published: Published) => {
        this.#waitingCount -= 1
        resolve(published)
      }
      const queue = this.#waiting.get(record.topic)
      const waiting: Waiting = { record, bytes: recordBytes(record), partition: 0, done }
      if (queue === undefined) this.#waiting.set(record.topic, [waiting])
      else queue.push(waiting)
      this.#sending ??= this.#sendAll()
    })
  }

  /** Waits for what is under way, then disconnects. Later records are answered `failed`. Twice is fine. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sending
    await disconnect(this.#client)
  }

  async #sendAll(): Promise<void> {
    // One turn of the event loop, so that records published together travel together.
    await new Promise((resolve) => setImmediate(resolve))
    for (let next = this.#waiting.entries().next(); !next.done; next = this.#waiting.entries().next()) {
      const [topic, queue] = next.value
      await this.#keepPace(queue.length)
      // The topic goes to the end of the map, so that topics take turns.
      this.#waiting.delete(topic)
      const rest = await this.#sendSome(topic, queue)
      const arrived = this.#waiting.get(topic)
      if (arrived !== undefined) rest.push(...arrived)
      if (rest.length > 0) this.#waiting.set(topic, rest)
    }
    this.#sending = undefined
  }

  async #keepPace(waiting: number): Promise<void> {
    const { paceMs = 0 } = this.#options
    const restMs = this.#sentMs + paceMs - performance.now()
    if (restMs > 0 && waiting < batchRecordsMax && !this.#closed) await setTimeout(restMs)
    this.#sentMs = performance.now()
  }

  /** Sends one batch from the head of a topic's queue. @returns what is left of the queue */
  async #sendSome(topic: string, queue: Waiting[]): Promise<Waiting[]> {
    let partitions: PartitionMetadata[]
    try {
      await this.#connect()
      partitions = await this.#partitionsOf(topic)
    } catch (error) {
      this.#renewClient(error)
      const detail = refusalLine(error, 'Describe', [topic])
      for (const waiting of queue) waiting.done({ kind: 'failed', detail })
      return []
    }
    const batch: Waiting[] = []
    const bytesByPartition = new Map<number, number>()
    let bytes = 0
    for (const waiting of queue) {
      waiting.partition = partitionOf(waiting.record, partitions)
      const partitionBytes = (bytesByPartition.get(waiting.partition) ?? 0) + waiting.bytes
      bytes += waiting.bytes
      const full = batch.length === batchRecordsMax || bytes > batchBytesMax || partitionBytes > partitionBytesMax
      if (full && batch.length > 0) break
      bytesByPartition.set(waiting.partition, partitionBytes)
      batch.push(waiting)
    }
    const failure = await this.#send(topic, batch)
    const rest = queue.slice(batch.length)
    if (failure === undefined) return rest
    // P9
    for (const { done } of rest) done({ kind: 'failed', detail: failure })
    return []
  }

  async #send(topic: string, batch: Waiting[]): Promise<string | undefined> {
    let failure: unknown
    try {
      const answer = await this.#client.producer.sendBatch({
        acks: -1,
        timeout: this.#options.requestTimeoutMs,
        compression: compressionType(this.#options.connection.compression ?? 'none'),
        topicMessages: [{ topic, messages: batch.map(toMessage) }],
      })
      const listed = new Set(
        answer.filter((row) => row.errorCode === 0).map((row) => `${row.topicName} ${row.partition}`),
      )
      let missing: string | undefined
      for (const { partition, done } of batch) {
        if (listed.has(`${topic} ${partition}`)) {
          done({ kind: 'stored' })
        } else {
          missing = `partition ${partition} is missing in Kafka's answer`
          done({ kind: 'failed', detail: missing })
        }
      }
      return missing
    } catch (error) {
      failure = error
    }
    this.#partitions.delete(topic)
    this.#renewClient(failure)
    const isTooLarge = tooLarge.has(kafkaErrorType(failure) ?? '')
    const [first] = batch
    if (isTooLarge && first !== undefined && batch.length > 1) {
      const half = batch.length >> 1
      const failed = await this.#send(topic, batch.slice(0, half))
      if (failed === undefined) return this.#send(topic, batch.slice(half))
      for (const { done } of batch.slice(half)) done({ kind: 'failed', detail: failed })
      return failed
    }
    const detail = refusalLine(failure, 'Write', [topic])
    for (const { done } of batch) done(isTooLarge ? { kind: 'refused', detail } : { kind: 'failed', detail })
    return isTooLarge ? undefined : detail
  }

  async #connect(): Promise<void> {
    if (this.#client.connected) return
    await this.#client.producer.connect()
    await this.#client.admin.connect()
    this.#client.connected = true
  }

  /** P8. What the old client was doing has ended; that it takes its leave is not waited for. */
  #renewClient(failure: unknown): void {
    if (kafkaErrorType(failure) !== undefined) return
    void disconnect(this.#client)
    this.#renewals += 1
    this.#client = this.#createClient(this.#options, this.#renewals)
  }

  async #partitionsOf(topic: string): Promise<PartitionMetadata[]> {
    const known = this.#partitions.get(topic)
    const nowMs = performance.now()
    if (known !== undefined && nowMs - known.readAtMs < metadataAgeMsMax) return known.partitions
    try {
      const { topics } = await this.#client.admin.fetchTopicMetadata({ topics: [topic] })
      const partitions = topics[0]?.partitions ?? []
      if (partitions.length === 0) throw new Error(`topic ${topic} has no partitions`)
      this.#partitions.set(topic, { partitions, readAtMs: nowMs })
      return partitions
    } catch (error) {
      if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') {
        throw new Error(`topic ${topic} does not exist`, { cause: error })
      }
      throw error
    }
  }
}

/** @param turn which of the brokers to begin with, modulo their number */
function createClient(options: SafeProducerOptions, turn: number): Client {
  const patience: KafkaPatience = { ...options, retries: 0 }
  const { brokers } = options.connection
  const first = turn % brokers.length
  const connection = { ...options.connection, brokers: [...brokers.slice(first), ...brokers.slice(0, first)] }
  const kafka = createKafka(connection, options.log, patience)
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    idempotent: false,
    maxInFlightRequests: 1,
    retry: { retries: 0 },
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    metadataMaxAge: metadataAgeMsMax,
  })
  return { producer, admin: kafka.admin({ retry: { retries: 0 } }), connected: false }
}

async function disconnect({ producer, admin }: Client): Promise<void> {
  await Promise.allSettled([producer.disconnect(), admin.disconnect()])
}

/** The partition that a record names; else the same that Java's default partitioner chooses where there is a key. */
function partitionOf(record: OutgoingRecord, partitions: PartitionMetadata[]): number {
  const { key, sourcePartition, partition } = record
  if (partition !== undefined && partition < partitions.length) return partition
  if (key === null) return sourcePartition % partitions.length
  return partitionOfKey(key, partitions.length)
}

function toMessage({ record, partition }: Waiting) {
  // kafkajs takes headers as an object: repeated names become arrays, and no name may hit a prototype's property.
  const headers: Record<string, Buffer | Buffer[]> = Object.create(null)
  for (const [name, value] of record.headers) {
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (Array.isArray(before)) before.push(value)
    else headers[name] = [before, value]
  }
  return { partition, key: record.key, value: record.value, headers }
}
