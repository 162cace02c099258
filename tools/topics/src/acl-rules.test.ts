// Real: who needs what, the commands for it, what rules allow. Doubled: the cluster's rules, as values. Failure: a permission that is
// not needed, a rule that is taken for one that allows, a command that a shell reads otherwise.

import { expect, test } from 'vitest'
import { type AclRule, kafkaAclsLine, missing, type Permission, permissions } from './acl-rules.ts'
import { principalDefaults } from './arguments.ts'
import { roles } from './roles.ts'

const wants = {
  names: { outbound: 'out', dlq: 'dlq', receipts: 'receipts', replies: 'replies', events: 'events' },
  only: roles,
  principals: principalDefaults,
  ingestorGroup: 'partoo-ingestor',
  consumerGroup: 'theirs',
}

test('each is allowed what it does, and nothing else', () => {
  const short = permissions(wants).map(({ who, needs }) => [
    who,
    needs.map(({ resource, name, operations }) => `${resource} ${name}: ${operations.join(' ')}`),
  ])
  expect(Object.fromEntries(short)).toEqual({
    ingestor: [
      'topic out: Read Describe',
      'topic dlq: Write Describe',
      'topic receipts: Write Describe',
      'group partoo-ingestor: Read',
    ],
    gateway: [
      'topic receipts: Write Describe DescribeConfigs',
      'topic replies: Write Describe DescribeConfigs',
      'topic events: Write Describe DescribeConfigs',
    ],
    producers: ['topic out: Write Describe'],
    consumers: [
      'topic receipts: Read Describe',
      'topic replies: Read Describe',
      'topic events: Read Describe',
      'group theirs: Read',
    ],
    operators: ['topic out: Write Describe', 'topic dlq: Read Write Describe', 'group partoo-dlq-: Read'],
  })
  const bulk = permissions({ ...wants, names: { ...wants.names, bulk: 'bulk' }, only: ['bulk'] })
  expect(bulk.map(({ needs }) => needs.map(({ name }) => name))).toEqual([
    ['bulk', 'partoo-ingestor'],
    [],
    ['bulk'],
    [],
    ['bulk', 'partoo-dlq-'],
  ])
})

const permission: Permission = {
  principal: 'User:in',
  resource: 'topic',
  name: 'out',
  operations: ['Read', 'Describe'],
}

test('the command is one that a shell reads as meant', () => {
  expect(kafkaAclsLine(permission, 'a:1,b:2')).toBe(
    'kafka-acls --bootstrap-server a:1,b:2 --add --allow-principal User:in --operation Read --operation Describe --topic out',
  )
  const odd = { ...permission, principal: "User:CN=it's me, O=x", resource: 'group', name: 'a b' } as const
  expect(kafkaAclsLine(odd, 'a:1', 'admin.properties')).toContain(
    `--command-config admin.properties --add --allow-principal 'User:CN=it'\\''s me, O=x' `,
  )
})

test('groups that begin with a name need a rule for all of them', () => {
  const groups: Permission = {
    principal: 'User:ops',
    resource: 'group',
    name: 'g-',
    isPrefix: true,
    operations: ['Read'],
  }
  expect(kafkaAclsLine(groups, 'a:1')).toMatch(/--operation Read --group g- --resource-pattern-type prefixed$/)
  const one: AclRule = { ...rule, resource: 'group', principal: 'User:ops', name: 'g-' }
  expect(missing(groups, [one])).toEqual(['Read'])
  expect(missing(groups, [{ ...one, isPrefix: true }])).toEqual([])
  expect(missing(groups, [{ ...one, isPrefix: true, name: 'g' }])).toEqual([])
  expect(missing(groups, [{ ...one, name: '*' }])).toEqual([])
})

const rule: AclRule = {
  resource: 'topic',
  name: 'out',
  isPrefix: false,
  principal: 'User:in',
  host: '*',
  operation: 'Read',
  allows: true,
}

test.each<[string, Partial<AclRule>[], string[]]>([
  ['none', [], ['Read', 'Describe']],
  ['the very one; Read implies Describe', [{}], []],
  ['Describe alone', [{ operation: 'Describe' }], ['Read']],
  ['all operations, of all users', [{ operation: 'All', principal: 'User:*' }], []],
  ['a prefix', [{ name: 'ou', isPrefix: true }], []],
  ['a name that only begins so', [{ name: 'ou' }], ['Read', 'Describe']],
  ['any topic', [{ name: '*' }], []],
  ["another's", [{ principal: 'User:other' }], ['Read', 'Describe']],
  ['from one host alone', [{ host: '10.0.0.1' }], ['Read', 'Describe']],
  ['of a group', [{ resource: 'group' }], ['Read', 'Describe']],
  ['denied', [{}, { allows: false }], ['Read']],
  [
    'denied altogether, from one host',
    [{}, { allows: false, operation: 'All', host: '10.0.0.1' }],
    ['Read', 'Describe'],
  ],
])('what rules leave out: %s', (_, rules, expected) => {
  expect(
    missing(
      permission,
      rules.map((each) => ({ ...rule, ...each })),
    ),
  ).toEqual(expected)
})
