// Dead letters and receipts on their way into Kafka. A record that has its outcome is published here until it is settled: its
// dead letter first, if it has one, then its receipt. What Kafka does not take is published again, for as long as it takes.

import type { DeadLetterCause } from '@bridge/schemas/dead-letter'
import { DueQueue } from './due-queue.ts'
import type { Entry } from './entry.ts'
import type { Effect, ReceiptDraft, Stored } from './facts.ts'

export type PublishEffect = Extract<Effect, { kind: 'publishReceipt' | 'storeDeadLetter' }>

const retryFirstMs = 200
const retryMaxMs = 5_000

export class Publishing {
  readonly #emit: (effect: PublishEffect) => void
  readonly #again = new DueQueue<Entry>()
  #count = 0
  #receipts = 0

  constructor(emit: (effect: PublishEffect) => void) {
    this.#emit = emit
  }

  /** Records on their way, those included that wait to be published again. */
  get count(): number {
    return this.#count
  }

  /** Those of them whose receipt is on its way: what Kafka does not take of these holds back calls. */
  get receipts(): number {
    return this.#receipts
  }

  /** Records that Kafka did not take, and that wait to be published again. */
  get repeating(): number {
    return this.#again.size
  }

  /** When something is to be published again; Infinity where nothing is. */
  get nextMs(): number {
    return this.#again.nextMs
  }

  /** Puts a record away: its dead letter, then the receipt that says so. */
  store(entry: Entry, cause: DeadLetterCause, receipt: ReceiptDraft): void {
    entry.stage = { kind: 'storing', cause, truncation: 'none', receipt, failures: 0 }
    this.#publish(entry)
  }

  /** Publishes the receipt of a record. */
  report(entry: Entry, receipt: ReceiptDraft): void {
    entry.stage = { kind: 'reporting', receipt, failures: 0 }
    this.#publish(entry)
  }

  /** A publication ended. @returns `done` where the record has all that it needs to be settled */
  ended(entry: Entry, stored: Stored, nowMs: number): 'done' | 'under way' {
    const { stage } = entry
    if (stage.kind !== 'storing' && stage.kind !== 'reporting') {
      throw new Error(`publication of record ${entry.token} ended, which was not being published`)
    }
    const smallest = stage.kind === 'reporting' || stage.truncation === 'value,key,headers'
    if (stored === 'failed' || (stored === 'refused' && smallest)) {
      // It stays counted: calls are held back by receipts that Kafka does not take. A topic that refuses even a receipt, or
      // a dead letter of headers only, is set up wrongly: to wait for it loses nothing.
      stage.failures += 1
      this.#again.add(nowMs + Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(stage.failures - 1, 10)), entry)
      return 'under way'
    }
    this.#count -= 1
    if (stage.kind === 'reporting') {
      this.#receipts -= 1
      return 'done'
    }
    if (stored === 'refused') {
      const truncation = stage.truncation === 'none' ? 'value' : 'value,key,headers'
      entry.stage = { ...stage, truncation, failures: 0 }
      this.#publish(entry)
    } else this.report(entry, stage.receipt)
    return 'under way'
  }

  /** Publishes again what is due. */
  repeat(nowMs: number): void {
    for (let entry = this.#again.take(nowMs); entry !== undefined; entry = this.#again.take(nowMs)) {
      this.#emit(publishEffect(entry))
    }
  }

  #publish(entry: Entry): void {
    this.#count += 1
    if (entry.stage.kind === 'reporting') this.#receipts += 1
    this.#emit(publishEffect(entry))
  }
}

function publishEffect({ token, record, stage }: Entry): PublishEffect {
  if (stage.kind === 'storing') {
    return { kind: 'storeDeadLetter', token, record, cause: stage.cause, truncation: stage.truncation }
  }
  if (stage.kind === 'reporting') return { kind: 'publishReceipt', token, receipt: stage.receipt, source: record }
  throw new Error(`record ${token} is not to be published`)
}
