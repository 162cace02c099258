// The group coordinator: who is a member, who has which partitions since which generation, and what is committed, metadata
// included. It fences little, as the real one does with kafkajs: a late commit of an old owner may land. Every commit that
// lands is judged here against what the world knows.
//
// What it promises, and the consumer has to make true: whoever gets a partition is told so only after the one who had it was
// told that it is gone, or was silent for the whole of a session. A join waits for every member for that reason.

import type { PartitionCommit, PartitionName } from '@bridge/ingestor/core/facts'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { fail } from './failure.ts'
import type { KafkaModel } from './kafka-model.ts'
import type { Mix } from './mix.ts'
import { nameOf } from './partoo-model.ts'
import type { PartitionLog, World, WorldRecord } from './world.ts'

/** `settled`: what whoever committed it knew to be settled at or beyond the offset, where that is so little that it fits. */
export type Committed = { offsetNext: number; metadata: string; settled: readonly WorldRecord[] }
export type Commit = PartitionCommit & { settled: readonly WorldRecord[] }
export type Position = PartitionName & Committed

/** A member as the coordinator sees it. `assigned` tells it what it has; it is told late, and at once of the newest only. */
export type Member = {
  readonly name: string
  /** Whether nothing gets through between it and Kafka. */
  readonly isCut: boolean
  /** Whether it takes note now of what Kafka says. */
  readonly isReachable: boolean
  assigned: (groupGeneration: number, partitions: PartitionName[], share: number) => void
  /** Committed offsets of what was assigned, once they are read. */
  positioned: (groupGeneration: number, partitions: Position[]) => void
}

type State = { seenMs: number; learnedGeneration: number; partitions: PartitionLog[] }

const sessionMs = 6_000
const metadataBytesMax = 4_096
const unreachableRetryMs = 300

export class Group {
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda: Agenda
  readonly #world: World
  readonly #kafka: KafkaModel
  readonly #members = new Map<Member, State>()
  /** Who was told last that a partition is its own, and was not told otherwise since. */
  readonly #owners = new Map<PartitionLog, Member>()
  /** Who is to be told of a partition that another one does not know yet to have lost. */
  readonly #waiting = new Set<Member>()
  readonly #committed = new Map<PartitionLog, Committed>()
  #generation = 0
  #faultsOn = true
  readonly seen = { rebalances: 0, commits: 0, refusedCommits: 0, regresses: 0, lateCommits: 0, handedOver: 0 }

  constructor(mix: Mix, chance: Chance, agenda: Agenda, world: World, kafka: KafkaModel) {
    this.#mix = mix
    this.#chance = chance
    this.#agenda = agenda
    this.#world = world
    this.#kafka = kafka
    for (const log of world.partitions) {
      // What another tool committed, or another version of ours.
      const metadata = chance.pick(['', '', 'reset by hand', '1:', '9:0:xyz', `1:${log.endOffset + 1}:b_w`])
      this.#committed.set(log, { offsetNext: log.endOffset, metadata, settled: [] })
    }
    this.#expireSessions()
    this.#rebalanceNowAndThen()
  }

  join(member: Member): void {
    this.#members.set(member, { seenMs: this.#agenda.nowMs, learnedGeneration: 0, partitions: [] })
    this.#rebalance()
  }

  leave(member: Member): void {
    if (!this.#members.delete(member)) return
    this.#waiting.delete(member)
    for (const [log, owner] of this.#owners) if (owner === member) this.#owners.delete(log)
    this.#rebalance()
  }

  /** @returns `ok`, or that the member is to rejoin, is not known any more, or that nobody answers */
  heartbeat(member: Member): 'ok' | 'rejoin' | 'unknown' | 'away' {
    if (this.#kafka.away) return 'away'
    const state = this.#members.get(member)
    if (state === undefined) return 'unknown'
    state.seenMs = this.#agenda.nowMs
    return state.learnedGeneration === this.#generation ? 'ok' : 'rejoin'
  }

  /** A replica commits; `answer` comes once. */
  commit(
    member: Member,
    groupGeneration: number,
    commits: Commit[],
    isAlive: () => boolean,
    answer: (ok: boolean) => void,
  ): void {
    const chance = this.#chance
    const { commitFails, lateCommitLands } = this.#mix.faults
    const totalMs = chance.latencyMs(this.#faultsOn && chance.happens(0.1) ? 5_000 : 30)
    const isSent = !member.isCut && !this.#kafka.away
    const fails = !isSent || (this.#faultsOn && chance.happens(commitFails))
    const arrives = isSent && (!fails || chance.happens(0.3))
    let landed = false
    this.#agenda.after(totalMs * chance.random(), () => {
      if (!arrives || this.#kafka.away || !(isAlive() || chance.happens(0.5))) return
      const isCurrent = groupGeneration === this.#generation && this.#members.has(member)
      if (!isCurrent && !chance.happens(lateCommitLands)) return
      if (!isCurrent) this.seen.lateCommits += 1
      landed = true
      for (const commit of commits) this.#land(member, commit)
    })
    this.#agenda.after(totalMs, () => {
      const ok = landed && !fails && !member.isCut
      if (!ok) this.seen.refusedCommits += 1
      answer(ok)
    })
  }

  committed(log: PartitionLog): number {
    return this.#committed.get(log)!.offsetNext
  }

  /** Law L4: who had a partition calls nobody once another one was told that it is its own now. */
  judgeCall(member: Member, record: WorldRecord): void {
    const owner = this.#owners.get(this.#world.log(record.record.topic, record.record.partition))
    if (owner === undefined || owner === member) return
    fail(
      'L4 limit',
      `${member.name} calls ${nameOf(record)}, though ${owner.name} was told that its partition is its own`,
    )
  }

  heal(): void {
    this.#faultsOn = false
  }

  /** Law L1: whatever lands, early or late, is true. */
  #land(member: Member, { topic, partition, offsetNext, metadata, settled }: Commit): void {
    const log = this.#world.log(topic, partition)
    const unsettled = log.firstUnsettled()
    if (unsettled !== undefined && unsettled.record.offset < offsetNext) {
      fail(
        'L1 no loss',
        `${member.name} committed ${log.name} up to ${offsetNext}, but ${nameOf(unsettled)} is not settled`,
      )
    }
    if (offsetNext > log.endOffset) {
      fail('L1 no loss', `${member.name} committed ${log.name} up to ${offsetNext}, beyond its end ${log.endOffset}`)
    }
    if (metadata.length > metadataBytesMax || /[^\x20-\x7e]/.test(metadata)) {
      fail('L6 bounds', `${member.name} commits metadata of ${metadata.length} characters with ${log.name}`)
    }
    if (offsetNext < this.committed(log)) this.seen.regresses += 1
    this.seen.commits += 1
    this.#committed.set(log, { offsetNext, metadata, settled })
  }

  // ── Who has what ───────────────────────────────────────────────────────────────────────────────────────────────────

  #rebalance(): void {
    this.#generation += 1
    this.seen.rebalances += 1
    this.#waiting.clear()
    const members = [...this.#members.entries()]
    if (members.length === 0) return
    this.#assign(members.map(([, state]) => state))
    for (const [member] of members) this.#learn(member, this.#generation)
  }

  #assign(states: State[]): void {
    const { assignment, forgetsOwners } = this.#mix
    const chance = this.#chance
    const before = new Map(states.flatMap((state) => state.partitions.map((log) => [log, state] as const)))
    const forgets = this.#faultsOn && chance.happens(forgetsOwners)
    const one = (forgets ? undefined : before.values().next().value) ?? chance.pick(states)
    for (const state of states) state.partitions = []
    for (const log of this.#world.partitions) {
      const kept = forgets || chance.happens(0.3) ? undefined : before.get(log)
      const owner = assignment === 'single' ? one : (kept ?? chance.pick(states))
      owner.partitions.push(log)
    }
  }

