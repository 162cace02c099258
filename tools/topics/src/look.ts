// Owns how the topics are read and compared, and how it is told: the part that `check` and `create` have in common.

import type { Output } from '@bridge/runtime/tool-output'
import { messageBytesDefault } from '@bridge/schemas/topics'
import type { Cluster } from './cluster.ts'
import { type Mark, tell } from './output.ts'
import { type Role, roles, variableOf } from './roles.ts'
import type { Settings } from './settings.ts'
import { compare, type Finding, type Situation, type TopicState } from './wants.ts'

/** A topic as it was found. */
export type Seen = { role: Role; name: string; state: TopicState; findings: Finding[] }

/** Reads the topics of these roles, and compares each. Rejects where Kafka cannot be asked. */
export async function look(
  cluster: Cluster,
  { names, bodyBytesMax }: Settings,
  only: readonly Role[],
): Promise<{ situation: Situation; seen: Seen[] }> {
  const states = new Map<Role, TopicState>()
  for (const role of roles) {
    const name = names[role]
    // The outbound topics say how large a dead letter may be.
    const isNeeded = only.includes(role) || role === 'outbound' || role === 'bulk'
    if (name !== undefined && isNeeded) states.set(role, await cluster.topic(name))
  }
  const sizes = (['outbound', 'bulk'] as const).map((role) => bytesMax(states.get(role)))
  const situation = {
    brokers: await cluster.brokers(),
    bodyBytesMax,
    outboundBytesMax: Math.max(...sizes.filter((size) => size !== undefined), 0) || messageBytesDefault,
  }
  const seen = roles.flatMap((role): Seen[] => {
    const [name, state] = [names[role], states.get(role)]
    if (name === undefined || state === undefined || !only.includes(role)) return []
    return [{ role, name, state, findings: state.kind === 'there' ? compare(role, state, situation) : [] }]
  })
  return { situation, seen }
}

function bytesMax(state: TopicState | undefined): number | undefined {
  if (state?.kind !== 'there' || state.settings.kind !== 'told') return undefined
  const value = Number(state.settings.values.get('max.message.bytes')?.value)
  return value > 0 ? value : undefined
}

const marks: Record<Finding['level'], Mark> = { right: 'right', advice: 'advice', wrong: 'wrong', unknown: 'unknown' }

/** Tells everything about a topic. */
export function tellTopic(output: Output, { role, name, state, findings }: Seen): void {
  output.line(`${output.paint('bold', name)}  (${role}, ${variableOf(role)})`)
  if (state.kind === 'missing') tell(output, 'wrong', 'does not exist')
  if (state.kind === 'not-allowed') {
    tell(output, 'unknown', `${state.operation} is not allowed: whether it exists is not told`)
  }
  const width = Math.max(...findings.map(({ setting }) => setting.length))
  for (const { level, setting, has, wants } of findings) {
    tell(output, marks[level], `${setting.padEnd(width)}  ${[has, wants].filter(Boolean).join(', ')}`)
  }
}

/** Whether the bridge can work with it: what is only advice does not count. */
export function isFit({ state, findings }: Seen): boolean {
  return state.kind === 'there' && findings.every(({ level }) => level === 'right' || level === 'advice')
}
