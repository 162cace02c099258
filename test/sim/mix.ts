// What a seed draws: the size of its world, the options of the core, and which faults happen in it, some of them off.

import type { CoreOptions } from '@bridge/ingestor/core/dispatcher'
import type { Chance } from './chance.ts'

export type Mix = {
  /**
   * `anything`: faults as drawn. `steady`: one replica, a backlog of ten or more conversations, answers within 0.5 s, no
   * fault: the limit must be used.
   */
  profile: 'anything' | 'steady'
  replicas: number
  /** Partitions per topic. */
  topics: number[]
  organizations: { name: string; limitPerMinute: number; channels: { id: string; businesses: number }[] }[]
  records: number
  conversations: number
  /** 1: all conversations alike; more: the first ones have most of the records. */
  skew: number
  poisonRate: number
  tombstoneRate: number
  gapRate: number
  repeatedIdRate: number
  /** Partoo answers 400 to these, for their content, for ever. */
  rejectedRate: number
  /** Partoo answers 500 to these until the faults stop. */
  cursedRate: number
  deadLetterBytesMax: number
  core: Omit<CoreOptions, 'random' | 'organizations'>
  window: 'fixed' | 'sliding' | 'bucket'
  latencyMaxMs: number
  decodeMaxMs: number
  /** Brokers, each with a fetcher of its own in every replica. */
  brokers: number
  fetchRecordsMax: number
  faultsUntilMs: number
  /** A rejoin gives one member everything, or each a part. */
  assignment: 'single' | 'spread'
  faults: Faults
}

/** Probabilities of a call or a publish, mean times between events; 0 is off. */
export type Faults = {
  serverError: number
  reset: number
  hang: number
  forbiddenBusinesses: number
  unauthorizedEveryMs: number
  outageEveryMs: number
  otherClient: boolean
  publishFails: number
  commitFails: number
  lateCommitLands: number
  kafkaAwayEveryMs: number
  rebalanceEveryMs: number
  learnMaxMs: number
  crashEveryMs: number
  freezeEveryMs: number
  stopEveryMs: number
}

const calm: Faults = {
  serverError: 0,
  reset: 0,
  hang: 0,
  forbiddenBusinesses: 0,
  unauthorizedEveryMs: 0,
  outageEveryMs: 0,
  otherClient: false,
  publishFails: 0,
  commitFails: 0,
  lateCommitLands: 0,
  kafkaAwayEveryMs: 0,
  rebalanceEveryMs: 0,
  learnMaxMs: 500,
  crashEveryMs: 0,
  freezeEveryMs: 0,
  stopEveryMs: 0,
}

const businessesMax = 4

/** Draws the mix of a seed: every eighth world is a steady one. */
export function drawMix(seed: number, chance: Chance): Mix {
  return seed % 8 === 0 ? drawSteady(chance) : drawAnything(chance)
}

