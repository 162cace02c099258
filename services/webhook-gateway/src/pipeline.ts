// One destination's way into Kafka, in the order in which its facts were accepted.
//
//   live      facts go to Kafka in batches, one at a time: what arrives while one is on its way goes with the next
//   spooling  Kafka did not take a batch, or not in time: all that waits is kept in the spool, in order, and so is what
//             arrives, until the spool is published to its end
//
// Rules:
//   W1  a fact is durable once Kafka has acknowledged it, or the spool has kept it
//   W2  one batch at a time is on its way, and a batch is one send: where it fails, nothing after it has gone before it. A fact
//       larger than any that the topic has taken is a batch of its own: what stands for it, if it is refused, goes before the next
//   W3  while anything of this destination waits in the spool, nothing goes past it
//   W4  what is published is removed from the spool afterwards: a crash between the two makes copies, of one batch at most
// Without a spool a batch that fails is not durable, and the next one is tried.

import { setTimeout as pause } from 'node:timers/promises'
import { errorLine, type Log } from '@bridge/runtime/log'
import type { Published, SafeProducer } from '@bridge/runtime/safe-producer'
import { recordBytes } from '@bridge/schemas/record'
import type { Destination } from './destination.ts'
import type { Fact } from './records.ts'
import type { Appended, Kept, KeptRow, Spool } from './spool.ts'

/** Why neither Kafka nor the spool has a webhook. */
export const notDurableCauses = ['refused', 'failed', 'late', 'no-room'] as const

/** `refused`: the topic does not take the record at any time. `failed`: it may or may not be stored; repeat it. */
export type Durability =
  | { kind: 'durable'; by: 'kafka' | 'spool' }
  | { kind: 'not-durable'; cause: (typeof notDurableCauses)[number]; because: string }

export type PipelineOptions = {
  destination: Destination
  producer: Pick<SafeProducer, 'publish'>
  spool: Spool | undefined
  /** Makes the fact of a webhook that was kept. */
  remake: (kept: Kept) => Fact
  /** How long a fact may wait for Kafka before the spool takes it, in milliseconds. */
  patienceMs: number
  log: Log
  /** Told when a webhook goes into quarantine. */
  quarantined: () => void
}

/** A batch is one send of the producer: as many records of one topic as that takes at once. */
const batchRecordsMax = 500
const batchBytesMax = 800_000
/** A record that every topic takes. */
const smallBytes = 16_384
const damagedBody = 'its body is not what was kept: the disk or the file is damaged'
/** Facts that may wait for Kafka. */
const waitingMax = 10_000
/** How often it is told that the spool waits, however often it is tried. */
const tellEveryMs = 60_000

const defaultPaces = {
  /** Between two batches from the spool: live traffic has the thread, the disk and Kafka meanwhile. */
  drainRestMs: 10,
  /** How long Kafka is left alone after it took nothing: the first time, and at most. */
  retryFirstMs: 100,
  retryMaxMs: 2_000,
  /** When what is published is removed again, where the disk did not take that. */
  removeAgainMs: 2_000,
}

/** `kept`: the spool's word, once it was asked. */
type Waiting = {
  fact: Fact
  sinceMs: number
  kept: Promise<Appended> | undefined
  done: (durability: Durability) => void
}

export class Pipeline {
  readonly #options: PipelineOptions
  readonly #paces: typeof defaultPaces
  readonly #closing = new AbortController()
  /** Facts for Kafka, in order, and before them the batch that is on its way. */
  #waiting: Waiting[] = []
  #batch: Waiting[] = []
  #spooling: boolean
  /** Appends to the spool that are under way, all of them ever, and the end of the last. */
  #appending = 0
  #appends = 0
  #appended: Promise<unknown> = Promise.resolve()
  /** So far the spool is published; and so far that is removed from it. */
  #publishedTo = 0
  #removedTo = 0
  #publishedCount = 0
  #retryMs: number
  /** The largest record that the topic has taken. */
  #takenBytes = smallBytes
  /** When it was told that the spool waits. */
  #toldMs = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #patience: NodeJS.Timeout | undefined
  #removeAgain: NodeJS.Timeout | undefined

