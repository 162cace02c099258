// Where verified webhooks wait on the disk while Kafka does not take them. The file belongs to a thread (spool-thread.ts),
// so that no answer waits for a slow disk; this is its face to the rest of the gateway.
//
// Appends are committed in groups: one transaction at a time is under way, and what arrives meanwhile goes with the next.
// The thread does one thing after the other, in the order asked. Should it end by itself, everything that was asked fails,
// and so does all that is asked later; `failed` tells.

import { Worker } from 'node:worker_threads'
import { errorLine } from '@bridge/runtime/log'
import type { Destination } from './destination.ts'
import type { SpoolState } from './spool-database.ts'
import { type Answer, type Answered, type Asked, type Opening, pack, type Request, unpack } from './spool-messages.ts'

/** A webhook as it is kept. `receivedAt`: ISO 8601. */
export type Kept = {
  destination: Destination
  body: Buffer
  tryout: boolean
  traceparent: string | undefined
  receivedAt: string
}
/** `isWhole`: it is still what was kept, by its digest. */
export type KeptRow = Kept & { id: number; isWhole: boolean }
/** `kept`: it is on the disk. `full`: the spool's bound is reached. `failed`: the disk does not take it. */
export type Appended = { kind: 'kept'; id: number } | { kind: 'full' } | { kind: 'failed'; because: string }
export type SpoolOpened = { kind: 'open'; spool: Spool } | { kind: 'refused'; because: string }

/** To open checks the whole file; a disk that takes longer does not work: this, and the time of all that may wait at 10 MB/s. */
const openDeadline = { ms: 300_000, bytesPerMs: 10_000 }
/** One transaction; bounds the log, and how long one append waits for others. */
const togetherMax = 1_000
const bytesTogetherMax = 4 * 1_048_576
/** Appends that wait for a transaction to end: beyond, the disk does not keep up. Of bodies: what else is held of each is up to 5 times as much. */
const waitingMax = 20_000
const bytesWaitingMax = 48 * 1_048_576

const closed = 'the spool is closed'

type Waiting = { kept: Kept; done: (appended: Appended) => void }
/** `gone`: the thread has ended without an answer, or is not asked any more. */
type Heard = Answer | { kind: 'gone'; because: string }