function drawAnything(chance: Chance): Mix {
  const maybe = (value: () => number) => (chance.happens(0.4) ? value() : 0)
  const every = (least: number, most: number) => maybe(() => chance.between(least, most))
  const fetchRecordsMax = chance.pick([1, 5, 20, 100])
  return {
    profile: 'anything',
    replicas: chance.pick([1, 1, 2, 3]),
    topics: chance.pick([[1], [2], [4], [2, 2], [3, 1]]),
    organizations: drawOrganizations(chance),
    records: chance.pick([20, 100, 300, 300, 600]),
    conversations: chance.pick([1, 3, 10, 40]),
    skew: chance.pick([1, 2, 4]),
    poisonRate: maybe(() => chance.pick([0.05, 0.2])),
    tombstoneRate: maybe(() => chance.pick([0.05, 0.2])),
    gapRate: maybe(() => chance.pick([0.1, 0.5])),
    repeatedIdRate: maybe(() => 0.05),
    rejectedRate: maybe(() => 0.05),
    cursedRate: maybe(() => 0.02),
    deadLetterBytesMax: 2_000,
    core: {
      burst: chance.pick([1, 5, 20]),
      inFlightMax: chance.pick([1, 4, 64]),
      admittedMax: chance.pick([4, 50, 1_000]),
      admittedBytesMax: chance.pick([5_000, 1_000_000]),
      spanMax: chance.pick([3, 30, 20_000]),
      reportingMax: chance.pick([1, 10, 256]),
      commitIntervalMs: chance.pick([100, 1_000, 5_000]),
      retry: { attemptsMax: chance.pick([2, 4, 8]), ageMinMs: chance.pick([0, 10_000, 60_000, 900_000]) },
      membershipMsMax: 4_000,
    },
    window: chance.pick(['fixed', 'sliding', 'bucket']),
    latencyMaxMs: chance.pick([20, 200, 2_000]),
    decodeMaxMs: chance.pick([2, 50, 2_000]),
    brokers: chance.pick([1, 2]),
    fetchRecordsMax,
    faultsUntilMs: chance.between(30_000, 400_000),
    assignment: chance.pick(['single', 'spread']),
    faults: {
      serverError: maybe(() => chance.pick([0.02, 0.2, 0.6])),
      reset: maybe(() => chance.pick([0.02, 0.2])),
      hang: maybe(() => chance.pick([0.01, 0.1])),
      forbiddenBusinesses: maybe(() => chance.int(1, 2)),
      unauthorizedEveryMs: every(20_000, 100_000),
      outageEveryMs: every(20_000, 100_000),
      otherClient: chance.happens(0.3),
      publishFails: maybe(() => chance.pick([0.02, 0.3])),
      commitFails: maybe(() => chance.pick([0.05, 0.5])),
      lateCommitLands: maybe(() => chance.pick([0.2, 1])),
      kafkaAwayEveryMs: every(30_000, 100_000),
      rebalanceEveryMs: every(2_000, 40_000),
      learnMaxMs: chance.pick([500, 500, 8_000]),
      crashEveryMs: every(10_000, 100_000),
      freezeEveryMs: every(10_000, 100_000),
      stopEveryMs: every(10_000, 100_000),
    },
  }
}

function drawOrganizations(chance: Chance): Mix['organizations'] {
  const count = chance.pick([1, 1, 2, 3])
  return Array.from({ length: count }, (_, index) => ({
    name: `org-${index}`,
    limitPerMinute: chance.pick([0, 60, 300, 300, 3_000]),
    channels: Array.from({ length: chance.int(1, 2) }, (_, channel) => ({
      id: `channel-${index}-${channel}`,
      businesses: chance.int(1, businessesMax),
    })),
  }))
}

function drawSteady(chance: Chance): Mix {
  const limitPerMinute = chance.pick([120, 300, 600])
  return {
    profile: 'steady',
    replicas: 1,
    topics: chance.pick([[1], [3]]),
    organizations: [{ name: 'org-0', limitPerMinute, channels: [{ id: 'channel-0-0', businesses: 3 }] }],
    records: limitPerMinute * 7,
    conversations: chance.int(12, 40),
    skew: 1,
    poisonRate: 0,
    tombstoneRate: 0,
    gapRate: maybeGaps(chance),
    repeatedIdRate: 0,
    rejectedRate: 0,
    cursedRate: 0,
    deadLetterBytesMax: 2_000,
    core: {
      burst: chance.pick([1, 5, 20]),
      inFlightMax: 64,
      admittedMax: 65_536,
      admittedBytesMax: 64 << 20,
      spanMax: 20_000,
      reportingMax: 256,
      commitIntervalMs: 1_000,
      retry: { attemptsMax: 8, ageMinMs: 900_000 },
      membershipMsMax: 4_000,
    },
    window: chance.pick(['fixed', 'sliding', 'bucket']),
    latencyMaxMs: chance.pick([20, 200, 490]),
    decodeMaxMs: 20,
    brokers: 1,
    fetchRecordsMax: 500,
    faultsUntilMs: 1_000,
    assignment: 'single',
    faults: calm,
  }
}

function maybeGaps(chance: Chance): number {
  return chance.happens(0.5) ? 0.1 : 0
}
