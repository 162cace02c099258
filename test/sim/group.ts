// The group coordinator: who is a member, who has which partitions since which generation, and what is committed. It
// fences little, as the real one does with kafkajs: a late commit of an old owner may land. Every commit that lands is
// judged here against what the world knows.

import type { PartitionName } from '@bridge/ingestor/core/facts'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { fail } from './failure.ts'
import type { KafkaModel } from './kafka-model.ts'
import type { Mix } from './mix.ts'
import { nameOf } from './partoo-model.ts'
import type { PartitionLog, World } from './world.ts'

export type Offset = PartitionName & { offsetNext: number }

/** A member as the coordinator sees it. `assigned` tells it what it has; it is told late, and at once of the newest only. */
export type Member = {
  readonly name: string
  assigned: (groupGeneration: number, partitions: PartitionName[]) => void
  /** Committed offsets of what was assigned, once they are read. */
  positioned: (groupGeneration: number, partitions: Offset[]) => void
}

const sessionMs = 6_000

export class Group {
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda: Agenda
  readonly #world: World
  readonly #kafka: KafkaModel
  readonly #members = new Map<Member, { seenMs: number; learnedGeneration: number; partitions: PartitionLog[] }>()
  readonly #committed = new Map<PartitionLog, number>()
  #generation = 0
  #faultsOn = true
  readonly seen = { rebalances: 0, commits: 0, refusedCommits: 0, regresses: 0, lateCommits: 0 }

  constructor(mix: Mix, chance: Chance, agenda: Agenda, world: World, kafka: KafkaModel) {
    this.#mix = mix
    this.#chance = chance
    this.#agenda = agenda
    this.#world = world
    this.#kafka = kafka
    for (const log of world.partitions) this.#committed.set(log, log.endOffset)
    this.#expireSessions()
    this.#rebalanceNowAndThen()
  }

  join(member: Member): void {
    this.#members.set(member, { seenMs: this.#agenda.nowMs, learnedGeneration: 0, partitions: [] })
    this.#rebalance()
  }

  leave(member: Member): void {
    if (this.#members.delete(member)) this.#rebalance()
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
    offsets: Offset[],
    isAlive: () => boolean,
    answer: (ok: boolean) => void,
  ): void {
    const chance = this.#chance
    const { commitFails, lateCommitLands } = this.#mix.faults
    const totalMs = chance.latencyMs(this.#faultsOn && chance.happens(0.1) ? 5_000 : 30)
    const fails = this.#kafka.away || (this.#faultsOn && chance.happens(commitFails))
    const arrives = !fails || chance.happens(0.3)
    let landed = false
    this.#agenda.after(totalMs * chance.random(), () => {
      if (!arrives || this.#kafka.away || !(isAlive() || chance.happens(0.5))) return
      const isCurrent = groupGeneration === this.#generation && this.#members.has(member)
      if (!isCurrent && !chance.happens(lateCommitLands)) return
      if (!isCurrent) this.seen.lateCommits += 1
      landed = true
      for (const offset of offsets) this.#land(member, offset)
    })
    this.#agenda.after(totalMs, () => {
      const ok = landed && !fails
      if (!ok) this.seen.refusedCommits += 1
      answer(ok)
    })
  }

  committed(log: PartitionLog): number {
    return this.#committed.get(log)!
  }

  heal(): void {
    this.#faultsOn = false
  }

  /** Law L1: whatever lands, early or late, is true. */
  #land(member: Member, { topic, partition, offsetNext }: Offset): void {
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
    if (offsetNext < this.committed(log)) this.seen.regresses += 1
    this.seen.commits += 1
    this.#committed.set(log, offsetNext)
  }

  #rebalance(): void {
    this.#generation += 1
    this.seen.rebalances += 1
    const members = [...this.#members.entries()]
    if (members.length === 0) return
    this.#assign(members.map(([, state]) => state))
    for (const [member] of members) this.#learn(member, this.#generation)
  }

  #assign(states: { partitions: PartitionLog[] }[]): void {
    const { assignment } = this.#mix
    const sticky = states.find(({ partitions }) => partitions.length > 0)
    const one = sticky !== undefined && !this.#chance.happens(0.3) ? sticky : this.#chance.pick(states)
    for (const state of states) state.partitions = []
    for (const log of this.#world.partitions) {
      const owner = assignment === 'single' ? one : this.#chance.pick(states)
      owner.partitions.push(log)
    }
  }

  /** A member learns its assignment in its own time: until then it goes on with the old one. */
  #learn(member: Member, generation: number): void {
    const { learnMaxMs } = this.#mix.faults
    this.#agenda.after(this.#chance.latencyMs(this.#faultsOn ? learnMaxMs : 500), () => {
      const state = this.#members.get(member)
      if (state === undefined || generation !== this.#generation) return
      if (this.#kafka.away) return this.#learn(member, generation)
      const partitions = state.partitions.map((log) => ({
        topic: log.topic,
        partition: log.partition,
        offsetNext: this.committed(log),
      }))
      state.learnedGeneration = generation
      member.assigned(generation, partitions)
      // Committed offsets are read, then answered: a late commit may land in between.
      this.#agenda.after(this.#chance.latencyMs(200), () => member.positioned(generation, partitions))
    })
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
