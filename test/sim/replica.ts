// One process of the ingestor in virtual time: the real core, and a driver and a consumer that do what the real ones promise.
// Everything takes time and ends in any order. A replica may be frozen (what comes for it waits), be cut off from Kafka while
// Partoo still hears it, crash (its state is gone; what it had under way may still have its effect) or be stopped (it drains,
// then leaves).

import { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Decoded, Effect, Fact, PartitionName } from '@bridge/ingestor/core/facts'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { ConsumerModel } from './consumer-model.ts'
import type { Group, Member, Position } from './group.ts'
import type { KafkaModel } from './kafka-model.ts'
import type { Mix } from './mix.ts'
import type { PartooModel } from './partoo-model.ts'
import { Witness } from './witness.ts'
import type { PartitionLog, World } from './world.ts'

/** What all replicas of a world share. */
export type Surroundings = {
  mix: Mix
  chance: Chance
  agenda: Agenda
  world: World
  partoo: PartooModel
  kafka: KafkaModel
  group: Group
  /** Until when nothing can be decoded, as the schema registry is away. */
  registry: { awayUntilMs: number }
  /** Wall clock of the world's beginning. */
  epochMs: number
  faultsOn: () => boolean
  /** To see that it happens. */
  seen: { suspensions: number; staleBatches: number }
  trace: (line: () => string) => void
}

const heartbeatMs = 1_500
const stopDeadlineMs = 20_000
/** An answer that waited longer in a frozen process says nothing of now. */
const staleAnswerMs = 500
const positionsRetryMs = 300

export class Replica implements Member {
  readonly name: string
  readonly dispatcher: Dispatcher
  readonly #s: Surroundings
  readonly #witness: Witness
  readonly #consumer: ConsumerModel
  readonly #onEnd: () => void
  /** The process's monotonic clock starts anywhere. */
  readonly #originMs: number
  #life: 'running' | 'stopping' | 'ended' = 'running'
  #isFrozen = false
  #cuts = 0
  readonly #whileFrozen: (() => void)[] = []
  /** What the core sees: this process's own count. */
  #generation = 0
  #groupGeneration = 0
  /** When the last result of a partition's decoding comes. */
  readonly #decodedMs = new Map<PartitionLog, number>()
  #wake = 0

  constructor(name: string, surroundings: Surroundings, onEnd: () => void) {
    this.name = name
    this.#s = surroundings
    this.#onEnd = onEnd
    const { mix, chance, world } = surroundings
    this.#originMs = chance.pick([0, chance.between(0, 1_000_000)]) - surroundings.agenda.nowMs
    const core = chance.stream()
    const options = {
      ...mix.core,
      organizations: mix.organizations.map(({ name, limitPerMinute, channels }) => ({
        name,
        limitPerMinute,
        channels: channels.map(({ id }) => id),
      })),
      random: core.random,
    }
    this.dispatcher = new Dispatcher(options)
    const host = {
      name,
      later: (delayMs: number, run: () => void) => this.#later(delayMs, run),
      mayFetch: () => this.#life === 'running' && !this.isCut && !surroundings.kafka.away,
      cursor: (generation: number, log: PartitionName) => this.dispatcher.cursor(generation, log),
      submit: (fact: Fact) => this.#submit(fact),
      sawStale: () => {
        surroundings.seen.staleBatches += 1
      },
    }
    this.#consumer = new ConsumerModel(host, mix, chance.stream(), world)
    this.#witness = new Witness(name, mix, world, this.dispatcher, (log) => this.#consumer.isPaused(log))
    this.#join()
    this.#heartbeat()
  }

  get isRunning(): boolean {
    return this.#life === 'running' && !this.#isFrozen
  }

  get isAlive(): boolean {
    return this.#life !== 'ended'
  }

  get isCut(): boolean {
    return this.#cuts > 0
  }

  get isReachable(): boolean {
    return this.isAlive && !this.#isFrozen && !this.isCut
  }

