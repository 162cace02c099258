// Our assigner as kafkajs takes one: it joins the group with what this replica wants and what it had, and where this replica
// is the group's leader it decides for all (assignment.ts).
//
// There is one protocol whatever the mode: members that have none in common could not be in one group, and a replica that is
// configured otherwise would fail to join instead of being told.

import type { Log } from '@bridge/runtime/log'
import kafkajs, { type Broker, type Cluster, type PartitionAssigner } from 'kafkajs'
import type { PartitionName } from '../core/facts.ts'
import { assign, type Claim, type Decision, type Member, shareOf, type Wish } from './assignment.ts'
import { assignmentData, byTopic, memberData, names, readAssignmentData, readMemberData } from './user-data.ts'

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol
const name = 'partoo-bridge'
/** Of the group protocol's envelope, which has no other. */
const version = 0

/** What a join brought. `decision` is undefined where the leader told none that can be read. */
export type Joined = {
  partitions: PartitionName[]
  /** Of every organization's limit, and the least that a replica with partitions can have. */
  share: number
  shareUnit: number
  decision: Decision | undefined
  ageMs: number
}

/** kafkajs's brokers can do this; its types do not tell. */
type Coordinator = Broker & { syncGroup(request: unknown): Promise<{ memberAssignment: Buffer }> }

/** One for the life of a replica: what it was assigned outlasts the consumers that it makes one after the other. */
export class GroupAssigner {
  readonly #wish: Wish
  readonly #log: Log
  #cluster: Cluster | undefined
  #topics: string[] = []
  #claim: Claim | undefined
  #synced: { decision: Decision | undefined; askedMs: number } | undefined

  constructor(wish: Wish, log: Log) {
    this.#wish = wish
    this.#log = log
  }

  /** For `partitionAssigners` of a consumer; the latest consumer counts. */
  readonly create: PartitionAssigner = ({ cluster }) => {
    this.#cluster = cluster
    this.#watch(cluster)
    return {
      name,
      version,
      protocol: ({ topics }) => {
        this.#topics = topics
        this.#synced = undefined
        const userData = memberData(this.#wish, this.#claim)
        return { name, metadata: MemberMetadata.encode({ version, topics, userData }) }
      },
      assign: async ({ members }) => this.#assign(cluster, members.map(readMember)),
    }
  }

  /** Takes note of what a join brought. To be asked once at each `GROUP_JOIN`. @param assignment as the event tells it */
  joined(assignment: Readonly<Record<string, number[]>>): Joined {
    const partitions = names(assignment)
    const { decision, askedMs } = this.#synced ?? { decision: undefined, askedMs: performance.now() }
    this.#claim = decision === undefined ? undefined : { decision, owned: partitions }
    // A leader of another release may tell it otherwise: then what this replica knows of its topics must do.
    const all = decision?.partitions ?? this.#known(this.#topics).length
    return {
      partitions,
      share: shareOf(partitions.length, all),
      shareUnit: decision?.mode === 'single' ? 1 : shareOf(1, Math.max(1, all)),
      decision,
      ageMs: performance.now() - askedMs,
    }
  }

  async #assign(cluster: Cluster, members: Member[]): Promise<{ memberId: string; memberAssignment: Buffer }[]> {
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    for (const topic of topics) await this.#learn(cluster, topic)
    const { decision, owned } = assign(members, this.#known(topics), Math.floor(Date.now() / 1_000))
    const { epoch, mode, partitions } = decision
    this.#log.info({ epoch, mode, members: members.length, partitions }, 'partitions given out: this replica leads')
    const userData = assignmentData(decision)
    return members.map(({ id }) => ({
      memberId: id,
      memberAssignment: MemberAssignment.encode({ version, assignment: byTopic(owned.get(id) ?? []), userData }),
    }))
  }

  /** kafkajs knows the topics that this replica subscribes to; others may be asked for by members configured otherwise. */
  async #learn(cluster: Cluster, topic: string): Promise<void> {
    if (cluster.findTopicPartitionMetadata(topic).length > 0) return
    try {
      await cluster.addTargetTopic(topic)
    } catch {
      this.#log.error({ topic }, 'a replica asks for a topic that this one cannot see: nobody reads it')
    }
  }

  #known(topics: readonly string[]): PartitionName[] {
    return topics.flatMap((topic) =>
      (this.#cluster?.findTopicPartitionMetadata(topic) ?? []).map(({ partitionId }) => ({
        topic,
        partition: partitionId,
      })),
    )
  }

  /**
   * Reads what the leader told: kafkajs decodes it, and drops it before `GROUP_JOIN`. It asks the coordinator that its
   * cluster finds, so that one is given an ear. The other ways were worse: `describeGroup` answers only after `GROUP_JOIN`,
   * when the share must be known already, and maybe of another generation; a made-up topic in the assignment would come
   * through (in `RECEIVED_UNSUBSCRIBED_TOPICS`), but shows in everyone's tools and warns at every join; and the decoder is
   * one for all consumers of the process.
   */
  #watch(cluster: Cluster): void {
    const find = cluster.findGroupCoordinator.bind(cluster)
    cluster.findGroupCoordinator = async (group) => {
      const coordinator = (await find(group)) as Coordinator
      const syncGroup = async (request: unknown) => {
        const askedMs = performance.now()
        const answer = await coordinator.syncGroup(request)
        const userData = MemberAssignment.decode(answer.memberAssignment)?.userData ?? null
        if (cluster === this.#cluster) this.#synced = { decision: readAssignmentData(userData), askedMs }
        return answer
      }
      return Object.create(coordinator, { syncGroup: { value: syncGroup } }) as Coordinator
    }
  }
}

/** A member as it tells of itself; one that cannot be read subscribes to nothing. */
function readMember({ memberId, memberMetadata }: { memberId: string; memberMetadata: Buffer }): Member {
  try {
    const metadata = MemberMetadata.decode(memberMetadata)
    const { wish, claim } = readMemberData(metadata?.userData ?? null)
    return { id: memberId, topics: metadata?.topics ?? [], wish, claim }
  } catch {
    return { id: memberId, topics: [], wish: undefined, claim: undefined }
  }
}
