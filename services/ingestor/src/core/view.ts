// What the outside may see of the core, for metrics, readiness and logs: what is held, and why the oldest record waits.
// Times are monotonic but for `timestampMs`, which is the record's.

import type { Entry } from './entry.ts'
import type { PartitionName } from './facts.ts'
import type { Organization } from './organization.ts'
import type { PartitionState } from './partition.ts'

export type CoreView = {
  admitted: number
  admittedBytes: number
  inFlight: number
  publishing: number
  lanes: number
  organizations: { name: string; usedRatio: number }[]
  partitions: (PartitionName & {
    watermark: number
    cursor: number
    committed: number
    /** The oldest record that is not settled; null where all are. */
    oldest: OldestRecord | null
  })[]
}

/** `sinceMs`: since when it is the oldest. The ids are null until it is decoded. */
export type OldestRecord = {
  offset: number
  timestampMs: number
  sinceMs: number
  cause: StuckCause
  channelId: string | null
  conversationId: string | null
}

/** Why no call starts at all. `kafka`: it does not take the receipts. */
export type HoldCause = 'stopping' | 'in-flight' | 'kafka' | 'membership'

/** Why the oldest unsettled record of a partition has not moved. */
export type StuckCause = 'decoding' | 'limit' | 'paused' | 'backoff' | 'calling' | HoldCause

export function viewOfOrganization(organization: Organization, nowMs: number): CoreView['organizations'][number] {
  return {
    name: organization.name,
    usedRatio: organization.limiter.usedRatio(nowMs),
  }
}

/** @param hold why no call starts at all, if so */
export function viewOfPartition(
  state: PartitionState,
  hold: HoldCause | null,
  nowMs: number,
): CoreView['partitions'][number] {
  const { topic, partition, ledger, committed } = state
  const oldest = state.entries.get(ledger.watermark)
  return {
    topic,
    partition,
    watermark: ledger.watermark,
    cursor: ledger.cursor,
    committed,
    oldest: oldest === undefined ? null : viewOfOldest(oldest, hold, nowMs),
  }
}

function viewOfOldest(entry: Entry, hold: HoldCause | null, nowMs: number): OldestRecord {
  const { record, stage, partition } = entry
  const lane = stage.kind === 'inLane' ? stage.lane : null
  return {
    offset: record.offset,
    timestampMs: record.timestampMs,
    sinceMs: partition.movedMs,
    cause: causeOf(entry, hold, nowMs),
    channelId: lane?.channelId ?? null,
    conversationId: lane?.conversationId ?? null,
  }
}

function causeOf({ stage }: Entry, hold: HoldCause | null, nowMs: number): StuckCause {
  switch (stage.kind) {
    case 'decoding':
      return 'decoding'
    case 'storing':
    case 'reporting':
      return 'kafka'
    case 'inLane': {
      const { state, organization } = stage.lane
      if (state.kind === 'calling' || state.kind === 'backoff') return state.kind
      if (hold !== null) return hold
      return nowMs < organization.pausedUntilMs ? 'paused' : 'limit'
    }
  }
}
