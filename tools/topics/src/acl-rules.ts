// Owns who needs to be allowed what, and no more, and whether the rules of a cluster allow it. No I/O.
//
// Each permission is one that Kafka's documentation ("Authorization and ACLs") ties to a request that the service makes:
//   ingestor   fetches outbound and bulk (Read), joins the group and commits (Read on the group), produces receipts and dead letters
//              (Write), looks up partitions and offsets of all of them (Describe). Not idempotent, so no IdempotentWrite.
//   gateway    produces replies, receipts, events (Write, Describe), and asks how large a record they take (DescribeConfigs)
//   operators  read the dead letters with groups of their own (`npm run dlq`), note there what they redrove, and write to outbound and
//              bulk
// None may create topics, or change anything of them.

import { type Role, roles } from './roles.ts'

/** Of `npm run dlq`: each look has a group of its own. */
const dlqGroupPrefix = 'partoo-dlq-'

export type Principals = Record<'ingestor' | 'gateway' | 'producers' | 'consumers' | 'operators', string>

/** `kafka-acls --operation` names them so. */
type Operation =
  | 'All'
  | 'Read'
  | 'Write'
  | 'Describe'
  | 'DescribeConfigs'
  | 'Alter'
  | 'AlterConfigs'
  | 'Delete'
  | 'other'

/** What somebody needs on one resource. */
export type Permission = {
  principal: string
  resource: 'topic' | 'group'
  name: string
  /** Whether all is meant that begins with the name. */
  isPrefix?: true
  operations: readonly Operation[]
}

/** A rule that a cluster has. */
export type AclRule = {
  resource: 'topic' | 'group' | 'other'
  name: string
  isPrefix: boolean
  principal: string
  host: string
  operation: Operation
  allows: boolean
}

export type AclWants = {
  names: Partial<Record<Role, string>>
  only: readonly Role[]
  principals: Principals
  ingestorGroup: string
  consumerGroup: string
}

const read = ['Read', 'Describe'] as const
const write = ['Write', 'Describe'] as const
const onTopics: Record<keyof Principals, Partial<Record<Role, readonly Operation[]>>> = {
  ingestor: { outbound: read, bulk: read, dlq: write, receipts: write },
  gateway: {
    receipts: [...write, 'DescribeConfigs'],
    replies: [...write, 'DescribeConfigs'],
    events: [...write, 'DescribeConfigs'],
  },
  producers: { outbound: write, bulk: write },
  consumers: { receipts: read, replies: read, events: read },
  operators: { outbound: write, bulk: write, dlq: ['Read', 'Write', 'Describe'] },
}

/** Everything that is needed, by whom. */
export function permissions(wants: AclWants): { who: keyof Principals; needs: Permission[] }[] {
  const { names, only, principals, ingestorGroup, consumerGroup } = wants
  const groups: Partial<Record<keyof Principals, Pick<Permission, 'name' | 'isPrefix'>>> = {
    ingestor: { name: ingestorGroup },
    consumers: { name: consumerGroup },
    operators: { name: dlqGroupPrefix, isPrefix: true },
  }
  return (Object.keys(onTopics) as (keyof Principals)[]).map((who) => {
    const principal = principals[who]
    const needs = roles.flatMap((role): Permission[] => {
      const [name, operations] = [names[role], onTopics[who][role]]
      if (name === undefined || operations === undefined || !only.includes(role)) return []
      return [{ principal, resource: 'topic', name, operations }]
    })
    const group = groups[who]
    if (group !== undefined && needs.length > 0)
      needs.push({ principal, resource: 'group', ...group, operations: ['Read'] })
    return { who, needs }
  })
}

/** The exact command that allows it. @param config a file for --command-config, where the connection needs one */
export function kafkaAclsLine(
  { principal, resource, name, isPrefix, operations }: Permission,
  brokers: string,
  config?: string,
): string {
  return [
    `kafka-acls --bootstrap-server ${quoted(brokers)}${config === undefined ? '' : ` --command-config ${config}`}`,
    `--add --allow-principal ${quoted(principal)}`,
    ...operations.map((operation) => `--operation ${operation}`),
    `--${resource} ${quoted(name)}${isPrefix ? ' --resource-pattern-type prefixed' : ''}`,
  ].join(' ')
}

/** Which of a permission's operations the rules do not allow. Super users, who need no rule, are not known here. */
export function missing(permission: Permission, rules: readonly AclRule[]): Operation[] {
  const { resource, name, principal } = permission
  const about = rules.filter(
    (rule) =>
      rule.resource === resource &&
      (rule.principal === principal || rule.principal === 'User:*') &&
      ((rule.name === name && !permission.isPrefix) ||
        rule.name === '*' ||
        (rule.isPrefix && name.startsWith(rule.name))),
  )
  const has = (operation: Operation, allows: boolean) =>
    about.some(
      (rule) =>
        rule.allows === allows &&
        // A rule for one host may deny this one, and does not show that all are allowed.
        (rule.host === '*' || !allows) &&
        (rule.operation === 'All' || rule.operation === operation || (allows && implies(rule.operation, operation))),
    )
  return permission.operations.filter((operation) => has(operation, false) || !has(operation, true))
}

/** Kafka's own implications, which hold for what is allowed only. */
function implies(rule: Operation, operation: Operation): boolean {
  if (operation === 'Describe') return ['Read', 'Write', 'Delete', 'Alter'].includes(rule)
  return operation === 'DescribeConfigs' && rule === 'AlterConfigs'
}

function quoted(text: string): string {
  return /^[A-Za-z0-9:._,/=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
