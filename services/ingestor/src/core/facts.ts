// What goes into the core (facts, past tense) and what comes out (effects, imperative): the whole of its contact with the
// world. A fact carries what happened, never a promise; an effect is performed once, by the driver, which answers with a
// fact. `token` names one admitted record for as long as the core knows it.

import type { Answer } from '@bridge/partoo/answer'
import type { DeadLetterCause, Truncation } from '@bridge/schemas/dead-letter'
import type { KnownIds, OutboundMessage } from '@bridge/schemas/outbound-message'
import type { DeadLetterReason, Receipt } from '@bridge/schemas/receipt'
import type { ConsumedRecord } from '@bridge/schemas/record'

export type PartitionName = { topic: string; partition: number }

/**
 * `offsetNext`: the committed offset, or the log's first where none is. `metadata`: what was committed with it; empty where
 * nothing was. `low`: the log's first offset; beyond `offsetNext` where retention has overtaken the commit. `end`: the offset
 * behind its last record.
 */
export type PartitionPosition = PartitionName & { offsetNext: number; metadata: string; low: number; end: number }

/** What is to be committed. `metadata` names the settled offsets beyond `offsetNext`: ASCII, at most 4,096 bytes. */
export type PartitionCommit = PartitionName & { offsetNext: number; metadata: string }

/** What a record turned out to be. */
export type Decoded =
  /** `digest`: of all that makes two messages with one id the same: conversation, business, sender and content. */
  | { kind: 'work'; message: OutboundMessage; channelId: string; organization: string; digest: string }
  | { kind: 'poison'; reason: Extract<DeadLetterReason, 'undecodable' | 'invalid'>; detail: string; ids: KnownIds }
  /** A null value: nothing to send. */
  | { kind: 'tombstone' }

/** What became of a record that was to be stored in Kafka. `refused`: the topic will never take it as it is. */
export type Stored = 'stored' | 'refused' | 'failed'

export type Fact =
  /**
   * The group gave this replica these partitions and no others: what it lost is another's from now on. No call starts until
   * they are `positioned`, as others may have settled records of theirs meanwhile. `share` is this replica's part of every
   * organization's limit, 0 to 1: all replicas' shares together are at most 1. `shareUnit` is the least that a replica with
   * partitions can have: 1, which absence means too, where one replica speaks for all. `ageMs`: how long ago the join that
   * brought it was asked for; nothing, where it is absent.
   */
  | {
      kind: 'assigned'
      generation: number
      partitions: PartitionName[]
      share: number
      shareUnit?: number
      ageMs?: number
    }
  /** Where the partitions of this generation stand. None of them is paused now: what is to be held back is paused anew. */
  | { kind: 'positioned'; generation: number; partitions: PartitionPosition[] }
  /**
   * Records read at the cursor of a partition, in log order, and the offset behind them. The core takes as many from the
   * beginning as there is room for: `cursor` says where reading goes on.
   */
  | ({ kind: 'admitted'; generation: number; records: ConsumedRecord[]; offsetNext: number } & PartitionName)
  /** Retention has overtaken the cursor of a partition: the log begins at `low`. */
  | ({ kind: 'truncated'; generation: number; low: number } & PartitionName)
  /** In log order within each partition, as they were asked for: the order of a conversation hangs on it (L2). */
  | { kind: 'decoded'; results: { token: number; decoded: Decoded }[] }
  /** A call ended. Times are ISO 8601 UTC, of its start and its end. */
  | { kind: 'called'; token: number; answer: Answer; startedAt: string; endedAt: string; durationMs: number }
  | { kind: 'published'; token: number; stored: Stored }
  | { kind: 'committed'; generation: number; ok: boolean }
  /** The coordinator answered a heartbeat that was sent `ageMs` ago: then the partitions were still ours. */
  | { kind: 'heartbeat'; ageMs: number }
  /** The time asked for with `wake` has come. */
  | { kind: 'woke' }
  /** The process is to end: start nothing, finish what is under way. */
  | { kind: 'stopping' }

export type Effect =
  | { kind: 'decode'; records: { token: number; record: ConsumedRecord }[] }
  | { kind: 'call'; token: number; organization: string; channelId: string; message: OutboundMessage }
  | { kind: 'publishReceipt'; token: number; receipt: ReceiptDraft; source: ConsumedRecord }
  | { kind: 'storeDeadLetter'; token: number; record: ConsumedRecord; cause: DeadLetterCause; truncation: Truncation }
  | { kind: 'commit'; generation: number; offsets: PartitionCommit[] }
  | { kind: 'pause'; partitions: PartitionName[] }
  | { kind: 'resume'; partitions: PartitionName[] }
  /** The latest one holds: submit `woke` at this time. */
  | { kind: 'wake'; atMs: number }
  /** For the log and the metrics: one attempt, and what comes next. */
  | ({ kind: 'tellAttempt' } & AttemptReport)
  /** For the log: something is suspended, or is not any more. */
  | ({ kind: 'tellSuspension'; suspended: boolean } & SuspensionReport)
  | { kind: 'tellTombstone'; record: ConsumedRecord }
  /** Retention deleted so many offsets before they were read: lost. */
  | ({ kind: 'tellDeleted'; count: number } & PartitionName)
  /** After `stopping`: nothing is under way any more, and the commit of what is settled was tried. */
  | { kind: 'tellDrained' }

/** A receipt but for `at` where that is the time of writing. */
export type ReceiptDraft = Omit<Receipt, 'at'> & { at: string | null }

export type AttemptReport = {
  record: ConsumedRecord
  channelId: string
  conversationId: string
  messageId: string
  /** 1 for the first call. */
  attempt: number
  answer: Answer
  durationMs: number
  next: AttemptNext
  /** Until the next attempt, at least; null where there is none, or where its turn comes with a probe. */
  delayMs: number | null
  /** Another message was accepted under the same id, with other content: Partoo ignores this one. */
  idReused: boolean
}

/** `kept`: it waits until what it belongs to is not suspended any more. */
export type AttemptNext = 'accepted' | 'rejected' | 'retries-exhausted' | 'retried' | 'kept' | 'paused' | 'dropped'

/** What is suspended: nothing of it is sent but one probe at a time. */
export type SuspensionScope =
  /** The organization: its key, the address or the network is wrong. */
  | 'credential'
  /** The organization: Partoo fails for all of its conversations. */
  | 'outage'
  /** One channel: Partoo refuses whatever is sent to it. */
  | 'channel'
  /** One business on one channel: Partoo forbids it. */
  | 'business'

export type SuspensionReport = {
  scope: SuspensionScope
  organization: string
  /** Null where the whole organization is meant. */
  channelId: string | null
  businessId: string | null
  /** What the calls were answered that it is suspended for. */
  cause: Extract<Answer['kind'], 'rejected' | 'forbidden' | 'misdirected' | 'unavailable'>
  /** For how long it has been suspended. */
  forMs: number
  /** The status of the answer that began it; null for none. */
  status: number | null
}