  /** @param paces a test may give shorter ones */
  constructor(options: PipelineOptions, paces = defaultPaces) {
    this.#options = options
    this.#paces = paces
    this.#retryMs = paces.retryFirstMs
    this.#spooling = (options.spool?.waiting(options.destination) ?? 0) > 0
    if (this.#spooling) this.#run()
  }

  /** Whether what arrives goes into the spool. */
  get spooling(): boolean {
    return this.#spooling
  }

  /** Makes a fact durable; the promise never rejects. `withdraw` takes it back, if it has not begun to be sent. */
  publish(fact: Fact): { durability: Promise<Durability>; withdraw: () => void } {
    const { spool } = this.#options
    const { promise, resolve: done } = Promise.withResolvers<Durability>()
    const waiting: Waiting = { fact, sinceMs: performance.now(), kept: undefined, done }
    if (this.#closing.signal.aborted) {
      done({ kind: 'not-durable', cause: 'failed', because: 'the gateway is stopping' })
    } else if (this.#spooling && spool !== undefined) {
      this.#keep(spool, waiting)
    } else if (this.#waiting.length >= waitingMax) {
      done({ kind: 'not-durable', cause: 'no-room', because: `${waitingMax} webhooks wait for Kafka` })
    } else {
      this.#waiting.push(waiting)
      this.#run()
      this.#watch()
    }
    return { durability: promise, withdraw: () => this.#withdraw(waiting) }
  }

  /** Ends with the batch that is on its way; what waits in the spool stays there. Twice is fine. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    clearTimeout(this.#patience)
    clearTimeout(this.#removeAgain)
    if (this.#options.spool !== undefined) await this.#remove(this.#options.spool)
  }

  #withdraw(waiting: Waiting): void {
    const place = this.#waiting.indexOf(waiting)
    if (place !== -1) this.#waiting.splice(place, 1)
  }

  #run(): void {
    // A rejection is a bug: the process ends on it, and with a spool nothing that was acknowledged is lost.
    this.#running ??= this.#publishAll()
  }

  async #publishAll(): Promise<void> {
    // One turn of the event loop, so that facts that arrive together travel together.
    await new Promise((resolve) => setImmediate(resolve))
    for (;;) {
      const { spool } = this.#options
      if (spool !== undefined && this.#spooling && !this.#closing.signal.aborted) await this.#drainSome(spool)
      else if (this.#waiting.length > 0) await this.#sendBatch()
      else break
    }
    this.#running = undefined
  }

  // ── Live ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #sendBatch(): Promise<void> {
    const { spool } = this.#options
    const facts = this.#waiting.slice(0, batchRecordsMax).map(({ fact }) => fact)
    const batch = this.#waiting.splice(0, this.#batchLength(facts))
    this.#batch = batch
    const results = await this.#send(batch.map(({ fact }) => fact))
    this.#batch = []
    const failed: Waiting[] = []
    let because = ''
    for (const [i, waiting] of batch.entries()) {
      const published = results[i] ?? { kind: 'failed', detail: 'no answer' }
      if (published.kind === 'stored') waiting.done({ kind: 'durable', by: 'kafka' })
      else if (waiting.kept !== undefined) void waiting.kept.then((appended) => waiting.done(durabilityOf(appended)))
      else if (spool === undefined)
        waiting.done({ kind: 'not-durable', cause: published.kind, because: published.detail })
      else if (published.kind === 'refused') this.#keepInQuarantine(spool, waiting, published.detail)
      else {
        failed.push(waiting)
        because = published.detail
      }
    }
    if (spool === undefined) return
    if (failed.length > 0) this.#spill(spool, failed, because)
    else if (this.#spooling && results.every(({ kind }) => kind === 'stored')) await this.#passOver(spool, batch)
  }

  /** Sees to it that no fact waits for Kafka beyond the patience, where there is a spool to take it. */
  #watch(): void {
    const { spool, patienceMs } = this.#options
    const oldest = this.#batch[0] ?? this.#waiting[0]
    if (spool === undefined || this.#spooling || this.#patience !== undefined || oldest === undefined) return
    const restMs = oldest.sinceMs + patienceMs - performance.now()
    const onTime = () => {
      this.#patience = undefined
      const first = this.#batch[0] ?? this.#waiting[0]
      if (first === undefined || this.#spooling) return
      if (performance.now() - first.sinceMs < patienceMs) this.#watch()
      else this.#spill(spool, this.#batch, `Kafka has not answered for ${Math.round(patienceMs)} ms`)
    }
    this.#patience = setTimeout(onTime, Math.max(1, restMs))
  }

  // ── Into the spool ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** From now on the spool takes everything: these first, then what waits, then what arrives. */
  #spill(spool: Spool, first: readonly Waiting[], because: string): void {
    const { destination, log } = this.#options
    const rest = this.#waiting
    this.#waiting = []
    this.#spooling = true
    this.#publishedCount = 0
    log.warn({ destination, because }, 'Kafka does not take webhooks: they are kept in the spool')
    for (const waiting of [...first, ...rest]) this.#keep(spool, waiting)
  }

  #keep(spool: Spool, waiting: Waiting): void {
    this.#appending += 1
    this.#appends += 1
    const kept = spool.append(waiting.fact.kept).finally(() => {
      this.#appending -= 1
    })
    waiting.kept = kept
    this.#appended = kept
    void kept.then((appended) => {
      // Of the batch that is on its way, what the spool does not take may still be taken by Kafka.
      if (appended.kind === 'kept' || !this.#batch.includes(waiting)) waiting.done(durabilityOf(appended))
    })
    this.#run()
  }

  #keepInQuarantine(spool: Spool, { fact, done }: Waiting, because: string): void {
    void spool.appendToQuarantine(fact.kept, because).then((appended) => {
      if (appended.kind === 'kept') this.#tellQuarantined(because)
      done(durabilityOf(appended))
    })
  }

  /** Kafka has the batch after all whose facts were kept meanwhile, before all others: it is not published again. */
  async #passOver(spool: Spool, batch: readonly Waiting[]): Promise<void> {
    for (const { kept } of batch) {
      const appended = await kept
      if (appended?.kind === 'kept') this.#publishedTo = Math.max(this.#publishedTo, appended.id)
    }
    await this.#remove(spool)
  }

