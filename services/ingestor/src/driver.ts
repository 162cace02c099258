// The driver: the only place where the core's effects meet I/O, and the one timer. Facts are handled one after the other, in
// the order they come; what an effect brings about comes back as a fact.

import type { PartooClient } from '@bridge/partoo/client'
import type { RecordProducer } from '@bridge/runtime/encoding-producer'
import { isoNow } from '@bridge/runtime/iso-time'
import type { Log } from '@bridge/runtime/log'
import type { Published } from '@bridge/runtime/safe-producer'
import type { IngestorConfig } from './config.ts'
import type { Dispatcher } from './core/dispatcher.ts'
import type { AttemptReport, Effect, Fact, PartitionCommit, PartitionName } from './core/facts.ts'
import { Decoding, type DecodingParts } from './decoding.ts'
import { tellAttempt, tellSuspension } from './log-lines.ts'
import type { Metrics } from './metrics.ts'
import { deadLetterRecord, receiptRecord } from './publications.ts'

/** What the driver asks of the consumer. */
export type Partitions = {
  pause(partitions: PartitionName[]): void
  resume(partitions: PartitionName[]): void
  /** @returns whether the group's coordinator took the offsets */
  commit(generation: number, offsets: PartitionCommit[]): Promise<boolean>
}

export type DriverParts = {
  core: Dispatcher
  config: IngestorConfig
  client: PartooClient
  producer: RecordProducer
  /** The schemas of the registry; null where none is configured. */
  schemas: DecodingParts['schemas']
  metrics: Metrics
  log: Log
}

export class Driver {
  /** What waits for the schema registry, to be told of. */
  readonly decoding: Decoding
  readonly #parts: DriverParts
  readonly #apiKeys: ReadonlyMap<string, () => string>
  readonly #facts: Fact[] = []
  readonly #drained = Promise.withResolvers<void>()
  #partitions: Partitions | undefined
  #handling = false
  #broken = false
  #unstored = 0
  #unstoredToldMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #wakeMs = Number.POSITIVE_INFINITY
  #leftOut: number[] = []

  constructor(parts: DriverParts) {
    this.#parts = parts
    const { schemas, log } = parts
    const { channels } = parts.config
    this.decoding = new Decoding({ channels, schemas, log, submit: (fact) => this.submit(fact) })
    this.#apiKeys = new Map(parts.config.organizations.map(({ name, apiKey }) => [name, apiKey]))
  }

  /** Gives the driver its consumer; needed before the first fact. */
  attach(partitions: Partitions): void {
    this.#partitions = partitions
  }

