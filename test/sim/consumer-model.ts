// The consumer of one replica as kafkajs with our gate behaves: one fetcher a broker, batches that take their time, partitions
// that are paused, sought and assigned anew. A batch that was fetched before a rejoin may come after it, if there are other
// brokers whose fetchers the rejoin does not wait for; one of a partition that was paused meanwhile is dropped, or comes.

import type { Fact, PartitionName } from '@bridge/ingestor/core/facts'
import { isAtCursor } from '@bridge/ingestor/kafka/at-cursor'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { Chance } from './chance.ts'
import { fail } from './failure.ts'
import type { Mix } from './mix.ts'
import type { PartitionLog, World } from './world.ts'

type Batch = {
  log: PartitionLog
  generation: number
  fetchedOffset: number
  records: ConsumedRecord[]
  offsetNext: number
}

/** What it needs of its replica. */
export type ConsumerHost = {
  readonly name: string
  /** Something to do in a while; it waits while the process is frozen, and is lost when that ends. */
  later: (delayMs: number, run: () => void) => void
  /** Whether anything can be fetched now. */
  mayFetch: () => boolean
  /** Where the core goes on reading. */
  cursor: (generation: number, name: PartitionName) => number | undefined
  submit: (fact: Fact) => void
  /** A batch came that does not count. */
  sawStale: () => void
}

const fetchWaitMs = 400

export class ConsumerModel {
  readonly #host: ConsumerHost
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #world: World
  #generation = 0
  #isOpen = false
  #owned: PartitionLog[] = []
  readonly #paused = new Set<PartitionLog>()
  readonly #positions = new Map<PartitionLog, number>()
  readonly #fetching: boolean[]
  #fetchers = 0

  constructor(host: ConsumerHost, mix: Mix, chance: Chance, world: World) {
    this.#host = host
    this.#mix = mix
    this.#chance = chance
    this.#world = world
    this.#fetching = Array.from({ length: mix.brokers }, () => false)
    this.#startFetchers()
  }

  isPaused(log: PartitionLog): boolean {
    return this.#paused.has(log)
  }

  /** A rejoin: the gate closes. */
  joined(generation: number): void {
    this.#generation = generation
    this.#isOpen = false
    this.#owned = []
    this.#startFetchers()
  }

  /** It is known where the partitions stand; what was held back is forgotten, as the core decides anew. */
  open(logs: PartitionLog[]): void {
    this.#isOpen = true
    this.#owned = logs
    this.#paused.clear()
  }

  seek(log: PartitionLog): void {
    this.#positions.set(log, this.#host.cursor(this.#generation, log) ?? log.endOffset)
  }

  pause(log: PartitionLog): void {
    this.#paused.add(log)
  }

  resume(log: PartitionLog): void {
    this.#paused.delete(log)
  }

  /** New ones; those of before a rejoin end with what they have. */
  #startFetchers(): void {
    this.#fetchers += 1
    for (let broker = 0; broker < this.#mix.brokers; broker += 1) this.#fetch(broker, this.#fetchers)
  }

  /** One broker's fetcher: one fetch at a time, for all of its partitions that are not paused. */
  #fetch(broker: number, fetchers: number): void {
    const chance = this.#chance
    this.#host.later(this.#fetching[broker] ? chance.latencyMs(5) : fetchWaitMs * chance.random(), () => {
      if (fetchers !== this.#fetchers) return
      const batches = this.#host.mayFetch() ? this.#read(broker) : []
      this.#fetching[broker] = batches.length > 0
      const slowRate = this.#mix.brokers > 1 ? 0.2 : this.#mix.profile === 'anything' ? 0.02 : 0
      const latencyMs = chance.latencyMs(chance.happens(slowRate) ? 5_000 : 30)
      let left = batches.length
      if (left === 0) return this.#fetch(broker, fetchers)
      for (const batch of chance.shuffle(batches)) {
        this.#host.later(latencyMs + chance.latencyMs(20), () => {
          this.#take(batch)
          left -= 1
          if (left === 0) this.#fetch(broker, fetchers)
        })
      }
    })
  }

  #read(broker: number): Batch[] {
    const { brokers, fetchRecordsMax } = this.#mix
    let most = fetchRecordsMax
    return this.#owned.flatMap((log) => {
      if (this.#world.partitions.indexOf(log) % brokers !== broker || this.#paused.has(log) || most === 0) return []
      const fetchedOffset = this.#positions.get(log)!
      const batch = log.read(fetchedOffset, most)
      if (batch === null) return []
      most -= batch.records.length
      return [{ log, generation: this.#generation, fetchedOffset, ...batch }]
    })
  }

  #take(batch: Batch): void {
    const { log, generation } = batch
    const isOld = generation !== this.#generation
    // A rejoin waits for the only fetcher: what that had is gone.
    if (!this.#isOpen || (isOld && this.#mix.brokers === 1)) return
    if (!isOld && this.#paused.has(log) && this.#chance.happens(0.5)) return
    const cursor = this.#host.cursor(this.#generation, log)
    if (cursor === undefined) return
    if (isAtCursor(batch.fetchedOffset, cursor)) this.#admit(batch, cursor)
    else {
      this.#host.sawStale()
      this.seek(log)
    }
  }

  /** The core takes as much as it has room for: reading goes on behind that. */
  #admit({ log, records, offsetNext }: Batch, cursor: number): void {
    const { topic, partition } = log
    const generation = this.#generation
    this.#host.submit({ kind: 'admitted', generation, topic, partition, records, offsetNext })
    const next = this.#host.cursor(generation, log)
    if (next === undefined || next < cursor || next > offsetNext) {
      fail('contact', `${this.#host.name}: given ${cursor} to ${offsetNext} of ${log.name}, it reads on at ${next}`)
    }
    if (next === cursor && !this.#paused.has(log))
      fail('contact', `${this.#host.name}: it takes nothing of ${log.name} at ${cursor}, and does not pause it`)
    this.#positions.set(log, next)
  }
}