  /** A member learns its assignment in its own time: until then it goes on with the old one, and with its old share. */
  #learn(member: Member, generation: number): void {
    const { learnMaxMs } = this.#mix.faults
    this.#agenda.after(this.#chance.latencyMs(this.#faultsOn ? learnMaxMs : 500), () => this.#tell(member, generation))
  }

  #tell(member: Member, generation: number): void {
    const state = this.#members.get(member)
    if (state === undefined || generation !== this.#generation) return
    if (this.#kafka.away || !member.isReachable) {
      this.#agenda.after(unreachableRetryMs, () => this.#tell(member, generation))
      return
    }
    // The coordinator counts what it answers as a sign of life.
    state.seenMs = this.#agenda.nowMs
    const free = state.partitions.filter((log) => (this.#owners.get(log) ?? member) === member)
    const isWhole = free.length === state.partitions.length
    const had = [...this.#owners].filter(([, owner]) => owner === member)
    if (!isWhole) this.#waiting.add(member)
    // Two may have to give to each other: then each is told first what it has left.
    if (!isWhole && had.every(([log]) => free.includes(log))) return
    for (const [log] of had) this.#owners.delete(log)
    const given = isWhole ? free : free.filter((log) => had.some(([before]) => before === log))
    for (const log of given) this.#owners.set(log, member)
    this.#assigned(member, given, generation)
    if (!isWhole) return
    state.learnedGeneration = generation
    this.#agenda.after(this.#chance.latencyMs(200), () => this.#readPositions(member, given, generation))
  }

  /** With `single` one has all of the limit, and the others wait; else each has the part that its partitions are. */
  #assigned(member: Member, logs: PartitionLog[], generation: number): void {
    const names = logs.map(({ topic, partition }) => ({ topic, partition }))
    member.assigned(generation, names, logs.length / this.#world.partitions.length)
    for (const other of this.#waiting) {
      if (other === member) continue
      this.#waiting.delete(other)
      this.#agenda.after(this.#chance.latencyMs(20), () => this.#tell(other, generation))
    }
  }

  /** Committed offsets are read, then answered: a late commit may land in between. */
  #readPositions(member: Member, logs: PartitionLog[], generation: number): void {
    if (generation !== this.#generation || !this.#members.has(member)) return
    if (this.#kafka.away || !member.isReachable) {
      this.#agenda.after(unreachableRetryMs, () => this.#readPositions(member, logs, generation))
      return
    }
    const positions = logs.map((log) => {
      const { topic, partition } = log
      return { topic, partition, ...this.#committed.get(log)! }
    })
    for (const { settled } of positions) this.seen.handedOver += settled.length
    this.#agenda.after(this.#chance.latencyMs(200), () => member.positioned(generation, positions))
  }

  #expireSessions(): void {
    this.#agenda.after(500, () => {
      for (const [member, state] of this.#members) {
        if (this.#kafka.away) state.seenMs = this.#agenda.nowMs
        if (this.#agenda.nowMs - state.seenMs > sessionMs) this.leave(member)
      }
      this.#expireSessions()
    })
  }

  #rebalanceNowAndThen(): void {
    const everyMs = this.#mix.faults.rebalanceEveryMs
    if (everyMs === 0) return
    this.#agenda.after(this.#chance.between(0, 2 * everyMs), () => {
      if (!this.#faultsOn) return
      this.#rebalance()
      this.#rebalanceNowAndThen()
    })
  }
}
