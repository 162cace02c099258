// One admitted record on its way to being settled.

import type { Answer } from '@bridge/partoo/answer'
import type { DeadLetterCause, Truncation } from '@bridge/schemas/dead-letter'
import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { ReceiptDraft } from './facts.ts'
import type { Lane } from './lane.ts'
import type { Attempts } from './outcome.ts'
import type { PartitionState } from './partition.ts'
import type { Suspension } from './suspension.ts'

/** Waits in its lane for its turn, is being called, or backs off: the lane's state says which. */
export type InLane = {
  kind: 'inLane'
  lane: Lane
  message: OutboundMessage
  digest: string
  attempts: Attempts
  /** The last call, where Partoo refused the message and its channel is suspended for that. */
  refusal: { answer: Extract<Answer, { kind: 'rejected' }>; endedAt: string; during: Suspension } | null
}

/**
 *   decoding ─► inLane ─► reporting ─► settled
 *          └──────┴──► storing ─┘
 */
export type Stage =
  | { kind: 'decoding' }
  | InLane
  /** Its dead letter is under way, after so many failures. */
  | { kind: 'storing'; cause: DeadLetterCause; truncation: Truncation; receipt: ReceiptDraft; failures: number }
  /** Its receipt is under way, after so many failures. */
  | { kind: 'reporting'; receipt: ReceiptDraft; failures: number }

export type Entry = {
  readonly token: number
  readonly partition: PartitionState
  readonly record: ConsumedRecord
  readonly bytes: number
  stage: Stage
}
