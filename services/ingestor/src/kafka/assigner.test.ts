// Real: the assigner as kafkajs calls it, and the bytes of Kafka's group protocol. Doubled: kafkajs's cluster and coordinator.
// Failure: what the leader told does not reach the member with its partitions, a member that cannot be read breaks the group.

import { createLog } from '@bridge/runtime/log'
import kafkajs, { type Broker, type Cluster, type PartitionMetadata } from 'kafkajs'
import { expect, test } from 'vitest'
import { GroupAssigner } from './assigner.ts'
import type { Mode } from './assignment.ts'

const { MemberAssignment } = kafkajs.AssignerProtocol

/** What of a cluster the assigner uses; it passes on as assignment what it is told to. */
class FakeCluster {
  readonly topics: Record<string, number>
  readonly hidden: Record<string, number>
  answer: Buffer = Buffer.alloc(0)

  constructor(topics: Record<string, number>, hidden: Record<string, number> = {}) {
    this.topics = topics
    this.hidden = hidden
  }

  findTopicPartitionMetadata(topic: string): PartitionMetadata[] {
    return Array.from({ length: this.topics[topic] ?? 0 }, (_, partitionId) => ({ partitionId }) as PartitionMetadata)
  }

  async addTargetTopic(topic: string): Promise<void> {
    if (!(topic in this.hidden)) throw new Error('UNKNOWN_TOPIC_OR_PARTITION')
    this.topics[topic] = this.hidden[topic] ?? 0
  }

  async findGroupCoordinator(): Promise<Broker> {
    return { syncGroup: async () => ({ memberAssignment: this.answer }) } as unknown as Broker
  }
}

function replica(mode: Mode, cluster: FakeCluster, id = '') {
  const assigner = new GroupAssigner({ mode, settings: 's' }, createLog('test', 'silent'))
  const config = { cluster: cluster as unknown as Cluster, groupId: 'g' } as Parameters<typeof assigner.create>[0]
  return { id, assigner, kafkajs: assigner.create(config), cluster }
}

type Replica = ReturnType<typeof replica>

/** One round of the group: all join, the first leads. @returns each one's share */
async function round(replicas: [Replica, ...Replica[]]): Promise<number[]> {
  const topics = ['normal']
  const members = replicas.map((one) => ({
    memberId: one.id,
    memberMetadata: one.kafkajs.protocol({ topics }).metadata,
  }))
  const assignments = await replicas[0].kafkajs.assign({ members, topics })
  const shares: number[] = []
  for (const { id, assigner, cluster } of replicas) {
    cluster.answer = assignments.find(({ memberId }) => memberId === id)?.memberAssignment ?? Buffer.alloc(0)
    const coordinator = (await cluster.findGroupCoordinator()) as unknown as { syncGroup(): Promise<unknown> }
    await coordinator.syncGroup()
    const { share, decision } = assigner.joined(MemberAssignment.decode(cluster.answer)?.assignment ?? {})
    expect(decision?.partitions).toBe(6)
    shares.push(share)
  }
  return shares
}

test('what the leader told comes with the partitions, and is claimed at the next join', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => replica('single', new FakeCluster({ normal: 6 }), id)) as [
    Replica,
    Replica,
    Replica,
  ]
  expect(await round([b, c])).toEqual([1, 0])
  expect(await round([a, c, b])).toEqual([0, 0, 1])
  // Both stood by: the lower id.
  expect(await round([c, a])).toEqual([0, 1])
})

test('there is one protocol for both modes: replicas that differ are in one group', async () => {
  const [a, b] = [
    replica('spread', new FakeCluster({ normal: 6 }), 'a'),
    replica('single', new FakeCluster({ normal: 6 }), 'b'),
  ]
  expect(a?.kafkajs.protocol({ topics: [] }).name).toBe(b?.kafkajs.protocol({ topics: [] }).name)
  expect(await round([a as Replica, b as Replica])).toEqual([1, 0])
})

test('members that cannot be read get nothing, and topics that the leader does not read are learnt', async () => {
  const { kafkajs: leader } = replica('single', new FakeCluster({ normal: 2 }, { bulk: 1 }))
  const other = replica('single', new FakeCluster({}))
  const assignments = await leader.assign({
    members: [
      { memberId: 'a', memberMetadata: Buffer.from('garbage') },
      { memberId: 'b', memberMetadata: leader.protocol({ topics: ['normal'] }).metadata },
      { memberId: 'c', memberMetadata: other.kafkajs.protocol({ topics: ['bulk', 'unseen'] }).metadata },
    ],
    topics: ['normal'],
  })
  const given = assignments.map(({ memberAssignment }) => MemberAssignment.decode(memberAssignment)?.assignment)
  expect(given).toEqual([{}, { normal: [0, 1] }, { bulk: [0] }])
})

test('without a word of the leader that can be read, the share is of the partitions that are known here', async () => {
  const { assigner, kafkajs: one, cluster } = replica('spread', new FakeCluster({ normal: 4 }))
  one.protocol({ topics: ['normal'] })
  cluster.answer = MemberAssignment.encode({ version: 0, assignment: { normal: [1] }, userData: Buffer.from('?') })
  await ((await cluster.findGroupCoordinator()) as unknown as { syncGroup(): Promise<unknown> }).syncGroup()
  expect(assigner.joined({ normal: [1] })).toMatchObject({ share: 0.25, decision: undefined })
})
