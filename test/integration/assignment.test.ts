// Real: Kafka, the ingestor's consumers with their assigner, a network that freezes. Doubled: the core, by one that notes what
// it is told.
// Failure: partitions that change hands without need or wait for an owner longer than promised, shares that are not 1
// together, a replica configured otherwise that is not told or makes the group join again and again, a record skipped or read
// twice when only a part of its batch is taken.

import { setTimeout as pause } from 'node:timers/promises'
import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import kafkajs, { type Consumer, type PartitionAssigner } from 'kafkajs'
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import { GroupReplica, type GroupReplicaOptions } from '../support/group-replica.ts'
import { TestKafka } from '../support/kafka.ts'
import { KafkaProxy } from '../support/kafka-proxy.ts'
import { type TestTopics, testTopics } from '../support/topics.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const kafka = new TestKafka(brokers)
let topics: TestTopics
let running: GroupReplica[] = []

beforeEach(async () => {
  topics = await testTopics(brokers)
})

afterEach(async () => {
  await Promise.all(running.map(({ consumer }) => consumer.stop()))
  running = []
  await topics.remove()
})

/** A replica that has joined and knows what it owns. */
async function start(more: Partial<GroupReplicaOptions> = {}): Promise<GroupReplica> {
  const replica = new GroupReplica({
    brokers,
    groupId: topics.group('replicas'),
    topics: [topics.names.outbound],
    ...more,
  })
  running.push(replica)
  replica.consumer.start()
  await until('a replica in the group', () => replica.isReading)
  return replica
}

async function stop(replica: GroupReplica): Promise<void> {
  running = running.filter((one) => one !== replica)
  await replica.consumer.stop()
}

const sharesOf = (replicas: GroupReplica[]) => replicas.map(({ assigned }) => assigned.share)
const ownersOf = (replicas: GroupReplica[]) => replicas.filter(({ assigned }) => assigned.partitions.length > 0)

/** All have joined as often as they will: so many heartbeats later nobody has joined again. */
async function untilCalm(replicas: GroupReplica[], heartbeats = 4): Promise<void> {
  let joins = ''
  let calmSince: number[] = []
  await until('a group that is calm', () => {
    const now = replicas.map((replica) => replica.joins).join()
    if (now !== joins) calmSince = replicas.map((replica) => replica.heartbeats)
    joins = now
    return replicas.every((replica, i) => replica.heartbeats >= (calmSince[i] ?? 0) + heartbeats)
  })
}

test('single: one owns all and keeps it while others join and leave; the others stand by, ready', async () => {
  const owner = await start()
  const second = await start()
  const third = await start()
  await untilCalm(running)
  expect(sharesOf([owner, second, third])).toEqual([1, 0, 0])
  expect(owner.assigned.partitions).toHaveLength(6)
  expect(owner.consumer.readiness()).toEqual({ ready: true })
  expect(second.consumer.readiness()).toEqual({ ready: true, detail: 'standing by' })
  await stop(second)
  const fourth = await start()
  await untilCalm(running)
  expect(sharesOf([owner, third, fourth])).toEqual([1, 0, 0])
})

test('single: when the owner leaves, another owns all within 3 s; it goes on where the commit says, with its metadata', async () => {
  await kafka.produce(
    topics.names.outbound,
    Array.from({ length: 60 }, (_, i) => ({ value: `${i}`, partition: i % 6 })),
  )
  const owner = await start()
  const others = [await start(), await start()]
  await until('all read', () => [...owner.taken.values()].flat().length === 60)
  await untilCalm(running)
  expect(await owner.commit('settled beyond: 3')).toBe(true)
  const leavingMs = performance.now()
  await stop(owner)
  const next = await until('another owner', () => ownersOf(others)[0], 10_000)
  expect(next.assigned.atMs - leavingMs).toBeLessThan(3_000)
  expect(next.assigned.share).toBe(1)
  await until('its positions', () => next.positions.length === 6)
  expect(next.positions.map(({ offsetNext, metadata }) => ({ offsetNext, metadata }))).toEqual(
    Array(6).fill({ offsetNext: 10, metadata: 'settled beyond: 3' }),
  )
})

test.runIf(KafkaProxy.isPossible(brokers.split(',')[0] ?? ''))(
  'single: when the owner hangs, another owns all within 12 s, and keeps it when the first comes back',
  async () => {
    const proxy = await KafkaProxy.start(brokers.split(',')[0] ?? '')
    try {
      const owner = await start({ brokers: proxy.address })
      const other = await start()
      await untilCalm(running)
      const hangsMs = performance.now()
      await proxy.set('frozen')
      await until('another owner', () => other.assigned.share === 1, 20_000)
      expect(other.assigned.atMs - hangsMs).toBeLessThan(12_000)
      await proxy.set('open')
      await until('the first stands by', () => owner.isReading && owner.assigned.share === 0)
      await untilCalm(running)
      expect(sharesOf([owner, other])).toEqual([0, 1])
    } finally {
      await stop(running[0] as GroupReplica)
      await proxy.close()
    }
  },
)

test('spread: the shares are 1 together, over both topics, and who stays keeps what it has', async () => {
  const bulk = `${topics.prefix}bulk`
  await kafka.createTopic(bulk)
  const more: Partial<GroupReplicaOptions> = { assignment: 'spread', topics: [topics.names.outbound, bulk] }
  const replicas = [await start(more), await start(more), await start(more)]
  await untilCalm(replicas)
  expect(sharesOf(replicas).sort()).toEqual([2 / 7, 2 / 7, 3 / 7])
  const [first, second, third] = replicas as [GroupReplica, GroupReplica, GroupReplica]
  const kept = [...second.assigned.partitions]
  await stop(first)
  await until('all partitions owned', () => second.assigned.share + third.assigned.share === 1)
  expect(second.assigned.partitions).toEqual(expect.arrayContaining(kept))
})

