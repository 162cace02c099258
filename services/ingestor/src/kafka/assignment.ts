// Who reads which partitions: decided by the group's leader for all members, from what they say when they join. Pure; the
// same members get the same answer, in whatever order they come.
//
//   single   all partitions of all topics to one member, the others stand by: then limit, turns and pauses are exact
//   spread   each partition to one member, balanced to ±1 over all topics together
//
// What keeps it steady:
//   A1  each member claims what it was assigned last, and under which epoch. The highest epoch is believed: whoever was
//       away, and comes back with an older one, does not take from those who went on. An epoch is at least the time in
//       seconds, so that a group that began anew meanwhile, with nobody to remember, has the higher one too
//   A2  the epoch grows exactly when something is decided otherwise than before. So a member that joins again though nothing
//       has changed says what it said before, and Kafka does not disturb the others
//   A3  the mode is the one that all want; while they differ it stays what it is, at first `single`. So a replica that is
//       configured otherwise changes nothing: it is told (agreement.ts)
//   A4  a partition goes to a member that subscribes to its topic, to exactly one. In `single` the member that can read the
//       most comes before the present owner: while a topic is being added replica by replica, one still speaks for all

import type { PartitionName } from '../core/facts.ts'
import { partitionKey } from '../core/partition.ts'

export const modes = ['single', 'spread'] as const
export type Mode = (typeof modes)[number]

/** How a member is configured. `settings` stands for all that decides beside the mode; only equality counts. */
export type Wish = { mode: Mode; settings: string }

/** What the leader decided; every member gets it with its partitions. */
export type Decision = {
  epoch: number
  mode: Mode
  /** Those in force: the owner's in `single`, in `spread` the agreed ones. Empty where nobody told any. */
  settings: string
  /** The member that owns all, or the most where none can read all; null in `spread`. */
  owner: string | null
  /** How many partitions the outbound topics have together. */
  partitions: number
}

/** What a member was assigned last. */
export type Claim = { decision: Decision; owned: PartitionName[] }

/** `wish` and `claim` are undefined where it tells none, or none that can be read. */
export type Member = { id: string; topics: string[]; wish: Wish | undefined; claim: Claim | undefined }

/** What each member is to own, by id: each member is in it. */
export type Assignment = { decision: Decision; owned: ReadonlyMap<string, PartitionName[]> }

/**
 * Decides.
 *
 * @param group all members of the group
 * @param names all partitions of the topics that anyone subscribes to; those that nobody subscribes to are left out
 * @param timeS seconds since 1970
 */
export function assign(group: readonly Member[], names: readonly PartitionName[], timeS: number): Assignment {
  const members = group.toSorted((a, b) => compareTexts(a.id, b.id))
  const partitions = names
    .filter(({ topic }) => members.some((member) => member.topics.includes(topic)))
    .toSorted((a, b) => compareTexts(a.topic, b.topic) || a.partition - b.partition)
  const before = latestDecision(members)
  const wishes = members.flatMap(({ wish }) => (wish === undefined ? [] : [wish]))
  const mode = unanimous(wishes.map((wish) => wish.mode)) ?? before?.mode ?? 'single'
  let settings: string
  let owner: string | null = null
  let owned: Map<string, PartitionName[]>
  if (mode === 'single') {
    owned = toOne(members, partitions, before)
    owner = mostOf(members, ({ id }) => [owned.get(id)?.length ?? 0])?.id ?? null
    settings = members.find(({ id }) => id === owner)?.wish?.settings ?? ''
  } else {
    owned = toAll(members, partitions)
    settings = settingsInForce(
      wishes.map((wish) => wish.settings),
      before,
    )
  }
  const decision = { epoch: before?.epoch ?? 0, mode, settings, owner, partitions: partitions.length }
  if (!isWhatWas(decision, owned, members, before)) decision.epoch = Math.max(decision.epoch + 1, timeS)
  return { decision, owned }
}

/** The part of every organization's limit that belongs to whoever owns so many: all members' parts together are 1. */
export function shareOf(owned: number, partitions: number): number {
  return partitions === 0 ? 0 : Math.min(1, owned / partitions)
}

// ── single ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** All to one member; what it cannot read to the next one. */
function toOne(
  members: readonly Member[],
  partitions: readonly PartitionName[],
  before: Decision | undefined,
): Map<string, PartitionName[]> {
  const owned = new Map(members.map(({ id }) => [id, [] as PartitionName[]]))
  let left = partitions
  while (left.length > 0) {
    const owner = ownerOf(members, left, before)
    if (owner === undefined) break
    const given = left.filter(({ topic }) => owner.topics.includes(topic))
    owned.get(owner.id)?.push(...given)
    left = left.filter(({ topic }) => !owner.topics.includes(topic))
  }
  return owned
}

function ownerOf(
  members: readonly Member[],
  partitions: readonly PartitionName[],
  before: Decision | undefined,
): Member | undefined {
  const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)))
  return mostOf(members, ({ id, topics, wish, claim }) => {
    const wasThere = claim !== undefined && claim.decision.epoch === before?.epoch
    const held = wasThere ? claim.owned.filter(({ topic, partition }) => keys.has(partitionKey(topic, partition))) : []
    return [
      partitions.filter(({ topic }) => topics.includes(topic)).length,
      // The decision that others got tells the owner too: it need not have got it itself.
      id === before?.owner ? Number.POSITIVE_INFINITY : held.length,
      // Who follows an owner that left: rather one configured alike, and one that was standing by already.
      before !== undefined && wish?.mode === before.mode && wish.settings === before.settings ? 1 : 0,
      wasThere ? 1 : 0,
    ]
  })
}

// ── spread ───────────────────────────────────────────────────────────────────────────────────────────────────────────