  /**
   * Takes a fact. Never waits; effects are begun before it returns, unless it is called from within one. A core that throws
   * has a bug, and takes no more facts: the process ends by it, whoever called (kafkajs would try the same again).
   */
  submit(fact: Fact): void {
    if (this.#broken) return
    this.#facts.push(fact)
    if (this.#handling) return
    this.#handling = true
    try {
      for (let next = this.#facts.shift(); next !== undefined; next = this.#facts.shift()) {
        if (next.kind === 'assigned') this.decoding.assigned(next.partitions)
        for (const effect of this.#parts.core.handle(next, performance.now())) this.#perform(effect)
      }
    } catch (error) {
      this.#broken = true
      setImmediate(() => {
        throw error
      })
    } finally {
      this.#handling = false
    }
  }

  /**
   * Lets calls under way finish, publishes and commits what they brought, and answers then, or when the time is over: what
   * is still under way is repeated by the next owner, under the same id.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.submit({ kind: 'stopping' })
    this.decoding.stop()
    const late = setTimeout(() => {
      const { inFlight, publishing } = this.#parts.core.view(performance.now())
      this.#parts.log.warn(
        { inFlight, publishing, deadlineMs },
        'not drained in time: what is under way will be repeated',
      )
      this.#drained.resolve()
    }, deadlineMs)
    await this.#drained.promise
    clearTimeout(late)
    clearTimeout(this.#timer)
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'decode':
        this.decoding.decode(effect.records)
        break
      case 'call':
        void this.#call(effect)
        break
      case 'publishReceipt':
        if (this.#parts.config.benchmarkWithoutReceipts) this.#leaveOut(effect.token)
        else void this.#publishReceipt(effect)
        break
      case 'storeDeadLetter':
        void this.#storeDeadLetter(effect)
        break
      case 'commit':
        void this.#commit(effect)
        break
      case 'pause':
        this.#consumer.pause(effect.partitions)
        break
      case 'resume':
        this.#consumer.resume(effect.partitions)
        break
      case 'wake':
        this.#wake(effect.atMs)
        break
      case 'tellAttempt':
        this.#tellAttempt(effect)
        break
      case 'tellSuspension':
        tellSuspension(this.#parts.log, effect, this.#parts.config.channels)
        break
      case 'tellTombstone':
        this.#parts.metrics.tombstones.inc()
        break
      case 'tellDeleted': {
        const { topic, partition, count } = effect
        this.#parts.metrics.unreadDeleted.inc(count)
        this.#parts.log.error({ topic, partition, deleted: count }, 'retention deleted records that were never read')
        break
      }
      case 'tellDrained':
        this.#drained.resolve()
        break
      default:
        effect satisfies never
    }
  }

  async #call({ token, organization, channelId, message }: Extract<Effect, { kind: 'call' }>): Promise<void> {
    const { client, metrics } = this.#parts
    const apiKey = this.#apiKeys.get(organization)
    if (apiKey === undefined) throw new Error(`no API key for organization ${organization}`)
    const startedMs = performance.now()
    const startedAt = isoNow()
    const answer = await client.ingest({ channelId, apiKey: apiKey(), message })
    const durationMs = performance.now() - startedMs
    metrics.callSeconds.observe(durationMs / 1000)
    metrics.calls.inc({ channel: channelId, outcome: answer.kind })
    this.submit({ kind: 'called', token, answer, startedAt, endedAt: isoNow(), durationMs })
  }

  async #publishReceipt({ token, receipt, source }: Extract<Effect, { kind: 'publishReceipt' }>): Promise<void> {
    const { producer, metrics, config } = this.#parts
    const published = await producer.publish(receiptRecord(config.topics.receipts, receipt, source, isoNow()))
    if (published.kind === 'stored') metrics.receipts.inc({ status: receipt.status })
    this.#published(token, published)
  }

  /** BENCHMARK_WITHOUT_RECEIPTS: says that a receipt is stored, which is not even published, in a following turn. */
  #leaveOut(token: number): void {
    this.#leftOut.push(token)
    if (this.#leftOut.length > 1) return
    setImmediate(() => {
      const tokens = this.#leftOut
      this.#leftOut = []
      for (const left of tokens) this.submit({ kind: 'published', token: left, stored: 'stored' })
    })
  }

  async #storeDeadLetter(effect: Extract<Effect, { kind: 'storeDeadLetter' }>): Promise<void> {
    const { producer, metrics, config } = this.#parts
    const published = await producer.publish(deadLetterRecord(config.topics.dlq, effect))
    if (published.kind === 'stored') metrics.deadLetters.inc({ reason: effect.cause.reason })
    this.#published(effect.token, published)
  }

  #published(token: number, published: Published): void {
    if (published.kind !== 'stored') this.#tellUnstored(published)
    this.submit({ kind: 'published', token, stored: published.kind })
  }

  /** One line a second, however many there are. */
  #tellUnstored({ kind, detail }: Exclude<Published, { kind: 'stored' }>): void {
    this.#parts.metrics.publishFailures.inc()
    this.#unstored += 1
    const nowMs = performance.now()
    if (nowMs - this.#unstoredToldMs < 1_000) return
    this.#parts.log.warn(
      { records: this.#unstored, outcome: kind, error: detail },
      'receipts or dead letters were not stored',
    )
    this.#unstored = 0
    this.#unstoredToldMs = nowMs
  }

  async #commit({ generation, offsets }: Extract<Effect, { kind: 'commit' }>): Promise<void> {
    const ok = await this.#consumer.commit(generation, offsets)
    this.#parts.metrics.commits.inc({ result: ok ? 'ok' : 'failed' })
    this.submit({ kind: 'committed', generation, ok })
  }

  /** A timer that would fire too early is left to do so, and set anew then: the time moves with nearly every fact. */
  #wake(atMs: number): void {
    this.#wakeMs = atMs
    if (this.#timer !== undefined && this.#timerMs <= atMs) return
    clearTimeout(this.#timer)
    this.#timerMs = atMs
    // Timers fire up to a millisecond early, and take at most 2^31 - 1 ms.
    const delayMs = Math.min(Math.max(Math.ceil(atMs - performance.now()), 0), 2_147_483_647)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (performance.now() < this.#wakeMs) this.#wake(this.#wakeMs)
      else this.submit({ kind: 'woke' })
    }, delayMs)
  }

  #tellAttempt(report: AttemptReport): void {
    const { metrics, log } = this.#parts
    if (report.next === 'accepted') {
      metrics.acceptanceDelaySeconds.observe(Math.max(0, Date.now() - report.record.timestampMs) / 1000)
    }
    tellAttempt(log, report)
  }

  get #consumer(): Partitions {
    if (this.#partitions === undefined) throw new Error('the driver has no consumer yet')
    return this.#partitions
  }
}