export class Spool {
  readonly #thread: Worker
  readonly #opening = Promise.withResolvers<Opening>()
  readonly #failed = Promise.withResolvers<string>()
  readonly #ended = Promise.withResolvers<void>()
  readonly #calls = new Map<number, (heard: Heard) => void>()
  #callNext = 1
  #state: SpoolState = {
    waiting: { replies: 0, receipts: 0, events: 0 },
    bytes: 0,
    oldestReceivedAtMs: null,
    quarantined: 0,
  }
  /** Appends that are asked for and not answered, and of them those whose transaction has not begun. */
  readonly #asked: Record<Destination, number> = { replies: 0, receipts: 0, events: 0 }
  #waiting: Waiting[] = []
  /** Of these, and of what is on its way into quarantine. */
  #bytesWaiting = 0
  #quarantining = 0
  #appending: Promise<void> | undefined
  /** Why the thread is not there any more. */
  #gone: string | undefined
  #closing: Promise<void> | undefined

  private constructor(options: { folder: string; bytesMax: number }) {
    // Node 24 called SQLite experimental in its first versions: that warning would go to standard error, past the log.
    const execArgv = ['--disable-warning=ExperimentalWarning']
    this.#thread = new Worker(new URL('./spool-thread.ts', import.meta.url), { workerData: options, execArgv })
    this.#thread.on('message', (said: Opening | Answered) => this.#hear(said))
    this.#thread.on('error', (error) => this.#end(`the spool's thread failed: ${errorLine(error)}`))
    this.#thread.on('exit', () => {
      this.#end(this.#closing === undefined ? "the spool's thread ended" : closed)
      this.#ended.resolve()
    })
  }

  /**
   * Opens the spool of a folder, or makes it. What was in quarantine waits again, in its old place.
   *
   * @param options.bytesMax of bodies and a fixed overhead for each, the quarantine included
   */
  static async open(options: { folder: string; bytesMax: number }): Promise<SpoolOpened> {
    const spool = new Spool(options)
    const deadlineMs = Math.ceil(openDeadline.ms + options.bytesMax / openDeadline.bytesPerMs)
    const deadline = setTimeout(() => {
      spool.#end(`it is not open after ${deadlineMs} ms`)
      void spool.#thread.terminate()
    }, deadlineMs)
    const opening = await spool.#opening.promise
    clearTimeout(deadline)
    if (opening.kind === 'refused') return opening
    spool.#state = opening.state
    return { kind: 'open', spool }
  }

  /** Becomes why the spool does not work any more, should its thread end by itself: a bug, or no memory. Never rejects. */
  get failed(): Promise<string> {
    return this.#failed.promise
  }

  /** As of the thread's last answer. `bytes`: of the quarantine too; the other two are of what waits for Kafka. */
  get view(): { events: number; bytes: number; oldestReceivedAtMs: number | null; quarantined: number } {
    const { waiting, bytes, oldestReceivedAtMs, quarantined } = this.#state
    return { events: waiting.replies + waiting.receipts + waiting.events, bytes, oldestReceivedAtMs, quarantined }
  }

  /** Events of a destination that are not removed, with those whose append is under way. */
  waiting(destination: Destination): number {
    return this.#state.waiting[destination] + this.#asked[destination]
  }

  /** Keeps a webhook; ids ascend in the order of the calls. Never rejects. */
  append(kept: Kept): Promise<Appended> {
    const because = this.#notTaken(kept)
    if (because !== undefined) return Promise.resolve({ kind: 'failed', because })
    const { promise, resolve: done } = Promise.withResolvers<Appended>()
    this.#waiting.push({ kept, done })
    this.#bytesWaiting += kept.body.length
    this.#asked[kept.destination] += 1
    this.#appending ??= this.#appendAll()
    return promise
  }

  /** Keeps a webhook that its topic refuses, with the reason, past the queue. Never rejects. */
  async appendToQuarantine(kept: Kept, because: string): Promise<Appended> {
    const notTaken = this.#notTaken(kept)
    if (notTaken !== undefined) return { kind: 'failed', because: notTaken }
    this.#quarantining += 1
    this.#bytesWaiting += kept.body.length
    const [appended] = await this.#appendTogether([kept], because)
    this.#quarantining -= 1
    this.#bytesWaiting -= kept.body.length
    return appended as Appended
  }

  /**
   * Reads what a destination has after an id, oldest first, within both bounds; one at least, if there is one. Rejects with
   * an error of one line.
   */
  async read(
    destination: Destination,
    afterId: number,
    { eventsMax, bytesMax }: { eventsMax: number; bytesMax: number },
  ): Promise<KeptRow[]> {
    const heard = await this.#ask({ kind: 'read', destination, afterId, eventsMax, bytesMax })
    if (heard.kind === 'rows') return unpack(heard.rows)
    throw new Error(reasonOf(heard))
  }

  /** Deletes what a destination has up to and including an id. @returns false where the disk does not take that now */
  async removeTo(destination: Destination, id: number): Promise<boolean> {
    const heard = await this.#ask({ kind: 'removeTo', destination, id })
    return heard.kind === 'done'
  }

  /** Moves a row to the quarantine, with the reason. @returns false where the disk does not take that now */
  async quarantine(id: number, because: string): Promise<boolean> {
    const heard = await this.#ask({ kind: 'quarantine', id, because })
    return heard.kind === 'done'
  }

  /** What was asked before is done first. Twice is fine. */
  close(): Promise<void> {
    this.#closing ??= this.#closeInOrder()
    return this.#closing
  }

  async #closeInOrder(): Promise<void> {
    await this.#appending
    this.#thread.postMessage({ call: 0, request: { kind: 'close' } } satisfies Asked)
    await this.#ended.promise
  }

  /** @returns why a webhook is not taken at all */
  #notTaken({ body }: Kept): string | undefined {
    if (this.#closing !== undefined) return closed
    const waiting = this.#waiting.length + this.#quarantining
    const isTooMuch = waiting >= waitingMax || this.#bytesWaiting + body.length > bytesWaitingMax
    return isTooMuch ? `the spool's disk is too slow: ${waiting} webhooks wait for it` : undefined
  }

  async #appendAll(): Promise<void> {
    // What comes in one turn goes together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      const answers = await this.#appendTogether(group.map(({ kept }) => kept))
      for (const [i, { kept, done }] of group.entries()) {
        this.#asked[kept.destination] -= 1
        done(answers[i] as Appended)
      }
    }
    this.#appending = undefined
  }

  #takeGroup(): Waiting[] {
    let bytes = 0
    const end = this.#waiting.findIndex(({ kept }, i) => {
      bytes += kept.body.length
      return i > 0 && (i === togetherMax || bytes > bytesTogetherMax)
    })
    const group = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
    for (const { kept } of group) this.#bytesWaiting -= kept.body.length
    return group
  }

  async #appendTogether(kepts: Kept[], quarantineBecause?: string): Promise<Appended[]> {
    const packed = pack(kepts)
    const heard = await this.#ask({ kind: 'append', kepts: packed, quarantineBecause }, [packed.bodies.buffer])
    if (heard.kind === 'appended') return heard.appended
    return kepts.map(() => ({ kind: 'failed', because: reasonOf(heard) }))
  }

  #ask(request: Request, handedOver: ArrayBuffer[] = []): Promise<Heard> {
    if (this.#gone !== undefined) return Promise.resolve({ kind: 'gone', because: this.#gone })
    const call = this.#callNext
    this.#callNext += 1
    const { promise, resolve } = Promise.withResolvers<Heard>()
    this.#calls.set(call, resolve)
    this.#thread.postMessage({ call, request } satisfies Asked, handedOver)
    return promise
  }

  #hear(said: Opening | Answered): void {
    if ('kind' in said) {
      this.#opening.resolve(said)
    } else {
      this.#state = said.state
      this.#calls.get(said.call)?.(said.answer)
      this.#calls.delete(said.call)
    }
  }

  /** The thread is not there any more: all that waits for it hears so. */
  #end(because: string): void {
    if (this.#gone !== undefined) return
    this.#gone = because
    this.#opening.resolve({ kind: 'refused', because: `the spool cannot be opened: ${because}` })
    for (const hear of this.#calls.values()) hear({ kind: 'gone', because })
    this.#calls.clear()
    if (this.#closing === undefined) this.#failed.resolve(because)
  }
}

function reasonOf(heard: Heard): string {
  return 'because' in heard ? heard.because : `unexpected answer: ${heard.kind}`
}
