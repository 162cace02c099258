// Real: the comparison, and what new topics are made with. Doubled: the topics, as values. Failure: a topic taken for right that
// loses or refuses records, or an advice that would harm.

import { topicSettings } from '@bridge/schemas/topics'
import { expect, test } from 'vitest'
import { roles } from './roles.ts'
import { compare, type Finding, newTopic, type Situation, type TopicState } from './wants.ts'

const situation: Situation = { brokers: 3, bodyBytesMax: 262_144, outboundBytesMax: 1_048_588 }
const good = {
  'min.insync.replicas': '2',
  'cleanup.policy': 'delete',
  'retention.ms': String(30 * 86_400_000),
  'retention.bytes': '-1',
  'max.message.bytes': '2097152',
}

function there(settings: Record<string, string> = {}, replicationFactor = 3): Extract<TopicState, { kind: 'there' }> {
  const values = new Map(Object.entries({ ...good, ...settings }).map(([name, value]) => [name, { value, own: true }]))
  return { kind: 'there', partitions: 6, replicationFactor, settings: { kind: 'told', values } }
}

const open = (findings: Finding[]) =>
  findings.filter(({ level }) => level !== 'right').map(({ level, setting, setTo }) => [level, setting, setTo])

test('what is as it should be is right, for every role', () => {
  for (const role of roles) expect(open(compare(role, there(), situation)), role).toEqual([])
})

test.each([
  ['outbound', { 'cleanup.policy': 'compact,delete' }, [['wrong', 'cleanup.policy', 'delete']]],
  ['outbound', { 'retention.ms': '60000' }, [['advice', 'retention.ms', '604800000']]],
  ['outbound', { 'retention.ms': '-1', 'retention.bytes': '5' }, [['advice', 'retention.bytes', '-1']]],
  ['events', { 'retention.bytes': '5' }, []],
  ['replies', { 'max.message.bytes': '851967' }, [['wrong', 'max.message.bytes', '851968']]],
  ['receipts', { 'max.message.bytes': '1000' }, []],
  ['dlq', { 'max.message.bytes': '1048588' }, [['wrong', 'max.message.bytes', '1114124']]],
  ['outbound', { 'min.insync.replicas': '1' }, [['advice', 'min.insync.replicas', '2']]],
  ['outbound', { 'min.insync.replicas': '3' }, [['advice', 'min.insync.replicas', '2']]],
  ['outbound', { 'min.insync.replicas': '4' }, [['wrong', 'min.insync.replicas', '2']]],
] as const)('%s with %o', (role, settings, expected) => {
  expect(open(compare(role, there(settings), situation))).toEqual(expected)
})

test('fewer replicas than brokers allow is advice; on one broker one is right, and one in sync too', () => {
  expect(open(compare('outbound', there({}, 2), situation))).toEqual([
    ['advice', 'replication factor', undefined],
    ['advice', 'min.insync.replicas', '1'],
  ])
  const alone = there({ 'min.insync.replicas': '1' }, 1)
  expect(open(compare('outbound', alone, { ...situation, brokers: 1 }))).toEqual([])
})

test('settings that are not told are unknown, not right', () => {
  const state = { ...there(), settings: { kind: 'untold', because: 'not authorized' } as const }
  expect(open(compare('dlq', state, situation))).toEqual([['unknown', 'its settings', undefined]])
})

test('a new topic is right at once, however large webhooks and messages are', () => {
  const nothing = { partitions: undefined, replicationFactor: undefined }
  for (const brokers of [1, 2, 3, 5]) {
    for (const large of [{}, { bodyBytesMax: 16_777_216, outboundBytesMax: 10_000_000 }]) {
      const now = { ...situation, brokers, ...large }
      for (const role of roles) {
        const { partitions, replicationFactor, settings } = newTopic(role, now, nothing)
        expect([partitions, replicationFactor]).toEqual([topicSettings[role].partitions, Math.min(3, brokers)])
        const defaults = { 'min.insync.replicas': '1', 'retention.bytes': '-1', 'max.message.bytes': '1048588' }
        const made = there({ ...defaults, ...settings }, replicationFactor)
        expect(open(compare(role, made, now)), role).toEqual([])
      }
    }
  }
  expect(newTopic('dlq', situation, { partitions: 12, replicationFactor: 2 })).toEqual({
    partitions: 12,
    replicationFactor: 2,
    settings: { 'cleanup.policy': 'delete', 'retention.ms': '2592000000', 'max.message.bytes': '2097152' },
  })
})