  // ── Out of the spool ───────────────────────────────────────────────────────────────────────────────────────────────

  async #drainSome(spool: Spool): Promise<void> {
    const { destination, log } = this.#options
    const appends = this.#appends
    const rows = await spool
      .read(destination, this.#publishedTo, { eventsMax: batchRecordsMax, bytesMax: batchBytesMax })
      .catch(errorLine)
    if (typeof rows === 'string') return this.#leaveAlone(`the spool cannot be read: ${rows}`)
    if (rows.length > 0) return this.#publishRows(spool, rows)
    if (this.#appending > 0) {
      await this.#appended
    } else if (this.#appends === appends) {
      this.#spooling = false
      log.info({ destination, published: this.#publishedCount }, 'the spool is published to its end')
    }
  }

  async #publishRows(spool: Spool, rows: readonly KeptRow[]): Promise<void> {
    const [first] = rows
    if (first !== undefined && !first.isWhole) {
      await this.#quarantine(spool, first, damagedBody)
      return this.#remove(spool)
    }
    const damaged = rows.findIndex(({ isWhole }) => !isWhole)
    const facts = (damaged === -1 ? rows : rows.slice(0, damaged)).map((row) => this.#options.remake(row))
    const batch = facts.slice(0, this.#batchLength(facts))
    const results = await this.#send(batch)
    let because: string | undefined
    for (const [i, published] of results.entries()) {
      const row = rows[i]
      if (row === undefined || because !== undefined) break
      if (published.kind === 'refused') because = await this.#quarantine(spool, row, published.detail)
      else if (published.kind === 'failed') because = published.detail
      else this.#publishedTo = row.id
      if (because === undefined) this.#publishedCount += 1
    }
    await this.#remove(spool)
    if (because !== undefined) return this.#leaveAlone(because)
    this.#retryMs = this.#paces.retryFirstMs
    await this.#rest(this.#paces.drainRestMs)
  }

  /** @returns why it was not done, where the spool did not take it */
  async #quarantine(spool: Spool, row: KeptRow, because: string): Promise<string | undefined> {
    if (!(await spool.quarantine(row.id, because))) return 'the spool does not take a webhook into quarantine'
    this.#tellQuarantined(because)
    this.#publishedTo = row.id
    return undefined
  }

  #tellQuarantined(because: string): void {
    const { destination, log, quarantined } = this.#options
    quarantined()
    const hint =
      because === damagedBody
        ? 'check the disk of the spool; what is left of the webhook stays in its file'
        : 'is the topic too small, raise its max.message.bytes and restart the gateway: it tries the quarantine again'
    log.error({ destination, because, hint }, 'a webhook that cannot be published is kept in quarantine')
  }

  /** Removes what is published; later again, if the disk does not take that now. */
  async #remove(spool: Spool): Promise<void> {
    const { destination } = this.#options
    const to = this.#publishedTo
    if (to === this.#removedTo) return
    if (await spool.removeTo(destination, to)) {
      this.#removedTo = to
    } else if (!this.#closing.signal.aborted) {
      clearTimeout(this.#removeAgain)
      this.#removeAgain = setTimeout(() => void this.#remove(spool), this.#paces.removeAgainMs)
    }
  }

  async #leaveAlone(because: string): Promise<void> {
    const { destination, log } = this.#options
    const nowMs = performance.now()
    if (nowMs - this.#toldMs >= tellEveryMs) {
      this.#toldMs = nowMs
      log.warn({ destination, because }, 'webhooks wait in the spool: Kafka does not take them')
    }
    await this.#rest(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, this.#paces.retryMaxMs)
  }

  async #rest(ms: number): Promise<void> {
    // The only rejection is the abort, which ends the rest.
    await pause(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
  }

  // ── Kafka ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends facts that are one batch; of those that the topic refuses as too large, what stands for them. */
  async #send(facts: readonly Fact[]): Promise<Published[]> {
    const { producer } = this.#options
    const results = await Promise.all(facts.map(({ record }) => producer.publish(record)))
    for (const [i, fact] of facts.entries()) {
      if (results[i]?.kind === 'stored') this.#takenBytes = Math.max(this.#takenBytes, recordBytes(fact.record))
      if (results[i]?.kind !== 'refused' || fact.whenTooLarge === undefined) continue
      for (const record of fact.whenTooLarge()) {
        const published = await producer.publish(record)
        results[i] = published
        if (published.kind !== 'stored') break
      }
    }
    return results
  }

  /** How many facts from the front are one batch; one at least. */
  #batchLength(facts: readonly Fact[]): number {
    let batchBytes = 0
    for (const [count, { record }] of facts.entries()) {
      const bytes = recordBytes(record)
      batchBytes += bytes
      if (bytes > this.#takenBytes) return Math.max(count, 1)
      if (count > 0 && batchBytes > batchBytesMax) return count
    }
    return facts.length
  }
}

function durabilityOf(appended: Appended): Durability {
  switch (appended.kind) {
    case 'kept':
      return { kind: 'durable', by: 'spool' }
    case 'full':
      return { kind: 'not-durable', cause: 'no-room', because: 'Kafka does not take it, and the spool is full' }
    case 'failed':
      return {
        kind: 'not-durable',
        cause: 'failed',
        because: `Kafka does not take it, nor does the spool: ${appended.because}`,
      }
  }
}
