// What the outside may see of the core, for metrics, readiness and logs: what is held, what is suspended, and why the oldest
// record waits. Times are monotonic but for `timestampMs`, which is the record's.

import type { Entry } from './entry.ts'
import type { PartitionName, SuspensionReport } from './facts.ts'
import type { Organization } from './organization.ts'
import type { PartitionState } from './partition.ts'
import type { WaitCause } from './waits.ts'

export type CoreView = {
  admitted: number
  admittedBytes: number
  inFlight: number
  publishing: number
  lanes: number
  /** Ids of messages accepted lately, by which repeated ones are recognised. */
  rememberedIds: number
  /** `share`: this replica's part of the limit that counts now. */
  organizations: { name: string; usedRatio: number; share: number; outage: boolean; pausedForMs: number }[]
  /** Everything that is suspended now. */
  suspensions: SuspensionReport[]
  /** This replica's part of the limits, 0 to 1, as the group gave it. */
  shareAssigned: number
  /** Seconds waited so far by cause: of conversations, but `order` of messages behind the first one, `back-pressure` of partitions. */
  waitedSeconds: Readonly<Record<WaitCause, number>>
  partitions: (PartitionName & {
    watermark: number
    cursor: number
    committed: number
    /** Records held, and those among them or beyond that are settled past the oldest unsettled one. */
    held: number
    settledBeyond: number
    /** Whether the consumer was told not to read it. */
    paused: boolean
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
  /** What it waits for the end of, if anything. */
  suspension: SuspensionReport | null
}

/** Why no call starts at all. `kafka`: it does not take the receipts. */
export type HoldCause = 'stopping' | 'in-flight' | 'kafka' | 'membership'

/** Why the oldest unsettled record of a partition has not moved. */
export type StuckCause =
  /** Its decoding has not ended: what takes time of it is a schema that is not there. */
  'schema-registry' | 'limit' | 'retry-after' | 'backoff' | 'calling' | 'suspension' | 'outage' | HoldCause
export function viewOfOrganization(organization: Organization, nowMs: number): CoreView['organizations'][number] {
  return {
    name: organization.name,
    usedRatio: organization.limiter.usedRatio(nowMs),
    share: organization.limiter.share(nowMs),
    outage: organization.isOut,
    pausedForMs: Math.max(0, organization.pausedUntilMs - nowMs),
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
    held: state.entries.size,
    settledBeyond: ledger.settledBeyond,
    paused: state.paused !== null,
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
    channelId: lane?.channel.id ?? null,
    conversationId: lane?.conversationId ?? null,
    suspension: lane?.organization.suspensionOf(lane)?.report(nowMs) ?? null,
  }
}

function causeOf({ stage }: Entry, hold: HoldCause | null, nowMs: number): StuckCause {
  switch (stage.kind) {
    case 'decoding':
      return 'schema-registry'
    case 'storing':
    case 'reporting':
      return 'kafka'
    case 'inLane': {
      const { lane } = stage
      const { state, organization } = lane
      if (state.kind === 'calling' || state.kind === 'backoff') return state.kind
      const suspension = organization.suspensionOf(lane)
      if (suspension !== undefined) return suspension.of.scope === 'outage' ? 'outage' : 'suspension'
      if (state.kind === 'parked') return 'in-flight'
      if (hold !== null) return hold
      return nowMs < organization.pausedUntilMs ? 'retry-after' : 'limit'
    }
  }
}
