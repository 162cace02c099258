// `acls`: the exact commands that allow each service, your producers, consumers and operators what they need, and no more; and
// where the cluster tells its rules, which of them are missing.

import type { Output } from '@bridge/runtime/tool-output'
import { kafkaAclsLine, missing, permissions } from './acl-rules.ts'
import type { Order } from './arguments.ts'
import type { Cluster, RulesRead } from './cluster.ts'
import type { Settings } from './settings.ts'

/** @returns the exit code */
export async function acls(
  cluster: Cluster,
  settings: Settings,
  order: Extract<Order, { command: 'acls' }>,
  output: Output,
): Promise<number> {
  const rules = await cluster.rules()
  const { names, groupId, connection } = settings
  const { only, principals, consumerGroup } = order
  const config = connection.tls || connection.sasl ? 'admin.properties' : undefined
  let open = 0
  for (const { who, needs } of permissions({ names, only, principals, ingestorGroup: groupId, consumerGroup })) {
    if (needs.length === 0) continue
    output.line(`# ${who}, ${principals[who]}`)
    for (const permission of needs) {
      const lacks = rules.kind === 'read' ? missing(permission, rules.rules) : []
      if (lacks.length > 0) open += 1
      const line = kafkaAclsLine(permission, connection.brokers.join(','), config)
      output.line(rules.kind === 'read' && lacks.length === 0 ? `# allowed: ${line}` : line)
    }
  }
  output.line(`# ${verdict(rules, open)}`)
  return 0
}

function verdict(rules: RulesRead, open: number): string {
  if (rules.kind === 'none') return `Which of them are there is not told: ${rules.because}`
  if (open === 0) return 'All of that is allowed.'
  return `${open} of them are missing, as far as the rules tell: super users need none.`
}
