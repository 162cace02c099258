// One process of the ingestor in virtual time: the real core, and a driver and a consumer that do what the real ones promise.
// Everything takes time and ends in any order. A replica may be frozen (what comes for it waits), crash (its state is gone;
// what it had under way may still have its effect) or be stopped (it drains, then leaves).

import { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Decoded, Effect, Fact, PartitionName } from '@bridge/ingestor/core/facts'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import type { Group, Member, Offset } from './group.ts'
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
  /** Wall clock of the world's beginning. */
  epochMs: number
  faultsOn: () => boolean
  trace: (line: () => string) => void
}

type Batch = { log: PartitionLog; fetchedOffset: number; records: ConsumedRecord[]; offsetNext: number }

const heartbeatMs = 1_500
const fetchWaitMs = 400
const stopDeadlineMs = 20_000

export class Replica implements Member {
  readonly name: string
  readonly dispatcher: Dispatcher
  readonly #s: Surroundings
  readonly #witness: Witness
  readonly #onEnd: () => void
  /** The process's monotonic clock starts anywhere. */
  readonly #originMs: number
  #life: 'running' | 'stopping' | 'ended' = 'running'
  #isFrozen = false
  readonly #whileFrozen: (() => void)[] = []
  /** What the core sees: this process's own count. */
  #generation = 0
  #groupGeneration = 0
  #owned: PartitionLog[] = []
  readonly #paused = new Set<PartitionLog>()
  readonly #positions = new Map<PartitionLog, number>()
  readonly #fetching: boolean[]
  /** When the last result of a partition's decoding comes. */
  readonly #decodedMs = new Map<PartitionLog, number>()
  #wake = 0

  constructor(name: string, surroundings: Surroundings, onEnd: () => void) {
    this.name = name
    this.#s = surroundings
    this.#onEnd = onEnd
    const { mix, chance, world } = surroundings
    this.#originMs = chance.pick([0, chance.between(0, 1_000_000)]) - surroundings.agenda.nowMs
    this.#fetching = Array.from({ length: mix.brokers }, () => false)
    const core = chance.stream()
    const options = {
      ...mix.core,
      organizations: mix.organizations.map(({ name, limitPerMinute }) => ({ name, limitPerMinute })),
      random: core.random,
    }
    this.dispatcher = new Dispatcher(options)
    this.#witness = new Witness(name, mix, world, this.dispatcher)
    this.#join()
    this.#heartbeat()
    for (let broker = 0; broker < mix.brokers; broker += 1) this.#fetch(broker)
  }

  get isRunning(): boolean {
    return this.#life === 'running' && !this.#isFrozen
  }

  get isAlive(): boolean {
    return this.#life !== 'ended'
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
    this.#later(this.#s.chance.latencyMs(500), () => this.#s.group.join(this))
  }

  /** The group does not know us any more; some learn thereby that nothing is theirs, some only with what they are given. */
  #rejoin(): void {
    if (this.#s.chance.happens(0.5)) this.assigned(this.#groupGeneration, [])
    this.#s.group.join(this)
  }

