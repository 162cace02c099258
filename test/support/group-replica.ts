// A replica as far as Kafka sees it: the ingestor's consumer, and in place of the core one that only notes what it is told. It
// takes as many records at a time as it is told to, and pauses the partition then, as the core does.

import type { Fact, PartitionCommit, PartitionName, PartitionPosition } from '@bridge/ingestor/core/facts'
import { GroupConsumer } from '@bridge/ingestor/kafka/consumer'
import { pino } from 'pino'

export type GroupReplicaOptions = {
  brokers: string
  groupId: string
  topics: string[]
  assignment?: 'single' | 'spread'
  settings?: string
  /** Records taken from a batch before its partition is paused. */
  takenMax?: number
}

export class GroupReplica {
  readonly consumer: GroupConsumer
  /** Log lines so far. */
  readonly log: Record<string, unknown>[] = []
  /** Offsets taken, by `topic/partition`, in order. */
  readonly taken = new Map<string, number[]>()
  /** What it was assigned last; `atMs` as performance.now() tells it. */
  assigned: { partitions: PartitionName[]; share: number; atMs: number } = { partitions: [], share: 0, atMs: 0 }
  positions: PartitionPosition[] = []
  joins = 0
  heartbeats = 0
  /** Partitions paused since the last resume. */
  paused: PartitionName[] = []
  readonly #takenMax: number
  readonly #cursors = new Map<string, number>()
  #generation = 0

  constructor({ brokers, groupId, topics, assignment = 'single', settings = '{}', takenMax }: GroupReplicaOptions) {
    this.#takenMax = takenMax ?? Number.POSITIVE_INFINITY
    this.consumer = new GroupConsumer({
      connection: { brokers: brokers.split(','), clientId: 'test', tls: undefined, sasl: undefined },
      groupId,
      topics,
      topicsNeeded: [],
      assignment,
      settings,
      log: pino({ level: 'info' }, { write: (line: string) => this.log.push(JSON.parse(line)) }),
      cursor: (generation, { topic, partition }) =>
        generation === this.#generation ? this.#cursors.get(`${topic}/${partition}`) : undefined,
      submit: (fact) => this.#submit(fact),
      rebalanced: () => {
        this.joins += 1
      },
    })
  }

  get isReading(): boolean {
    return this.consumer.readiness().ready
  }

  /** Commits what it has taken, each with this metadata. */
  commit(metadata: string): Promise<boolean> {
    const offsets: PartitionCommit[] = this.assigned.partitions.flatMap((name) => {
      const offsetNext = this.#cursors.get(`${name.topic}/${name.partition}`)
      return offsetNext === undefined ? [] : [{ ...name, offsetNext, metadata }]
    })
    return this.consumer.commit(this.#generation, offsets)
  }

  /** Goes on with what was paused. */
  resume(): void {
    this.consumer.resume(this.paused.splice(0))
  }

  #submit(fact: Fact): void {
    switch (fact.kind) {
      case 'assigned':
        this.#generation = fact.generation
        this.assigned = { partitions: fact.partitions, share: fact.share, atMs: performance.now() }
        this.#cursors.clear()
        break
      case 'positioned':
        this.positions = fact.partitions
        this.paused = []
        for (const { topic, partition, offsetNext } of fact.partitions) {
          this.#cursors.set(`${topic}/${partition}`, offsetNext)
        }
        break
      case 'admitted':
        this.#admit(fact)
        break
      case 'heartbeat':
        this.heartbeats += 1
        break
      default:
        throw new Error(`not expected of a consumer: ${fact.kind}`)
    }
  }

  #admit({ topic, partition, records, offsetNext }: Extract<Fact, { kind: 'admitted' }>): void {
    const key = `${topic}/${partition}`
    const isPaused = this.paused.some((name) => name.topic === topic && name.partition === partition)
    const taken = isPaused ? [] : records.slice(0, this.#takenMax).map(({ offset }) => offset)
    this.taken.set(key, [...(this.taken.get(key) ?? []), ...taken])
    if (taken.length === records.length) {
      this.#cursors.set(key, offsetNext)
      return
    }
    const last = taken.at(-1)
    if (last !== undefined) this.#cursors.set(key, last + 1)
    if (!isPaused) {
      this.paused.push({ topic, partition })
      this.consumer.pause([{ topic, partition }])
    }
  }
}
