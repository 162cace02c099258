// One world from one seed: it is drawn, it runs with its faults, then the faults stop and everything must end.

import { Agenda } from './agenda.ts'
import { Chance } from './chance.ts'
import { fail, SimulationFailure } from './failure.ts'
import { Group } from './group.ts'
import { KafkaModel } from './kafka-model.ts'
import { drawMix, type Mix } from './mix.ts'
import { nameOf, PartooModel } from './partoo-model.ts'
import { Replica, type Surroundings } from './replica.ts'
import { isSettled, World } from './world.ts'

/** What happened in a world, to see that the faults really happen. */
export type Seen = {
  seed: number
  profile: Mix['profile']
  records: number
  steps: number
  virtualMs: number
  calls: number
  accepted: number
  repeats: number
  limited: number
  /** Most calls within 60 s, as a part of the limit; only without a limit of zero. */
  mostInWindow: number
  rebalances: number
  lateCommits: number
  regresses: number
  refusals: number
  /** Receipts that say so. */
  duplicates: number
  suspensions: number
  /** Batches of before a rejoin, or from elsewhere than the cursor. */
  staleBatches: number
  /** Settled records beyond a watermark that a new owner was told of. */
  handedOver: number
  replicas: number
}

const epochMs = Date.UTC(2026, 0, 1)
/** After the faults: probes of what is suspended, long backoffs and pauses, before the backlog can move. */
const graceMs = 25 * 60_000
/** … and where a channel refuses everything for what its messages are, 20 of them more. */
const refusedGraceMs = 3 * 3_600_000
/** After everything is settled: nothing more is to happen. */
const quietMs = 70_000
const overlapMs = 20_000
const burstsAtMs = [70_000, 140_000]
/** What reading and decoding may spread of it. */
const burstMs = 1_000

/** Runs the world of a seed. @throws SimulationFailure naming the seed, if a law is broken or the core throws */
export function simulate(seed: number, trace?: (line: string) => void): Seen {
  const chance = new Chance(seed)
  const mix = drawMix(seed, chance)
  try {
    return new Simulation(seed, mix, chance, trace).run()
  } catch (error) {
    const oracle = error instanceof SimulationFailure ? error.oracle : 'contact'
    const message = error instanceof SimulationFailure ? error.message : String((error as Error).stack)
    throw new SimulationFailure(
      oracle,
      `seed ${seed}: ${oracle}: ${message} (npm run sim -- --seed ${seed} replays it)`,
    )
  }
}

class Simulation {
  readonly #seed: number
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda = new Agenda()
  readonly #world: World
  readonly #partoo: PartooModel
  readonly #kafka: KafkaModel
  readonly #group: Group
  readonly #registry = { awayUntilMs: 0 }
  readonly #surroundings: Surroundings
  readonly #replicas = new Map<number, Replica>()
  #started = 0
  #faultsOn = true
  #isEnding = false