type Load = { member: Member; owned: { name: PartitionName; claimed: boolean }[] }

/** Each keeps what it claims, the rest goes where there is least, then as little as possible moves. */
function toAll(members: readonly Member[], partitions: readonly PartitionName[]): Map<string, PartitionName[]> {
  const loads: Load[] = members.map((member) => ({ member, owned: [] }))
  const claimants = claimantsOf(members)
  const unclaimed: PartitionName[] = []
  for (const name of partitions) {
    const load = loads.find(({ member }) => member.id === claimants.get(partitionKey(name.topic, name.partition)))
    if (load === undefined) unclaimed.push(name)
    else load.owned.push({ name, claimed: true })
  }
  for (const name of unclaimed) {
    const able = loads.filter(({ member }) => member.topics.includes(name.topic))
    mostOf(able, ({ owned }) => [-owned.length])?.owned.push({ name, claimed: false })
  }
  for (let path = pathToLess(loads); path !== undefined; path = pathToLess(loads)) {
    for (const [i, to] of path.entries()) if (i > 0) moveOne(path[i - 1] as Load, to)
  }
  return new Map(loads.map(({ member, owned }) => [member.id, owned.map(({ name }) => name)]))
}

/** Who may keep which partition: of several who claim it, the one with the highest epoch (A1). */
function claimantsOf(members: readonly Member[]): Map<string, string> {
  const claims = new Map<string, { id: string; epoch: number }>()
  for (const { id, topics, claim } of members) {
    for (const { topic, partition } of claim?.owned ?? []) {
      const epoch = claim?.decision.epoch ?? 0
      const key = partitionKey(topic, partition)
      if (topics.includes(topic) && epoch > (claims.get(key)?.epoch ?? -1)) claims.set(key, { id, epoch })
    }
  }
  return new Map([...claims].map(([key, { id }]) => [key, id]))
}

/**
 * The shortest way from one of the fullest members to one that has at least two partitions less, each step to a member that
 * can read something of the one before. Where there is none, nothing can be balanced better.
 */
function pathToLess(loads: readonly Load[]): Load[] | undefined {
  for (const from of loads.toSorted((a, b) => b.owned.length - a.owned.length)) {
    const cameFrom = new Map<Load, Load | null>([[from, null]])
    // A map's iteration goes on over what is added meanwhile: this is a breadth-first search.
    for (const at of cameFrom.keys()) {
      const next = loads.filter((load) => !cameFrom.has(load) && givable(at, load) >= 0)
      const least = mostOf(next, ({ owned }) => [-owned.length])
      for (const load of next) cameFrom.set(load, at)
      if (least === undefined || least.owned.length > from.owned.length - 2) continue
      const path = [least]
      for (let step = at as Load | null; step !== null; step = cameFrom.get(step) ?? null) path.unshift(step)
      return path
    }
  }
  return undefined
}

/** Which of `from`'s partitions `to` could take: rather one that is new to `from`. -1 for none. */
function givable(from: Load, to: Load): number {
  const isReadable = ({ name }: Load['owned'][number]) => to.member.topics.includes(name.topic)
  const fresh = from.owned.findLastIndex((owned) => !owned.claimed && isReadable(owned))
  return fresh >= 0 ? fresh : from.owned.findLastIndex(isReadable)
}

function moveOne(from: Load, to: Load): void {
  const [moved] = from.owned.splice(givable(from, to), 1)
  if (moved !== undefined) to.owned.push({ name: moved.name, claimed: false })
}

/** While members differ, those that were in force stay for as long as anyone has them; else what most have. */
function settingsInForce(wanted: readonly string[], before: Decision | undefined): string {
  if (before !== undefined && wanted.includes(before.settings) && unanimous(wanted) === undefined)
    return before.settings
  const counts = new Map<string, number>()
  for (const settings of wanted) counts.set(settings, (counts.get(settings) ?? 0) + 1)
  const sorted = [...counts].toSorted(([a], [b]) => compareTexts(a, b))
  return mostOf(sorted, ([, count]) => [count])?.[0] ?? ''
}

// ── What was decided before ──────────────────────────────────────────────────────────────────────────────────────────

function latestDecision(members: readonly Member[]): Decision | undefined {
  const decisions = members.flatMap(({ claim }) => (claim === undefined ? [] : [claim.decision]))
  return mostOf(decisions, ({ epoch }) => [epoch])
}

/** Whether every member has what it claims under the latest decision, and the rest of that holds too (A2). */
function isWhatWas(
  decision: Decision,
  owned: ReadonlyMap<string, PartitionName[]>,
  members: readonly Member[],
  before: Decision | undefined,
): boolean {
  if (before === undefined) return false
  const { mode, settings, owner, partitions } = before
  if (decision.mode !== mode || decision.settings !== settings) return false
  if (decision.owner !== owner || decision.partitions !== partitions) return false
  return members.every(({ id, claim }) => {
    const had = claim?.decision.epoch === before.epoch ? claim.owned : []
    const has = new Set((owned.get(id) ?? []).map(({ topic, partition }) => partitionKey(topic, partition)))
    return had.length === has.size && had.every(({ topic, partition }) => has.has(partitionKey(topic, partition)))
  })
}

/** The one with the greatest score, compared number by number; the first of equals. */
function mostOf<T>(candidates: readonly T[], scoreOf: (candidate: T) => number[]): T | undefined {
  let best: { candidate: T; score: number[] } | undefined
  for (const candidate of candidates) {
    const score = scoreOf(candidate)
    if (best === undefined || isGreater(score, best.score)) best = { candidate, score }
  }
  return best?.candidate
}

function isGreater(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i])
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0)
}

function unanimous<T>(values: readonly T[]): T | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined
}

/** By code units: the order of a locale could differ between replicas. */
function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
