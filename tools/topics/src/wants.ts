// Owns the comparison: what a topic is, what it should be, and what of it must change. No I/O.

import { messageBytesAtFirst, messageBytesNeeded, replication, topicSettings } from '@bridge/schemas/topics'
import type { Role } from './roles.ts'

/** A setting as the broker tells it; `own`: set for this topic, and not a default of the brokers. */
export type Setting = { value: string; own: boolean }

export type TopicState =
  | { kind: 'missing' }
  | { kind: 'not-allowed'; operation: string }
  | {
      kind: 'there'
      partitions: number
      replicationFactor: number
      /** By name; or why they are not told. */
      settings: { kind: 'told'; values: ReadonlyMap<string, Setting> } | { kind: 'untold'; because: string }
    }

export type Situation = {
  brokers: number
  bodyBytesMax: number
  /** max.message.bytes of the outbound topics, the larger one. */
  outboundBytesMax: number
}

/** One thing about a topic. `setTo`: what `create --alter` would set; absent where it is right, or cannot be set. */
export type Finding = {
  level: 'right' | 'advice' | 'wrong' | 'unknown'
  setting: string
  has: string
  /** In words, with the reason; empty where it is right. */
  wants: string
  setTo?: string
}

type There = Extract<TopicState, { kind: 'there' }>

/** Compares a topic that is there with what its role asks for. */
export function compare(role: Role, state: There, situation: Situation): Finding[] {
  const findings: Finding[] = [
    { level: 'right', setting: 'partitions', has: String(state.partitions), wants: '' },
    replicationOf(state, situation),
  ]
  if (state.settings.kind === 'untold') {
    const wants = `not told (${state.settings.because}): allow DescribeConfigs`
    return [...findings, { level: 'unknown', setting: 'its settings', has: '', wants }]
  }
  const value = (name: string) => state.settings.kind === 'told' && state.settings.values.get(name)?.value
  const of = (name: string, judge: (has: string) => Omit<Finding, 'setting' | 'has'>): Finding => {
    const has = value(name)
    if (typeof has !== 'string') return { level: 'unknown', setting: name, has: '', wants: 'not told by the brokers' }
    return { setting: name, has, ...judge(has) }
  }
  findings.push(
    of('min.insync.replicas', (has) => judgeInsync(Number(has), state.replicationFactor)),
    of('cleanup.policy', (has) => judgeCleanup(has)),
    of('retention.ms', (has) => judgeRetention(role, Number(has))),
    of('retention.bytes', (has) => judgeSize(role, Number(has))),
    of('max.message.bytes', (has) => judgeBytes(Number(has), messageBytesNeeded(role, situation))),
  )
  return findings
}

const right = { level: 'right', wants: '' } as const

function replicationOf({ replicationFactor: has }: There, { brokers }: Situation): Finding {
  const setting = { setting: 'replication factor', has: String(has) }
  if (has >= Math.min(replication.factor, brokers)) return { ...setting, ...right }
  const how = 'not changed here: kafka-reassign-partitions does it'
  const why = `should be ${replication.factor} where there are as many brokers: a disk may be lost; ${how}`
  return { ...setting, level: 'advice', wants: why }
}

function judgeInsync(has: number, replicationFactor: number): Omit<Finding, 'setting' | 'has'> {
  const { factor, minInsyncReplicas } = replication
  if (has > replicationFactor) {
    const why = `must be at most the replication factor, ${replicationFactor}: nothing can be written`
    return { level: 'wrong', wants: why, setTo: String(Math.max(1, replicationFactor - 1)) }
  }
  if (replicationFactor >= factor && has < minInsyncReplicas) {
    const why = `should be ${minInsyncReplicas}: what one broker alone has acknowledged is lost with its disk`
    return { level: 'advice', wants: why, setTo: String(minInsyncReplicas) }
  }
  if (has === replicationFactor && has > 1) {
    const why = 'should be less than the replication factor: with one broker away nothing can be written'
    return { level: 'advice', wants: why, setTo: String(replicationFactor - 1) }
  }
  return right
}

function judgeCleanup(has: string): Omit<Finding, 'setting' | 'has'> {
  if (!has.includes('compact')) return right
  const why = "must be delete: compaction keeps the last record of each key alone, and a conversation's others are lost"
  return { level: 'wrong', wants: why, setTo: 'delete' }
}

function judgeRetention(role: Role, has: number): Omit<Finding, 'setting' | 'has'> {
  const { retentionMs, retentionFor } = topicSettings[role]
  if (has < 0 || has >= retentionMs) return right
  const days = retentionMs / 86_400_000
  return {
    level: 'advice',
    wants: `should be at least ${retentionMs} (${days} days): ${retentionFor}`,
    setTo: String(retentionMs),
  }
}

function judgeSize(role: Role, has: number): Omit<Finding, 'setting' | 'has'> {
  if (has < 0 || (role !== 'outbound' && role !== 'bulk')) return right
  return { level: 'advice', wants: 'should be -1: a burst would push out what was not sent yet', setTo: '-1' }
}

function judgeBytes(has: number, needed: number | undefined): Omit<Finding, 'setting' | 'has'> {
  if (needed === undefined || has >= needed) return right
  return {
    level: 'wrong',
    wants: `must be at least ${needed}: larger records would be cut or refused`,
    setTo: String(needed),
  }
}

/** What a topic is created with. */
export type NewTopic = { partitions: number; replicationFactor: number; settings: Record<string, string> }

/** @param given in place of what the table says */
export function newTopic(
  role: Role,
  situation: Situation,
  given: { partitions: number | undefined; replicationFactor: number | undefined },
): NewTopic {
  const { partitions, retentionMs, cleanupPolicy } = topicSettings[role]
  const replicationFactor = given.replicationFactor ?? Math.max(1, Math.min(replication.factor, situation.brokers))
  const messageBytes = messageBytesAtFirst(role, situation)
  return {
    partitions: given.partitions ?? partitions,
    replicationFactor,
    settings: {
      'cleanup.policy': cleanupPolicy,
      'retention.ms': String(retentionMs),
      ...(replicationFactor >= replication.factor && { 'min.insync.replicas': String(replication.minInsyncReplicas) }),
      ...(messageBytes !== undefined && { 'max.message.bytes': String(messageBytes) }),
    },
  }
}