  // ── Life ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  crash(): void {
    this.#s.trace(() => `${this.name} crashes`)
    this.#end()
  }

  freeze(forMs: number): void {
    this.#s.trace(() => `${this.name} is frozen for ${forMs.toFixed(0)} ms`)
    this.#isFrozen = true
    this.#s.agenda.after(forMs, () => {
      this.#isFrozen = false
      for (const run of this.#whileFrozen.splice(0)) if (this.isAlive) run()
    })
  }

  /** Kafka is out of reach for a while: nothing is read, heartbeats and commits are lost, nothing is stored. */
  cutOff(forMs: number): void {
    this.#s.trace(() => `${this.name} is cut off from Kafka for ${forMs.toFixed(0)} ms`)
    this.#cuts += 1
    this.#s.agenda.after(forMs, () => {
      this.#cuts -= 1
    })
  }

  stop(): void {
    this.#life = 'stopping'
    const isExcused = this.#s.faultsOn()
    this.#submit({ kind: 'stopping' })
    this.#later(stopDeadlineMs, () => {
      this.#witness.stopDeadlinePassed(isExcused)
      this.#s.group.leave(this)
      this.#end()
    })
  }

  #end(): void {
    if (!this.isAlive) return
    this.#life = 'ended'
    this.#onEnd()
  }

  /** Something for this process to do in a while; it waits while the process is frozen, and is lost when that ends. */
  #later(delayMs: number, run: () => void): void {
    this.#s.agenda.after(delayMs, () => this.#here(run))
  }

  #here(run: () => void): void {
    if (!this.isAlive) return
    if (this.#isFrozen) this.#whileFrozen.push(run)
    else run()
  }

  // ── Membership ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #join(): void {
    this.#later(this.#s.chance.latencyMs(500), () => (this.isCut ? this.#join() : this.#s.group.join(this)))
  }

  /** The group does not know us any more; some learn thereby that nothing is theirs, some only with what they are given. */
  #rejoin(): void {
    if (this.#s.chance.happens(0.5)) this.assigned(this.#groupGeneration, [], 0)
    this.#s.group.join(this)
  }

  assigned(groupGeneration: number, partitions: PartitionName[], share: number): void {
    this.#groupGeneration = groupGeneration
    this.#generation += 1
    this.#consumer.joined(this.#generation)
    const { mix, world } = this.#s
    const shareUnit = mix.assignment === 'spread' ? 1 / world.partitions.length : 1
    this.#submit({ kind: 'assigned', generation: this.#generation, partitions, share, shareUnit })
  }

  positioned(groupGeneration: number, positions: Position[]): void {
    const generation = this.#generation
    this.#here(() => {
      if (groupGeneration !== this.#groupGeneration || generation !== this.#generation) return
      if (this.isCut) return this.#later(positionsRetryMs, () => this.positioned(groupGeneration, positions))
      const logs = this.#logs(positions)
      this.#consumer.open(logs)
      const partitions = positions.map(({ topic, partition, offsetNext, metadata }) => {
        const end = this.#s.world.log(topic, partition).endOffset
        return { topic, partition, offsetNext, metadata, low: 0, end }
      })
      this.#witness.handedOver(positions)
      this.#submit({ kind: 'positioned', generation, partitions })
      for (const log of logs) this.#consumer.seek(log)
    })
  }

  #heartbeat(): void {
    const { agenda, chance, group } = this.#s
    this.#later(heartbeatMs, () => {
      const sentMs = agenda.nowMs
      const isSent = !this.isCut
      agenda.after(chance.latencyMs(20), () => {
        const answer = this.isAlive && isSent ? group.heartbeat(this) : 'away'
        agenda.after(chance.latencyMs(20), () => {
          if (this.isCut) return
          if (answer === 'ok') this.#here(() => this.#heard(sentMs))
          if (answer === 'unknown' && this.#life === 'running') this.#here(() => this.#rejoin())
        })
      })
      this.#heartbeat()
    })
  }

  #heard(sentMs: number): void {
    const ageMs = this.#s.agenda.nowMs - sentMs
    if (ageMs < staleAnswerMs) this.#submit({ kind: 'heartbeat', ageMs })
  }

  // ── Facts and effects ──────────────────────────────────────────────────────────────────────────────────────────────

  #submit(fact: Fact): void {
    const nowMs = this.#s.agenda.nowMs + this.#originMs
    const effects = this.dispatcher.handle(fact, nowMs)
    this.#s.trace(() => `${this.name} ${brief(fact)} → ${effects.map(brief).join(', ')}`)
    this.#witness.handled(fact, effects, nowMs)
    for (const effect of effects) this.#perform(effect, nowMs)
  }

  #perform(effect: Effect, nowMs: number): void {
    const { kafka, partoo, group, world, chance, mix, agenda } = this.#s
    const isAlive = () => this.isAlive
    switch (effect.kind) {
      case 'decode':
        this.#decode(effect.records)
        return
      case 'call': {
        const { token } = effect
        const startedAt = this.#wallTime()
        group.judgeCall(this, this.#witness.recordOf(token))
        partoo.call(effect, this.#witness.recordOf(token), isAlive, (answer) =>
          this.#here(() =>
            this.#submit({ kind: 'called', token, answer, startedAt, endedAt: this.#wallTime(), durationMs: 0 }),
          ),
        )
        return
      }
      case 'publishReceipt':
      case 'storeDeadLetter': {
        const { token } = effect
        kafka.publish(effect, this, (stored) => this.#here(() => this.#submit({ kind: 'published', token, stored })))
        return
      }
      case 'commit': {
        const { generation, offsets } = effect
        const commits = offsets.map((offset) => ({ ...offset, settled: this.#witness.settledBeyond(offset) }))
        group.commit(this, this.#groupGeneration, commits, isAlive, (ok) =>
          this.#here(() => this.#submit({ kind: 'committed', generation, ok })),
        )
        return
      }
      case 'pause':
        for (const log of this.#logs(effect.partitions)) this.#consumer.pause(log)
        return
      case 'resume':
        for (const log of this.#logs(effect.partitions)) this.#consumer.resume(log)
        return
      case 'wake': {
        this.#wake += 1
        const wake = this.#wake
        // A timer of Node is late by a millisecond or more.
        const lateMs = mix.profile !== 'anything' ? chance.between(0, 2) : chance.latencyMs(20)
        this.#later(effect.atMs - nowMs + lateMs, () => {
          if (wake === this.#wake) this.#submit({ kind: 'woke' })
        })
        return
      }
      case 'tellSuspension':
        if (effect.suspended) this.#s.seen.suspensions += 1
        return
      case 'tellAttempt':
      case 'tellTombstone':
      case 'tellDeleted':
        return
      case 'tellDrained':
        this.#witness.drained((log) => group.committed(log), world.partitions)
        agenda.after(0, () => {
          group.leave(this)
          this.#end()
        })
        return
      default:
        effect satisfies never
    }
  }

  /** The results of one partition come in the order of its log, some together; partitions do not wait for each other. */
  #decode(records: Extract<Effect, { kind: 'decode' }>['records']): void {
    const { chance, mix, world, agenda } = this.#s
    const results: { token: number; decoded: Decoded }[] = records.map(({ token, record }) => ({
      token,
      decoded: world.find(record).decoded,
    }))
    const first = records[0]!.record
    const log = world.log(first.topic, first.partition)
    let doneMs = Math.max(agenda.nowMs, this.#decodedMs.get(log) ?? 0, this.#s.registry.awayUntilMs)
    const together = chance.pick([1, 7, 1_000])
    for (let from = 0; from < results.length; from += together) {
      const some = results.slice(from, from + together)
      doneMs += chance.latencyMs(mix.decodeMaxMs)
      this.#later(doneMs - agenda.nowMs, () => this.#submit({ kind: 'decoded', results: some }))
    }
    this.#decodedMs.set(log, doneMs)
  }

  #logs(partitions: PartitionName[]): PartitionLog[] {
    return partitions.map(({ topic, partition }) => this.#s.world.log(topic, partition))
  }

  #wallTime(): string {
    return new Date(this.#s.epochMs + Math.round(this.#s.agenda.nowMs)).toISOString()
  }
}

/** A fact or an effect in a few words, for the trace. */
function brief(of: Fact | Effect): string {
  switch (of.kind) {
    case 'assigned':
      return `assigned ${of.generation} share ${of.share} ${of.partitions.map((p) => `${p.topic}/${p.partition}`).join(' ')}`
    case 'positioned':
      return `positioned ${of.generation} ${of.partitions.map((p) => `${p.topic}/${p.partition}@${p.offsetNext}${p.metadata && `=${p.metadata}`}`).join(' ')}`
    case 'admitted':
      return `admitted ${of.topic}/${of.partition} ${of.records.map(({ offset }) => offset).join(' ')} next ${of.offsetNext}`
    case 'decoded':
      return `decoded ${of.results.map(({ token, decoded }) => `#${token} ${decoded.kind}`).join(' ')}`
    case 'called':
      return `called #${of.token} ${of.answer.kind}`
    case 'published':
      return `published #${of.token} ${of.stored}`
    case 'committed':
      return `committed ${of.generation} ${of.ok}`
    case 'decode':
      return `decode ${of.records.map(({ token, record }) => `#${token}=${record.topic}/${record.partition}@${record.offset}`).join(' ')}`
    case 'call':
      return `call #${of.token}`
    case 'publishReceipt':
      return `publishReceipt #${of.token} ${of.receipt.status}`
    case 'storeDeadLetter':
      return `storeDeadLetter #${of.token} ${of.cause.reason} ${of.truncation}`
    case 'commit':
      return `commit ${of.generation} ${of.offsets.map((p) => `${p.topic}/${p.partition}@${p.offsetNext}${p.metadata && `=${p.metadata}`}`).join(' ')}`
    case 'pause':
    case 'resume':
      return `${of.kind} ${of.partitions.map((p) => `${p.topic}/${p.partition}`).join(' ')}`
    case 'wake':
      return `wake ${of.atMs.toFixed(1)}`
    case 'tellAttempt':
      return `tellAttempt ${of.attempt} ${of.next}`
    case 'tellSuspension':
      return `tellSuspension ${of.scope} ${of.channelId ?? of.organization} ${of.businessId ?? ''} ${of.suspended}`
    case 'heartbeat':
    case 'woke':
    case 'stopping':
    case 'tellTombstone':
    case 'truncated':
    case 'tellDeleted':
    case 'tellDrained':
      return of.kind
  }
}
