// What a seed draws: the size of its world, the options of the core, and which faults happen in it, some of them off.

import type { CoreOptions } from '@bridge/ingestor/core/dispatcher'
import type { Chance } from './chance.ts'

export type Mix = {
  /**
   * `anything`: faults as drawn.
   * `steady`: up to three replicas, a backlog of ten or more conversations, answers within 0.5 s, no fault: the limit must be
   * used.
   * `burst`: a quiet minute, then as many messages at once as may go out at once.
   * `wide`: one conversation or many fail for the whole time, and the partition goes on past them for as long as it may.
   * `handover`: a backlog that several replicas take from each other, by all that can happen to them; Partoo is well.
   */
  profile: 'anything' | 'steady' | 'burst' | 'wide' | 'handover'
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
  /** All of so many conversations, the first ones, is such. */
  cursedConversations: number
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
  /** How often a leader gives out the partitions without regard to who had them. */
  forgetsOwners: number
  faults: Faults
}

/** Probabilities of a call or a publish, mean times between events; 0 is off. */
export type Faults = {
  serverError: number
  reset: number
  hang: number
  forbiddenBusinesses: number
  /** Phases: the key is refused, or a login page comes instead of the API. */
  unauthorizedEveryMs: number
  /** … Partoo fails for an organization, or for all. */
  outageEveryMs: number
  /** … a proxy refuses whatever is sent to a channel. */
  proxyEveryMs: number
  /** … all businesses of a channel are forbidden. */
  forbiddenEveryMs: number
  /** … calls of some conversations take longer than a call may. */
  hangingEveryMs: number
  /** … 429 to everything, whatever the limit. */
  stormEveryMs: number
  /** Somebody else uses the organization's keys. */
  otherClient: boolean
  publishFails: number
  commitFails: number
  lateCommitLands: number
  kafkaAwayEveryMs: number
  /** What decodes waits for a registry that is away. */
  registryAwayEveryMs: number
  rebalanceEveryMs: number
  learnMaxMs: number
  crashEveryMs: number
  freezeEveryMs: number
  /** A replica is cut off from Kafka, not from Partoo. */
  cutOffEveryMs: number
  stopEveryMs: number
}

const calm: Faults = {
  serverError: 0,
  reset: 0,
  hang: 0,
  forbiddenBusinesses: 0,
  unauthorizedEveryMs: 0,
  outageEveryMs: 0,
  proxyEveryMs: 0,
  forbiddenEveryMs: 0,
  hangingEveryMs: 0,
  stormEveryMs: 0,
  otherClient: false,
  publishFails: 0,
  commitFails: 0,
  lateCommitLands: 0,
  kafkaAwayEveryMs: 0,
  registryAwayEveryMs: 0,
  rebalanceEveryMs: 0,
  learnMaxMs: 500,
  crashEveryMs: 0,
  freezeEveryMs: 0,
  cutOffEveryMs: 0,
  stopEveryMs: 0,
}

const businessesMax = 4

/** Draws the mix of a seed: of 128 worlds 16 are steady, 16 are handed over, 4 have a burst, one is wide. */
export function drawMix(seed: number, chance: Chance): Mix {
  if (seed % 8 === 0) return drawSteady(chance)
  if (seed % 8 === 6) return drawHandover(chance)
  if (seed % 32 === 4) return drawBurst(chance)
  if (seed % 128 === 50) return drawWide(chance, seed % 256 === 50)
  return drawAnything(chance)
}