  constructor(seed: number, mix: Mix, chance: Chance, trace: ((line: string) => void) | undefined) {
    this.#seed = seed
    this.#mix = mix
    this.#chance = chance
    this.#world = new World(mix, chance)
    this.#kafka = new KafkaModel(mix, chance.stream(), this.#agenda, this.#world)
    this.#partoo = new PartooModel(mix, chance.stream(), this.#agenda)
    this.#group = new Group(mix, chance.stream(), this.#agenda, this.#world, this.#kafka)
    this.#surroundings = {
      mix,
      chance: chance.stream(),
      agenda: this.#agenda,
      world: this.#world,
      partoo: this.#partoo,
      kafka: this.#kafka,
      group: this.#group,
      registry: this.#registry,
      epochMs,
      faultsOn: () => this.#faultsOn,
      seen: { suspensions: 0, staleBatches: 0 },
      trace: (line) => trace?.(`${this.#agenda.nowMs.toFixed(1).padStart(10)} ${line()}`),
    }
    if (trace !== undefined) trace(JSON.stringify(mix, null, 1))
  }

  run(): Seen {
    this.#produce()
    for (let slot = 0; slot < this.#mix.replicas; slot += 1) this.#start(slot)
    const { crashEveryMs, freezeEveryMs, cutOffEveryMs, stopEveryMs, registryAwayEveryMs } = this.#mix.faults
    this.#strike(crashEveryMs, (replica) => replica.crash())
    this.#strike(freezeEveryMs, (replica) => replica.freeze(this.#chance.between(100, 20_000)))
    this.#strike(cutOffEveryMs, (replica) => replica.cutOff(this.#chance.between(500, 30_000)))
    this.#strike(stopEveryMs, (replica) => replica.stop())
    this.#strike(registryAwayEveryMs, () => {
      this.#registry.awayUntilMs = this.#agenda.nowMs + this.#chance.between(1_000, 40_000)
    })
    this.#passTime(this.#mix.faultsUntilMs)
    this.#judgeWide()
    this.#heal()
    this.#untilSettled()
    this.#judgeEnd()
    // Who was given an offset just before the last commit may still repeat what is beyond.
    this.#passTime(overlapMs)
    const calls = this.#partoo.seen.calls
    this.#passTime(quietMs)
    if (this.#partoo.seen.calls !== calls)
      fail('L5 idempotence', 'calls go on after everything was settled and committed')
    this.#judgeSteady()
    this.#judgeBurst()
    this.#stopAll()
    return this.#seen()
  }

  #passTime(forMs: number): void {
    const untilMs = this.#agenda.nowMs + forMs
    while (this.#agenda.step(untilMs));
  }

  // ── What happens ───────────────────────────────────────────────────────────────────────────────────────────────────

  #produce(): void {
    const { records, faultsUntilMs, profile } = this.#mix
    const early = profile === 'anything' ? Math.floor(records * this.#chance.random()) : records
    const write = () => this.#world.append(this.#mix, this.#chance, epochMs + this.#agenda.nowMs)
    if (profile === 'burst') this.#produceBursts()
    for (let i = 0; i < early; i += 1) write()
    for (let i = early; i < records; i += 1) this.#agenda.after(this.#chance.between(0, faultsUntilMs), write)
  }

  /** Two bursts, with a quiet minute before each; each of conversations of its own. */
  #produceBursts(): void {
    const burst = Math.min(this.#mix.core.burst, this.#mix.organizations[0]!.limitPerMinute / 2)
    for (const atMs of burstsAtMs) {
      this.#agenda.after(atMs, () => {
        for (let conversation = 0; conversation < burst; conversation += 1)
          this.#world.append(this.#mix, this.#chance, epochMs + this.#agenda.nowMs, conversation)
      })
    }
  }

  #start(slot: number): void {
    this.#started += 1
    const replica = new Replica(`replica-${slot}.${this.#started}`, this.#surroundings, () => {
      this.#replicas.delete(slot)
      if (this.#isEnding) return
      this.#agenda.after(this.#chance.latencyMs(this.#faultsOn ? 20_000 : 1_000), () => this.#start(slot))
    })
    this.#replicas.set(slot, replica)
  }

  /** Something happens to a replica now and then, while faults happen. */
  #strike(everyMs: number, what: (replica: Replica) => void): void {
    if (everyMs === 0) return
    this.#agenda.after(this.#chance.between(0, 2 * everyMs), () => {
      if (!this.#faultsOn) return
      const running = [...this.#replicas.values()].filter((replica) => replica.isRunning)
      if (running.length > 0) what(this.#chance.pick(running))
      this.#strike(everyMs, what)
    })
  }

  #heal(): void {
    this.#surroundings.trace(() => 'the faults stop')
    this.#faultsOn = false
    this.#registry.awayUntilMs = 0
    this.#partoo.heal()
    this.#kafka.heal()
    this.#group.heal()
    // An orderly stop in the middle of the backlog, with nothing in its way: it drains in time.
    if (this.#mix.profile === 'anything' && this.#mix.faults.stopEveryMs > 0) {
      this.#agenda.after(60_000, () => [...this.#replicas.values()].find(({ isRunning }) => isRunning)?.stop())
    }
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #untilSettled(): void {
    const waitMs = this.#workMs() + graceMs + (this.#mix.rejectedRate > 0 ? refusedGraceMs : 0)
    const deadlineMs = this.#agenda.nowMs + waitMs
    let checkMs = 0
    while (this.#agenda.nowMs < deadlineMs) {
      this.#agenda.step(deadlineMs)
      if (this.#agenda.nowMs < checkMs) continue
      checkMs = this.#agenda.nowMs + 1_000
      if (this.#world.partitions.every((log) => this.#isDone(log))) return
    }
    const left = this.#world.records.filter((record) => !isSettled(record))
    const log = this.#world.partitions.find((log) => !this.#isDone(log))!
    const what =
      left.length > 0
        ? `${left.length} of ${this.#world.records.length} records, first ${nameOf(left[0]!)}, are not settled`
        : `${log.name} is settled, but committed only up to ${this.#group.committed(log)} of ${log.endOffset}`
    fail('liveness', `${what} ${Math.round(waitMs / 1000)} s after the last fault`)
  }

  /** What the limits and the longest conversation need at least, and half as much again. */
  #workMs(): number {
    const perOrganization = new Map<string, number>()
    const perConversation = new Map<string, number>()
    const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
    for (const { decoded } of this.#world.records) {
      if (decoded.kind !== 'work') continue
      count(perOrganization, decoded.organization)
      count(perConversation, decoded.message.external_conversation_id)
    }
    const limited = this.#mix.organizations.map(({ name, limitPerMinute }) =>
      limitPerMinute === 0 ? 0 : ((perOrganization.get(name) ?? 0) / limitPerMinute) * 60_000,
    )
    const everyMs = this.#mix.latencyMaxMs + this.#mix.decodeMaxMs + 1_000
    const serial = this.#mix.core.inFlightMax === 1 || this.#mix.core.admittedMax < 10 || this.#mix.core.spanMax < 10
    const longest = serial ? this.#world.records.length : Math.max(0, ...perConversation.values())
    return 1.5 * (Math.max(...limited) + longest * everyMs)
  }

  #isDone(log: World['partitions'][number]): boolean {
    const last = log.records.at(-1)
    return log.firstUnsettled() === undefined && (last === undefined || this.#group.committed(log) > last.record.offset)
  }

  /** Law L1, once more and in full; in a world without trouble nothing was called twice. */
  #judgeEnd(): void {
    for (const record of this.#world.records) {
      const { decoded, accepted, deadLetterStored, calls } = record
      if (!isSettled(record)) fail('L1 no loss', `${nameOf(record)} is not settled`)
      if (decoded.kind === 'poison' && !deadLetterStored)
        fail('L1 no loss', `${nameOf(record)} is not in the dead letters`)
      if (decoded.kind !== 'work' && calls > 0) fail('answers', `${nameOf(record)} is ${decoded.kind}, and was called`)
      if (decoded.kind === 'work' && record.content === 'fine' && !this.#mayBePutAway() && !accepted) {
        fail('answers', `${nameOf(record)} was not accepted, though nothing was wrong with it`)
      }
      if (this.#isCalm() && calls > 1)
        fail('L5 idempotence', `${nameOf(record)} was called ${calls} times without any trouble`)
    }
  }

  #mayBePutAway(): boolean {
    const { serverError, reset, hang, forbiddenBusinesses, outageEveryMs, ...others } = this.#mix.faults
    const { proxyEveryMs, forbiddenEveryMs, hangingEveryMs } = others
    const failing = serverError + reset + hang + hangingEveryMs + outageEveryMs
    return failing + forbiddenBusinesses + forbiddenEveryMs + proxyEveryMs > 0
  }

  /** One replica, to which nothing happens, and a Partoo that answers every message for what it is. */
  #isCalm(): boolean {
    const { faults, cursedRate, cursedConversations, replicas } = this.#mix
    const { publishFails, commitFails, lateCommitLands, kafkaAwayEveryMs, registryAwayEveryMs, learnMaxMs, ...others } =
      faults
    const troubles = Object.values(others).filter((trouble) => trouble !== 0 && trouble !== false)
    return replicas === 1 && troubles.length === 0 && cursedRate + cursedConversations === 0
  }

  /** Law L4: with a backlog of ten conversations and answers within half a second, 97 % of the limit is used. */
  #judgeSteady(): void {
    if (this.#mix.profile !== 'steady') return
    const limit = this.#mix.organizations[0]!.limitPerMinute
    for (const fromMs of [70_000, 120_000, 180_000, 240_000]) {
      const calls = this.#partoo.seen.startedMs.filter((ms) => ms >= fromMs && ms < fromMs + 60_000).length
      if (calls < 0.97 * limit)
        fail('L4 limit', `${calls} calls in the minute from ${fromMs} ms: less than 97 % of ${limit}`)
    }
  }

  /** Law L4: after a quiet minute a burst goes out at once, whole. */
  #judgeBurst(): void {
    if (this.#mix.profile !== 'burst') return
    const { limitPerMinute } = this.#mix.organizations[0]!
    const burst = Math.min(this.#mix.core.burst, limitPerMinute / 2)
    const started = this.#partoo.seen.startedMs.slice(burst, 2 * burst)
    const takenMs = started.at(-1)! - started[0]!
    if (started.length < burst || takenMs > burstMs)
      fail('L4 limit', `${started.length} calls of a burst of ${burst} after a quiet minute took ${takenMs} ms`)
  }

  /** Law L3: one conversation fails for the whole time, and the others of its partition go on without it. */
  #judgeWide(): void {
    if (this.#mix.profile !== 'wide' || this.#started > 1) return
    const [log] = this.#world.partitions
    const past = log!.records.slice(0, this.#mix.gapRate === 0 ? this.#mix.core.spanMax : 5_000)
    const left = past.filter((record) => record.content === 'fine' && !isSettled(record))
    if (left.length > 0)
      fail('L3 isolation', `${left.length} records, first ${nameOf(left[0]!)}, wait for another conversation`)
  }

  #stopAll(): void {
    this.#isEnding = true
    for (const replica of this.#replicas.values()) replica.stop()
    this.#passTime(30_000)
    if (this.#replicas.size > 0) fail('liveness', 'a replica without work does not stop')
    for (const log of this.#world.partitions) {
      if (!this.#isDone(log)) fail('L1 no loss', `${log.name} is not committed whole after the last stop`)
    }
  }

  #seen(): Seen {
    const { calls, accepted, repeats, limited, mostInWindow } = this.#partoo.seen
    const { rebalances, lateCommits, regresses, handedOver } = this.#group.seen
    const { suspensions, staleBatches } = this.#surroundings.seen
    return {
      seed: this.#seed,
      profile: this.#mix.profile,
      records: this.#world.records.length,
      steps: this.#agenda.count,
      virtualMs: this.#agenda.nowMs,
      calls,
      accepted,
      repeats,
      limited,
      mostInWindow,
      rebalances,
      lateCommits,
      regresses,
      refusals: this.#kafka.seen.refusals,
      duplicates: this.#kafka.seen.duplicates,
      suspensions,
      staleBatches,
      handedOver,
      replicas: this.#started,
    }
  }
}
