// Decoding in the order of each partition (L2), whose schemas may have to be asked for. A record whose schema is not known waits,
// and with it whatever follows it in its partition; other partitions go on. While the registry is away nothing is put away: the
// partition waits for it, however long, and the core's admission bounds what is held meanwhile.
//
// Where nothing waits, plain JSON in particular, results come back at once, in the same turn.

import { setTimeout as delay } from 'node:timers/promises'
import type { Readiness } from '@bridge/runtime/admin-server'
import type { Log } from '@bridge/runtime/log'
import type { SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import type { Decoded, Effect, Fact, PartitionName } from './core/facts.ts'
import { Fifo } from './core/fifo.ts'
import { partitionKey } from './core/partition.ts'
import { decode } from './decode.ts'
import type { Channels } from './organizations.ts'

/** Between two requests for one schema: from the first to the last, doubling, each with a random part taken off. */
const retryMinMs = 100
const retryMaxMs = 5_000
const tellEveryMs = 60_000
/** Records decoded in one turn when a wait is over: some milliseconds, so that heartbeats and answers get their turn. */
const turnMax = 256
/** Partitions named in a line of text. */
const namedMax = 5

export type DecodingParts = {
  channels: Channels
  /** The schemas of the registry; null where none is configured. */
  schemas: Pick<SchemaReaders, 'read' | 'fetch'> | null
  submit: (fact: Extract<Fact, { kind: 'decoded' }>) => void
  log: Log
}

type Records = Extract<Effect, { kind: 'decode' }>['records']

/** A partition whose first record waits. `away`: why the registry does not answer, where it was asked and does not. */
type Waiting = PartitionName & { records: Fifo<Records[number]>; away: string | null }

export class Decoding {
  readonly #parts: DecodingParts
  readonly #waiting = new Map<string, Waiting>()
  readonly #stop = new AbortController()
  /** Since when the registry has been away for some partition, and when that was told last. */
  #outage: { sinceMs: number; toldMs: number } | null = null

  constructor(parts: DecodingParts) {
    this.#parts = parts
  }

  /** Decodes records of one partition, in log order; submits the results in that order, at once or when their schemas are known. */
  decode(records: Records): void {
    const { channels, schemas, submit } = this.#parts
    const [first] = records
    if (first === undefined) return
    if (this.#waiting.size > 0 && this.#isBehind(first.record, records)) return
    const results: { token: number; decoded: Decoded }[] = []
    for (const { token, record } of records) {
      const decoded = decode(record, channels, schemas)
      if (decoded.kind === 'schema-needed') {
        this.#wait(first.record, records.slice(results.length), decoded.schemaId)
        break
      }
      results.push({ token, decoded })
    }
    if (results.length > 0) submit({ kind: 'decoded', results })
  }

  /** The partitions that are ours now: of others nothing needs to be known any more, the core has given up their records. */
  assigned(partitions: readonly PartitionName[]): void {
    if (this.#waiting.size === 0) return
    const given = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)))
    for (const key of this.#waiting.keys()) if (!given.has(key)) this.#waiting.delete(key)
    this.#tellIfOver()
  }

  /** Waits no more: what waits is decoded by the next owner. */
  stop(): void {
    this.#waiting.clear()
    this.#outage = null
    this.#stop.abort()
  }

  /** Partitions that wait for the registry, and how many of their records. */
  get waiting(): (PartitionName & { records: number })[] {
    return [...this.#waiting.values()].map(({ topic, partition, records }) => ({
      topic,
      partition,
      records: records.length,
    }))
  }

  /** What is to be told of the registry beside whether the service is ready: it is, as other partitions go on. */
  beside(readiness: Readiness): Readiness {
    const away = this.#awayLine()
    if (away === null || !readiness.ready) return readiness
    return { ready: true, detail: readiness.detail === undefined ? away : `${readiness.detail}; ${away}` }
  }

  // ── Waiting ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @returns whether these records have to wait behind others of their partition; then they do */
  #isBehind({ topic, partition }: PartitionName, records: Records): boolean {
    const waiting = this.#waiting.get(partitionKey(topic, partition))
    for (const one of records) waiting?.records.push(one)
    return waiting !== undefined
  }

  #wait({ topic, partition }: PartitionName, records: Records, schemaId: number): void {
    if (this.#stop.signal.aborted) return
    const waiting: Waiting = { topic, partition, records: new Fifo(), away: null }
    for (const one of records) waiting.records.push(one)
    this.#waiting.set(partitionKey(topic, partition), waiting)
    void this.#fetch(waiting, schemaId)
  }

  async #fetch(waiting: Waiting, schemaId: number): Promise<void> {
    const { schemas } = this.#parts
    for (let retryMs = retryMinMs; ; retryMs = Math.min(retryMs * 2, retryMaxMs)) {
      const fetched = await schemas?.fetch(schemaId)
      if (!this.#isWaiting(waiting)) return
      if (typeof fetched !== 'object') break
      waiting.away = fetched.unavailable
      this.#tellAway(waiting, schemaId)
      await delay(retryMs * (0.5 + Math.random() / 2), undefined, { signal: this.#stop.signal }).catch(() => {})
      if (!this.#isWaiting(waiting)) return
    }
    waiting.away = null
    this.#tellIfOver()
    this.#goOn(waiting)
  }

  /** Decodes as much as is possible in one turn. A fact that is submitted may bring further records: what waits is settled before. */
  #goOn(waiting: Waiting): void {
    if (!this.#isWaiting(waiting)) return
    const { channels, schemas, submit } = this.#parts
    const { records } = waiting
    const results: { token: number; decoded: Decoded }[] = []
    let needed: number | null = null
    for (let next = records.first; next !== undefined && results.length < turnMax; next = records.first) {
      const decoded = decode(next.record, channels, schemas)
      if (decoded.kind === 'schema-needed') {
        needed = decoded.schemaId
        break
      }
      records.shift()
      results.push({ token: next.token, decoded })
    }
    if (needed !== null) void this.#fetch(waiting, needed)
    else if (records.length > 0) setImmediate(() => this.#goOn(waiting))
    else this.#waiting.delete(partitionKey(waiting.topic, waiting.partition))
    if (results.length > 0) submit({ kind: 'decoded', results })
  }

  #isWaiting(waiting: Waiting): boolean {
    return this.#waiting.get(partitionKey(waiting.topic, waiting.partition)) === waiting
  }

  // ── Telling ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #tellAway({ topic, partition, away }: Waiting, schemaId: number): void {
    const nowMs = performance.now()
    this.#outage ??= { sinceMs: nowMs, toldMs: Number.NEGATIVE_INFINITY }
    if (nowMs - this.#outage.toldMs < tellEveryMs) return
    this.#outage.toldMs = nowMs
    const forSeconds = Math.round((nowMs - this.#outage.sinceMs) / 1_000)
    const fields = { topic, partition, schemaId, error: away, forSeconds, partitionsWaiting: this.#away.length }
    this.#parts.log.warn(fields, 'schema registry away: partitions that need a schema wait, in order')
  }

  #tellIfOver(): void {
    if (this.#outage === null || this.#away.length > 0) return
    const forSeconds = Math.round((performance.now() - this.#outage.sinceMs) / 1_000)
    this.#outage = null
    this.#parts.log.info({ forSeconds }, 'nothing waits for the schema registry any more')
  }

  get #away(): Waiting[] {
    return [...this.#waiting.values()].filter(({ away }) => away !== null)
  }

  #awayLine(): string | null {
    const away = this.#away
    const [first] = away
    if (first === undefined) return null
    const names = away.slice(0, namedMax).map(({ topic, partition }) => `${topic}/${partition}`)
    const more = away.length > namedMax ? ` and ${away.length - namedMax} more` : ''
    return `the schema registry is away (${first.away}): ${names.join(', ')}${more} wait for a schema`
  }
}