test('a replica configured otherwise is told, once; the group goes on as it was and does not join again', async () => {
  const settings = JSON.stringify({ burst: 20, topics: ['t'] })
  const owner = await start({ settings })
  const second = await start({ settings })
  const otherwise = await start({ assignment: 'spread', settings: JSON.stringify({ burst: 5, topics: ['t'] }) })
  await untilCalm(running, 6)
  expect(sharesOf([owner, second, otherwise])).toEqual([1, 0, 0])
  expect(owner.joins).toBeLessThanOrEqual(4)
  const errors = (replica: GroupReplica) => replica.log.filter(({ level }) => Number(level) >= 50)
  const detail = 'configured otherwise than the group: assignment, burst'
  expect(errors(otherwise)).toEqual([expect.objectContaining({ msg: `this replica is ${detail}` })])
  expect(otherwise.consumer.readiness()).toEqual({ ready: true, detail: `standing by; ${detail}` })
  expect([...errors(owner), ...errors(second)]).toEqual([])
  // When only such are left, they have their way.
  await stop(second)
  await stop(owner)
  await until('its own mode', () => otherwise.assigned.share === 1)
  // First it reads the committed offsets; then nothing is left to disagree with.
  await until('reading', () => otherwise.isReading)
  expect(otherwise.consumer.readiness()).toEqual({ ready: true })
})

test('where only a part of a batch is taken, reading goes on behind it: each record once, in order', async () => {
  await kafka.produce(
    topics.names.outbound,
    Array.from({ length: 600 }, (_, i) => ({ value: `${i}`, partition: i % 6 })),
  )
  const replica = await start({ takenMax: 7 })
  await until('all read', () => {
    replica.resume()
    return [...replica.taken.values()].flat().length >= 600
  })
  for (const offsets of replica.taken.values()) expect(offsets).toEqual(Array.from({ length: 100 }, (_, i) => i))
})

test('partitions added to a topic are owned within 60 s, whoever leads', { timeout: 100_000 }, async () => {
  const replicas = [await start({ assignment: 'spread' }), await start({ assignment: 'spread' })]
  await untilCalm(replicas)
  await withAdmin(kafkaClient(brokers), (admin) =>
    admin.createPartitions({ topicPartitions: [{ topic: topics.names.outbound, count: 10 }] }),
  )
  await until(
    'ten partitions owned',
    () => sharesOf(replicas).every((share) => share === 0.5) && ownedBy(replicas) === 10,
    60_000,
  )
})

test('a replica whose partitions were promised long ago asks whether it still has them before it reads', async () => {
  const leader = await slowLeader(4_500)
  try {
    const replica = new GroupReplica({ brokers, groupId: topics.group('replicas'), topics: [topics.names.outbound] })
    running.push(replica)
    replica.consumer.start()
    await until('partitions', () => replica.assigned.partitions.length === 3)
    expect(replica.heartbeats).toBe(0)
    expect(replica.consumer.readiness()).toMatchObject({ ready: false })
    expect(replica.positions).toEqual([])
    await until('reading', () => replica.isReading)
    expect(replica.heartbeats).toBeGreaterThan(0)
    // The leader tells nothing of ours: the share is of the partitions that this replica knows.
    expect(replica.assigned.share).toBe(0.5)
  } finally {
    await leader.disconnect()
  }
})

/** A member of another make that leads the group, and takes its time to give out half of the partitions. */
async function slowLeader(delayMs: number): Promise<Consumer> {
  const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol
  const name = 'partoo-bridge'
  const topic = topics.names.outbound
  const assigner: PartitionAssigner = () => ({
    name,
    version: 0,
    protocol: () => ({
      name,
      metadata: MemberMetadata.encode({ version: 0, topics: [topic], userData: Buffer.from('garbage') }),
    }),
    assign: async ({ members }) => {
      if (members.length > 1) await pause(delayMs)
      return members.map(({ memberId }, i) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 0,
          assignment: { [topic]: i === 0 ? [0, 1, 2] : [3, 4, 5] },
          userData: Buffer.from('garbage'),
        }),
      }))
    },
  })
  const consumer = kafkaClient(brokers).consumer({
    groupId: topics.group('replicas'),
    partitionAssigners: [assigner],
    heartbeatInterval: 500,
    maxWaitTimeInMs: 200,
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async () => {} })
  return consumer
}

function ownedBy(replicas: GroupReplica[]): number {
  return replicas.reduce((sum, { assigned }) => sum + assigned.partitions.length, 0)
}

test('a wall clock that is set back: the silence of its heartbeats ends with a new consumer', async () => {
  const replica = await start()
  await until('reading', () => replica.isReading)
  const clock = Date.now
  onTestFinished(() => {
    Date.now = clock
  })
  const joins = replica.joins
  // kafkajs heartbeats once its last request is an interval ago, by this clock.
  Date.now = () => clock() - 3_600_000
  await until('silence told', () => !replica.isReading, 10_000)
  await until('joined anew, and reading', () => replica.joins > joins && replica.isReading, 60_000)
  const { heartbeats } = replica
  await until('heartbeats', () => replica.heartbeats > heartbeats, 5_000)
}, 90_000)
