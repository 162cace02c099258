// One partition of an outbound topic as the core knows it: whether it is ours, its ledger, and the records it holds.

import type { Entry } from './entry.ts'
import { Ledger } from './ledger.ts'

export class PartitionState {
  readonly topic: string
  readonly partition: number
  readonly ledger: Ledger
  /** Records without a settlement, by offset; those of a lost partition stay while they are under way. */
  readonly entries = new Map<number, Entry>()
  /** Whether the current assignment holds it. */
  owned = true
  /** Whether the consumer was told not to fetch it. */
  paused = false
  /** The offset that was committed last, as far as this replica knows. */
  committed: number
  /** Since when it has not moved though it holds something: for `partoo_partition_stuck_seconds`. */
  movedMs: number

  constructor(topic: string, partition: number, offsetNext: number, nowMs: number) {
    this.topic = topic
    this.partition = partition
    this.ledger = new Ledger(offsetNext)
    this.committed = offsetNext
    this.movedMs = nowMs
  }
}

export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