function drawAnything(chance: Chance): Mix {
  const maybe = (value: () => number) => (chance.happens(0.4) ? value() : 0)
  const seldom = (least: number, most: number) => (chance.happens(0.2) ? chance.between(least, most) : 0)
  const every = (least: number, most: number) => maybe(() => chance.between(least, most))
  const fetchRecordsMax = chance.pick([1, 5, 20, 100])
  const topics = chance.pick([[1], [2], [4], [2, 2], [3, 1]])
  return {
    profile: 'anything',
    replicas: chance.pick([1, 1, 2, 3]),
    topics,
    organizations: drawOrganizations(chance),
    records: chance.pick([20, 100, 300, 300, 600]),
    conversations: chance.pick([1, 3, 10, 40]),
    skew: chance.pick([1, 2, 4]),
    poisonRate: maybe(() => chance.pick([0.05, 0.2])),
    tombstoneRate: maybe(() => chance.pick([0.05, 0.2])),
    gapRate: maybe(() => chance.pick([0.1, 0.5])),
    repeatedIdRate: maybe(() => chance.pick([0.05, 0.3])),
    rejectedRate: maybe(() => chance.pick([0.05, 0.05, 0.5])),
    cursedRate: maybe(() => 0.02),
    cursedConversations: chance.pick([0, 0, 0, 0, 0, 0, 0, 1, 3]),
    deadLetterBytesMax: 2_000,
    core: {
      bulkTopic: topics.length > 1 && chance.happens(0.5) ? 'outbound-1' : null,
      burst: chance.pick([1, 5, 20]),
      inFlightMax: chance.pick([1, 4, 64]),
      admittedMax: chance.pick([4, 50, 1_000]),
      admittedBytesMax: chance.pick([5_000, 1_000_000]),
      spanMax: chance.pick([3, 30, 20_000]),
      reportingMax: chance.pick([1, 10, 256]),
      commitIntervalMs: chance.pick([100, 1_000, 5_000]),
      rememberedIdsMax: chance.pick([1, 10, 10_000]),
      retry: { attemptsMax: chance.pick([2, 4, 8]), ageMinMs: chance.pick([0, 10_000, 60_000, 900_000]) },
      membershipMsMax: 4_000,
    },
    window: chance.pick(['fixed', 'sliding', 'bucket']),
    latencyMaxMs: chance.pick([20, 200, 2_000]),
    decodeMaxMs: chance.pick([2, 50, 2_000]),
    brokers: chance.pick([1, 2, 3]),
    fetchRecordsMax,
    faultsUntilMs: chance.between(30_000, 400_000),
    assignment: chance.pick(['single', 'spread']),
    forgetsOwners: chance.pick([0, 0, 0.3, 1]),
    faults: {
      serverError: maybe(() => chance.pick([0.02, 0.2, 0.6])),
      reset: maybe(() => chance.pick([0.02, 0.2])),
      hang: maybe(() => chance.pick([0.01, 0.1])),
      forbiddenBusinesses: maybe(() => chance.int(1, 2)),
      unauthorizedEveryMs: every(20_000, 100_000),
      outageEveryMs: every(20_000, 100_000),
      proxyEveryMs: seldom(20_000, 200_000),
      forbiddenEveryMs: seldom(20_000, 200_000),
      hangingEveryMs: seldom(20_000, 100_000),
      stormEveryMs: seldom(20_000, 100_000),
      otherClient: chance.happens(0.2),
      publishFails: maybe(() => chance.pick([0.02, 0.3])),
      commitFails: maybe(() => chance.pick([0.05, 0.5])),
      lateCommitLands: maybe(() => chance.pick([0.2, 1])),
      kafkaAwayEveryMs: every(30_000, 100_000),
      registryAwayEveryMs: seldom(20_000, 100_000),
      rebalanceEveryMs: every(2_000, 40_000),
      learnMaxMs: chance.pick([500, 500, 8_000]),
      crashEveryMs: every(10_000, 100_000),
      freezeEveryMs: every(10_000, 100_000),
      cutOffEveryMs: every(10_000, 100_000),
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

/** A world without a fault, as a service is set up that nobody has touched. */
function drawCalm(chance: Chance, limitPerMinute: number): Mix {
  return {
    profile: 'steady',
    replicas: chance.pick([1, 1, 2, 3]),
    topics: chance.pick([[1], [3]]),
    organizations: [{ name: 'org-0', limitPerMinute, channels: [{ id: 'channel-0-0', businesses: 3 }] }],
    records: limitPerMinute * 7,
    conversations: chance.int(12, 40),
    skew: 1,
    poisonRate: 0,
    tombstoneRate: 0,
    gapRate: chance.happens(0.5) ? 0.1 : 0,
    repeatedIdRate: 0,
    rejectedRate: 0,
    cursedRate: 0,
    cursedConversations: 0,
    deadLetterBytesMax: 2_000,
    core: {
      bulkTopic: null,
      burst: chance.pick([1, 5, 20]),
      inFlightMax: 64,
      admittedMax: 65_536,
      admittedBytesMax: 64 << 20,
      spanMax: 20_000,
      reportingMax: 256,
      commitIntervalMs: 1_000,
      rememberedIdsMax: 10_000,
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
    forgetsOwners: 0,
    faults: calm,
  }
}

function drawSteady(chance: Chance): Mix {
  return drawCalm(chance, chance.pick([120, 300, 600]))
}

function drawBurst(chance: Chance): Mix {
  const mix = drawCalm(chance, chance.pick([60, 120, 300]))
  const core = { ...mix.core, burst: 20 }
  return { ...mix, profile: 'burst', conversations: 40, records: 0, core, decodeMaxMs: 2, faultsUntilMs: 150_000 }
}

/** @param isPlain one conversation fails, and nothing else is in the way; else what is settled may be too much to be told */
function drawWide(chance: Chance, isPlain: boolean): Mix {
  const mix = drawCalm(chance, 0)
  const core = { ...mix.core, inFlightMax: 300, reportingMax: 4_096 }
  return {
    ...mix,
    profile: 'wide',
    replicas: 1,
    topics: [1],
    records: 22_000,
    conversations: 300,
    gapRate: isPlain ? 0 : chance.pick([0, 0.5]),
    cursedConversations: isPlain ? 1 : 100,
    core,
    latencyMaxMs: 200,
    decodeMaxMs: 2,
    faultsUntilMs: 60_000,
    faults: { ...calm, crashEveryMs: isPlain ? 0 : 15_000 },
  }
}

/** The limit is at stake where it goes from one to another: what the one sent just now, the other does not know. */
function drawHandover(chance: Chance): Mix {
  const limitPerMinute = chance.pick([60, 60, 120, 300])
  const mix = drawCalm(chance, limitPerMinute)
  const every = () => (chance.happens(0.5) ? chance.between(15_000, 60_000) : 0)
  return {
    ...mix,
    profile: 'handover',
    replicas: chance.pick([2, 2, 3]),
    records: limitPerMinute * 5,
    // What is still on its way a second after its caller lost its share is counted by nobody.
    latencyMaxMs: chance.pick([20, 200, 1_000]),
    brokers: 2,
    faultsUntilMs: 300_000,
    assignment: chance.pick(['single', 'single', 'spread']),
    forgetsOwners: chance.pick([0, 0.5, 1]),
    faults: {
      ...calm,
      lateCommitLands: 0.5,
      learnMaxMs: chance.pick([500, 8_000]),
      rebalanceEveryMs: every(),
      crashEveryMs: every(),
      freezeEveryMs: every(),
      cutOffEveryMs: every(),
      stopEveryMs: every(),
    },
  }
}