  assigned(groupGeneration: number, partitions: PartitionName[]): void {
    this.#here(() => {
      if (groupGeneration < this.#groupGeneration) return
      this.#groupGeneration = groupGeneration
      this.#generation += 1
      this.#owned = []
      const names = partitions.map(({ topic, partition }) => ({ topic, partition }))
      this.#submit({ kind: 'assigned', generation: this.#generation, partitions: names })
    })
  }

  positioned(groupGeneration: number, partitions: Offset[]): void {
    this.#here(() => {
      if (groupGeneration !== this.#groupGeneration) return
      this.#owned = this.#logs(partitions)
      // The consumer forgets what was held back: the core decides anew.
      this.#paused.clear()
      const positions = partitions.map((at) => ({ ...at, end: this.#s.world.log(at.topic, at.partition).endOffset }))
      this.#submit({ kind: 'positioned', generation: this.#generation, partitions: positions })
      for (const log of this.#owned) {
        this.#positions.set(log, this.dispatcher.cursor(this.#generation, log) ?? log.endOffset)
      }
    })
  }

  #heartbeat(): void {
    const { agenda, chance, group } = this.#s
    this.#later(heartbeatMs, () => {
      const sentMs = agenda.nowMs
      agenda.after(chance.latencyMs(20), () => {
        const answer = this.isAlive ? group.heartbeat(this) : 'away'
        agenda.after(chance.latencyMs(20), () => {
          // The driver does not count an answer that waited in a frozen process.
          if (answer === 'ok')
            this.#here(
              () => agenda.nowMs - sentMs < 500 && this.#submit({ kind: 'heartbeat', ageMs: agenda.nowMs - sentMs }),
            )
          if (answer === 'unknown' && this.#life === 'running') this.#here(() => this.#rejoin())
        })
      })
      this.#heartbeat()
    })
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One broker's fetcher: one fetch at a time, for all of its partitions that are not paused. */
  #fetch(broker: number): void {
    const { chance } = this.#s
    this.#later(this.#fetching[broker] ? chance.latencyMs(5) : fetchWaitMs * chance.random(), () => {
      const batches = this.#life === 'running' && !this.#s.kafka.away ? this.#read(broker) : []
      this.#fetching[broker] = batches.length > 0
      const latencyMs = chance.latencyMs(chance.happens(0.02) ? 5_000 : 30)
      let left = batches.length
      if (left === 0) return this.#fetch(broker)
      for (const batch of chance.shuffle(batches)) {
        this.#later(latencyMs + chance.latencyMs(20), () => {
          this.#admit(batch)
          left -= 1
          if (left === 0) this.#fetch(broker)
        })
      }
    })
  }

  #read(broker: number): Batch[] {
    const { mix, world } = this.#s
    let most = mix.fetchRecordsMax
    return this.#owned.flatMap((log) => {
      if (world.partitions.indexOf(log) % mix.brokers !== broker || this.#paused.has(log) || most === 0) return []
      const fetchedOffset = this.#positions.get(log)!
      const batch = log.read(fetchedOffset, most)
      if (batch === null) return []
      most -= batch.records.length
      return [{ log, fetchedOffset, ...batch }]
    })
  }

  /** The gate: a batch counts only if it was fetched at the cursor; a stale one of before a rejoin is dropped. */
  #admit({ log, fetchedOffset, records, offsetNext }: Batch): void {
    if (this.dispatcher.cursor(this.#generation, log) !== fetchedOffset) return
    const { topic, partition } = log
    this.#submit({ kind: 'admitted', generation: this.#generation, topic, partition, records, offsetNext })
    this.#positions.set(log, offsetNext)
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
        kafka.publish(effect, isAlive, (stored) => this.#here(() => this.#submit({ kind: 'published', token, stored })))
        return
      }
      case 'commit': {
        const { generation, offsets } = effect
        group.commit(this, this.#groupGeneration, offsets, isAlive, (ok) =>
          this.#here(() => this.#submit({ kind: 'committed', generation, ok })),
        )
        return
      }
      case 'pause':
        for (const log of this.#logs(effect.partitions)) this.#paused.add(log)
        return
      case 'resume':
        for (const log of this.#logs(effect.partitions)) this.#paused.delete(log)
        return
      case 'wake': {
        this.#wake += 1
        const wake = this.#wake
        // A timer of Node is late by a millisecond or more.
        const lateMs = mix.profile === 'steady' ? chance.between(0, 2) : chance.latencyMs(20)
        this.#later(effect.atMs - nowMs + lateMs, () => {
          if (wake === this.#wake) this.#submit({ kind: 'woke' })
        })
        return
      }
      case 'tellAttempt':
      case 'tellTombstone':
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
    let doneMs = Math.max(agenda.nowMs, this.#decodedMs.get(log) ?? 0)
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
      return `assigned ${of.generation} ${of.partitions.map((p) => `${p.topic}/${p.partition}`).join(' ')}`
    case 'positioned':
      return `positioned ${of.generation} ${of.partitions.map((p) => `${p.topic}/${p.partition}@${p.offsetNext}`).join(' ')}`
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
      return `commit ${of.generation} ${of.offsets.map((p) => `${p.topic}/${p.partition}@${p.offsetNext}`).join(' ')}`
    case 'pause':
    case 'resume':
      return `${of.kind} ${of.partitions.map((p) => `${p.topic}/${p.partition}`).join(' ')}`
    case 'wake':
      return `wake ${of.atMs.toFixed(1)}`
    case 'tellAttempt':
      return `tellAttempt ${of.attempt} ${of.next}`
    case 'heartbeat':
    case 'woke':
    case 'stopping':
    case 'tellTombstone':
    case 'tellDrained':
      return of.kind
  }
}
