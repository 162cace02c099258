// One partition of an outbound topic as the core knows it: whether it is ours, its ledger, and the records it holds.

import type { Held } from './admission.ts'
import type { Entry } from './entry.ts'
import { Ledger } from './ledger.ts'
import { bitmapOffsetsMax, runsMax } from './settled-offsets.ts'

/** Paused for its span, resumed below this share of it: high, so that what is stuck does not keep the rest waiting. */
const resumeShare = 0.9

export class PartitionState {
  readonly topic: string
  readonly partition: number
  readonly ledger: Ledger
  /** Records without a settlement, by offset; those of a lost partition stay while they are under way. */
  readonly entries = new Map<number, Entry>()
  /** How many these are, and their bytes. */
  readonly held: Held = { records: 0, bytes: 0 }
  /** Whether the current assignment holds it. */
  owned = true
  /** Whether the consumer was told not to fetch it, and why: there was no room for the next record, with these bytes. */
  paused: { why: 'room' | 'span'; offset: number; bytes: number } | { why: 'stopping' } | null = null
  /** The offset that was committed last, as far as this replica knows. */
  committed: number
  /** Whether something was settled that the last commit does not say. */
  isCommitDue = false
  /** Since when it has not moved though it holds something: for `partoo_partition_stuck_seconds`. */
  movedMs: number

  constructor(topic: string, partition: number, offsetNext: number, nowMs: number) {
    this.topic = topic
    this.partition = partition
    this.ledger = new Ledger(offsetNext)
    this.committed = offsetNext
    this.movedMs = nowMs
  }

  /**
   * Whether one more record may be admitted: what is settled beyond the watermark must be kept in memory and fit into a
   * commit's metadata, however it is settled. Beyond what a bitmap holds, there are at most as many runs as unsettled records.
   *
   * @param spanMax records from the watermark on
   */
  maySpan(offset: number, spanMax: number): boolean {
    if (this.ledger.span >= spanMax) return false
    return offset - this.ledger.watermark < bitmapOffsetsMax || this.entries.size < runsMax
  }

  /** Whether a partition that was paused for its span, before the record at `offset`, has enough of it again. */
  mayResumeSpan(spanMax: number, offset = this.ledger.cursor): boolean {
    if (this.ledger.span >= spanMax * resumeShare) return false
    return offset - this.ledger.watermark < bitmapOffsetsMax * resumeShare || this.entries.size < runsMax * resumeShare
  }
}

export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
