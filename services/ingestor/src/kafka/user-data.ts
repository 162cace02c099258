// What members and leader tell each other through Kafka, in the bytes that its group protocol leaves to assigners: JSON with
// a version, so that it can be read in a dump too. Whoever cannot read it, or a version that it does not know, takes it for
// not told: replicas of different releases can be in one group.

import { z } from 'zod'
import type { PartitionName } from '../core/facts.ts'
import { type Claim, type Decision, modes, type Wish } from './assignment.ts'

const version = 1

const count = z.number().int().nonnegative()
const decisionShape = z.object({
  epoch: count,
  mode: z.enum(modes),
  settings: z.string(),
  owner: z.string().nullable(),
  partitions: count,
})
const wishShape = z.object({ mode: z.enum(modes), settings: z.string() })
const memberShape = z.object({
  version: z.literal(version),
  wish: wishShape,
  claim: z.object({ decision: decisionShape, owned: z.record(z.string(), z.array(count)) }).nullable(),
})
const assignmentShape = z.object({ version: z.literal(version), decision: decisionShape })

/** What a member tells when it joins. */
export function memberData(wish: Wish, claim: Claim | undefined): Buffer {
  const told = claim === undefined ? null : { decision: claim.decision, owned: byTopic(claim.owned) }
  return Buffer.from(JSON.stringify({ version, wish, claim: told } satisfies z.infer<typeof memberShape>))
}

/** @returns empty where it cannot be read */
export function readMemberData(data: Buffer | null): { wish?: Wish; claim?: Claim } {
  const told = parse(data, memberShape)
  if (told === undefined) return {}
  const { wish, claim } = told
  return claim === null ? { wish } : { wish, claim: { decision: claim.decision, owned: names(claim.owned) } }
}

/** What the leader tells each member with its partitions. */
export function assignmentData(decision: Decision): Buffer {
  return Buffer.from(JSON.stringify({ version, decision } satisfies z.infer<typeof assignmentShape>))
}

/** @returns undefined where it cannot be read */
export function readAssignmentData(data: Buffer | null): Decision | undefined {
  return parse(data, assignmentShape)?.decision
}

/** Partition numbers by topic, as the group protocol has them. */
export function byTopic(partitions: readonly PartitionName[]): Record<string, number[]> {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition])
  return Object.fromEntries(topics)
}

/** The partitions in an object by topic. */
export function names(topics: Readonly<Record<string, readonly number[]>>): PartitionName[] {
  return Object.entries(topics).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })))
}

function parse<T>(data: Buffer | null, shape: z.ZodType<T>): T | undefined {
  if (data === null || data.length === 0) return undefined
  try {
    return shape.safeParse(JSON.parse(data.toString())).data
  } catch {
    return undefined
  }
}
