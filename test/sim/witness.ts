// Sees every fact that goes into one replica's core and every effect that comes out, and judges them by what this replica
// has been told: order and idempotence of calls, the table of answers, the bounds. One witness a process; what all replicas
// together must keep is judged by the models of Partoo, Kafka and the group.

import type { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Effect, Fact } from '@bridge/ingestor/core/facts'
import type { Answer } from '@bridge/partoo/answer'
import { recordBytes } from '@bridge/schemas/record'
import { type Acceptance, judgeDeadLetter, judgeReceipt, laneOf, type Told } from './answer-table.ts'
import { fail, type OracleName } from './failure.ts'
import type { Mix } from './mix.ts'
import { nameOf } from './partoo-model.ts'
import type { PartitionLog, World, WorldRecord } from './world.ts'

/** What one replica has been told of one record. */
type Known = {
  record: WorldRecord
  isCalling: boolean
  /** Calls answered otherwise than with 429, with the time. */
  answered: { answer: Answer; atMs: number }[]
  notBeforeMs: number
  outcome: 'none' | 'accepted' | 'condemned'
  isSettled: boolean
  isPublishing: 'receipt' | 'dead letter' | false
}

/** Wakes that lead to nothing, in one virtual second: more is a storm. */
const idleWakesMax = 20
const largestRecordBytes = 5_000

export class Witness {
  readonly #name: string
  readonly #mix: Mix
  readonly #world: World
  readonly #dispatcher: Dispatcher
  readonly #tokens = new Map<number, Known>()
  readonly #known = new Map<WorldRecord, Known>()
  readonly #owned = new Set<PartitionLog>()
  #isPositioned = false
  /** Highest committed offset that this replica was given, per partition: all below is settled by somebody. */
  readonly #settledBelow = new Map<PartitionLog, number>()
  /** Highest offset of which this replica knows that it was committed, by anybody. */
  readonly #committedBelow = new Map<PartitionLog, number>()
  #commitUnderWay: Extract<Effect, { kind: 'commit' }> | undefined
  readonly #pausedUntilMs = new Map<string, number>()
  readonly #acceptances: Acceptance[] = []
  #memberMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  #publishing = 0
  #reporting = 0
  #isStopping = false
  #isDrained = false
  #isLastCommitOk = true
  #idleWakes = 0
  #idleSecond = 0

  constructor(name: string, mix: Mix, world: World, dispatcher: Dispatcher) {
    this.#name = name
    this.#mix = mix
    this.#world = world
    this.#dispatcher = dispatcher
  }

  recordOf(token: number): WorldRecord {
    return this.#knownOf(token).record
  }

  /** Judges one step of the core. */
  handled(fact: Fact, effects: Effect[], nowMs: number): void {
    this.#take(fact, nowMs)
    // What is put away has its outcome, wherever in the list it is told.
    for (const effect of effects) if (effect.kind === 'storeDeadLetter') this.#storeDeadLetter(effect)
    for (const effect of effects) this.#judge(effect, nowMs)
    this.#judgeBounds(fact, effects, nowMs)
  }

  /** Everything settled that this replica was told of is committed, where the partition is its own. */
  drained(committed: (log: PartitionLog) => number, partitions: PartitionLog[]): void {
    if (!this.#isStopping) this.#fail('contact', 'told that it is drained, without having been asked to stop')
    if (this.#isDrained) this.#fail('contact', 'told twice that it is drained')
    this.#isDrained = true
    if (this.#inFlight > 0) this.#fail('liveness', `drained with ${this.#inFlight} calls in flight`)
    if (this.#publishing > 0)
      this.#fail('L1 no loss', `drained with ${this.#publishing} records on their way into Kafka`)
    // A commit that failed while stopping is not repeated: the next owner repeats what it would have said.
    if (this.#mix.faults.lateCommitLands > 0 || !this.#isLastCommitOk) return
    for (const log of partitions.filter((log) => this.#owned.has(log))) {
      const first = log.records[log.indexAt(committed(log))]
      const known = first === undefined ? undefined : this.#known.get(first)
      // What was settled in an earlier assignment, and was not read again in this one, cannot be committed yet.
      if (first !== undefined && first.record.offset >= this.#cursorOf(log)) continue
      if (first !== undefined && known?.isSettled) {
        this.#fail('L5 idempotence', `drained, and ${nameOf(first)}, which it knows to be settled, is not committed`)
      }
    }
  }

  #cursorOf(log: PartitionLog): number {
    const { partitions } = this.#dispatcher.view(0)
    const at = partitions.find(({ topic, partition }) => topic === log.topic && partition === log.partition)
    return at?.cursor ?? Number.NEGATIVE_INFINITY
  }

  stopDeadlinePassed(isExcused: boolean): void {
    if (!isExcused && !this.#isDrained) this.#fail('liveness', 'not drained by the deadline, without any fault')
  }

  #fail(oracle: OracleName, message: string): never {
    fail(oracle, `${this.#name}: ${message}`)
  }

  #knownOf(token: number): Known {
    return this.#tokens.get(token) ?? this.#fail('contact', `token ${token} was never given to anybody`)
  }

  // ── Facts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #take(fact: Fact, nowMs: number): void {
    switch (fact.kind) {
      case 'assigned':
        this.#memberMs = nowMs
        this.#isPositioned = false
        this.#owned.clear()
        return
      case 'positioned':
        this.#isPositioned = true
        for (const { topic, partition, offsetNext } of fact.partitions) {
          const log = this.#world.log(topic, partition)
          this.#owned.add(log)
          this.#settledBelow.set(log, Math.max(offsetNext, this.#settledBelow.get(log) ?? 0))
          this.#knowCommitted({ topic, partition, offsetNext })
        }
        return
      case 'heartbeat':
        this.#memberMs = Math.max(this.#memberMs, nowMs - fact.ageMs)
        return
      case 'called':
        this.#called(this.#knownOf(fact.token), fact.answer, nowMs)
        return
      case 'published':
        this.#publishing -= 1
        if (this.#knownOf(fact.token).isPublishing === 'receipt') this.#reporting -= 1
        this.#knownOf(fact.token).isPublishing = false
        if (fact.stored === 'stored') this.#stored(this.#knownOf(fact.token))
        return
      case 'stopping':
        this.#isStopping = true
        return
      case 'committed':
        this.#isLastCommitOk = fact.ok
        if (fact.ok && fact.generation === this.#commitUnderWay?.generation) {
          for (const offset of this.#commitUnderWay.offsets) this.#knowCommitted(offset)
        }
        return
      case 'admitted':
      case 'decoded':
      case 'woke':
        return
      default:
        fact satisfies never
    }
  }

  #knowCommitted({ topic, partition, offsetNext }: { topic: string; partition: number; offsetNext: number }): void {
    const log = this.#world.log(topic, partition)
    this.#committedBelow.set(log, Math.max(offsetNext, this.#committedBelow.get(log) ?? 0))
  }

  #called(known: Known, answer: Answer, nowMs: number): void {
    const { record } = known
    this.#inFlight -= 1
    known.isCalling = false
    if (record.decoded.kind !== 'work') return
    const { message, channelId, organization } = record.decoded
    if (answer.kind === 'limited') {
      const untilMs = nowMs + answer.retryAfterMs
      this.#pausedUntilMs.set(organization, Math.max(untilMs, this.#pausedUntilMs.get(organization) ?? 0))
      return
    }
    known.answered.push({ answer, atMs: nowMs })
    if (answer.kind === 'unavailable') known.notBeforeMs = nowMs + (answer.retryAfterMs ?? 0)
    if (answer.kind !== 'accepted') return
    known.outcome = 'accepted'
    this.#acceptances.push({
      organization,
      lane: laneOf(record),
      channelId,
      business: message.business_id,
      atMs: nowMs,
    })
  }

  #stored(known: Known): void {
    const { record } = known
    if (record.receiptStored && (known.outcome === 'accepted' || record.deadLetterStored)) known.isSettled = true
  }

  // ── Effects ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #judge(effect: Effect, nowMs: number): void {
    switch (effect.kind) {
      case 'decode':
        for (const { token, record } of effect.records) this.#give(token, this.#world.find(record))
        return
      case 'call':
        this.#judgeCall(effect, this.#knownOf(effect.token), nowMs)
        return
      case 'publishReceipt':
        judgeReceipt(effect, this.#told(this.#knownOf(effect.token)), this.#name)
        this.#publishStarts(this.#knownOf(effect.token), 'receipt')
        this.#reporting += 1
        return
      case 'storeDeadLetter':
        judgeDeadLetter(effect, this.#told(this.#knownOf(effect.token)), this.#name)
        this.#publishStarts(this.#knownOf(effect.token), 'dead letter')
        return
      case 'tellTombstone': {
        const known = this.#known.get(this.#world.find(effect.record))
        if (known === undefined || known.record.decoded.kind !== 'tombstone') {
          this.#fail('contact', `${effect.record.offset} is told as a tombstone, which it is not`)
        }
        known.isSettled = true
        return
      }
      case 'commit':
        this.#commitUnderWay = effect
        return
      case 'pause':
      case 'resume':
      case 'wake':
      case 'tellAttempt':
      case 'tellDrained':
        return
      default:
        effect satisfies never
    }
  }

  #give(token: number, record: WorldRecord): void {
    if (this.#tokens.has(token)) this.#fail('contact', `token ${token} is used twice`)
    const known = this.#known.get(record) ?? {
      record,
      isCalling: false,
      answered: [],
      notBeforeMs: 0,
      outcome: 'none',
      isSettled: false,
      isPublishing: false,
    }
    // Admitted anew: its attempts so far were forgotten with it.
    known.answered = []
    known.notBeforeMs = 0
    // Below what was committed once a replica may forget: a late commit of another can bring the offset back.
    const log = this.#world.log(record.record.topic, record.record.partition)
    if (known.isSettled && record.record.offset >= (this.#committedBelow.get(log) ?? 0)) {
      this.#fail('L5 idempotence', `${nameOf(record)} is begun again, though it was settled here`)
    }
    if (known.isSettled) Object.assign(known, { outcome: 'none', isSettled: false })
    this.#known.set(record, known)
    this.#tokens.set(token, known)
  }

  #publishStarts(known: Known, what: 'receipt' | 'dead letter'): void {
    if (known.isPublishing) this.#fail('contact', `${nameOf(known.record)} is published twice at once`)
    known.isPublishing = what
    this.#publishing += 1
  }

  #judgeCall(call: Extract<Effect, { kind: 'call' }>, known: Known, nowMs: number): void {
    const { record } = known
    const name = nameOf(record)
    const { decoded, previous } = record
    if (decoded.kind !== 'work') this.#fail('answers', `${name} is ${decoded.kind}, and called`)
    if (
      call.message !== decoded.message ||
      call.channelId !== decoded.channelId ||
      call.organization !== decoded.organization
    ) {
      this.#fail('contact', `${name} is called with what is not its own`)
    }
    if (this.#isStopping) this.#fail('liveness', `${name} is called after the order to stop`)
    if (!this.#owned.has(this.#world.log(record.record.topic, record.record.partition))) {
      this.#fail('L2 order', `${name} is called, but its partition is another's`)
    }
    if (known.isCalling) this.#fail('L5 idempotence', `${name} is called while its last call is under way`)
    if (known.outcome !== 'none') this.#fail('L5 idempotence', `${name} is called again after it was ${known.outcome}`)
    // Below what was committed once a replica may forget: a late commit of another can bring the offset back.
    const log = this.#world.log(record.record.topic, record.record.partition)
    if (known.isSettled && record.record.offset >= (this.#committedBelow.get(log) ?? 0))
      this.#fail('L5 idempotence', `${name} is called, though known to be settled`)
    if (this.#isBelowCommitted(record))
      this.#fail('L5 idempotence', `${name} is called, though it was given an offset beyond as committed`)
    if (previous !== null && !this.#hasOutcome(previous)) {
      this.#fail('L2 order', `${name} is called before ${nameOf(previous)} of its conversation has an outcome`)
    }
    if (nowMs < (this.#pausedUntilMs.get(call.organization) ?? 0)) {
      this.#fail('answers', `${name} is called while 429 pauses ${call.organization}`)
    }
    if (nowMs < known.notBeforeMs) this.#fail('answers', `${name} is called before Retry-After has passed`)
    const silentMs = nowMs - this.#memberMs
    if (silentMs > this.#mix.core.membershipMsMax)
      this.#fail('L4 limit', `${name} is called ${silentMs} ms after the last heartbeat`)
    known.isCalling = true
    record.calls += 1
    this.#inFlight += 1
    if (this.#inFlight > this.#mix.core.inFlightMax) this.#fail('L6 bounds', `${this.#inFlight} calls in flight`)
    if (this.#reporting > this.#mix.core.reportingMax) {
      this.#fail('L6 bounds', `${name} is called with ${this.#reporting} receipts on their way into Kafka`)
    }
    if (!this.#isPositioned) this.#fail('L5 idempotence', `${name} is called before it is known what others settled`)
  }

  /** As far as this replica can know: it was told, or was given a committed offset beyond. */
  #hasOutcome(record: WorldRecord): boolean {
    const known = this.#known.get(record)
    if (known !== undefined && known.outcome !== 'none') return true
    if (known?.answered.at(-1)?.answer.kind === 'rejected') return true
    return this.#isBelowCommitted(record)
  }

  #isBelowCommitted({ record }: WorldRecord): boolean {
    return record.offset < (this.#settledBelow.get(this.#world.log(record.topic, record.partition)) ?? 0)
  }

  #storeDeadLetter({ token }: Extract<Effect, { kind: 'storeDeadLetter' }>): void {
    const known = this.#knownOf(token)
    if (known.outcome === 'accepted') this.#fail('answers', `${nameOf(known.record)} was accepted, and is put away`)
    if (known.outcome === 'none' && this.#isBelowCommitted(known.record)) {
      this.#fail(
        'L5 idempotence',
        `${nameOf(known.record)} is put away, though it was given an offset beyond as committed`,
      )
    }
    known.outcome = 'condemned'
    known.record.condemned = true
  }

  #told(known: Known): Told {
    return { ...known, acceptances: this.#acceptances, retry: this.#mix.core.retry }
  }

  // ── Bounds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #judgeBounds(fact: Fact, effects: Effect[], nowMs: number): void {
    if (fact.kind === 'woke') this.#judgeWake(effects, nowMs)
    if (fact.kind !== 'admitted' && fact.kind !== 'assigned') return
    const { core, fetchRecordsMax, brokers } = this.#mix
    const fetchMax = fetchRecordsMax * brokers
    const view = this.#dispatcher.view(nowMs)
    if (view.admitted > core.admittedMax + fetchMax) this.#fail('L6 bounds', `${view.admitted} records held`)
    if (view.admittedBytes > core.admittedBytesMax + fetchMax * largestRecordBytes)
      this.#fail('L6 bounds', `${view.admittedBytes} bytes held`)
    if (view.inFlight !== this.#inFlight)
      this.#fail('contact', `view says ${view.inFlight} in flight, there are ${this.#inFlight}`)
    for (const { topic, partition, watermark, cursor } of view.partitions) {
      const log = this.#world.log(topic, partition)
      const span = log.indexAt(cursor) - log.indexAt(watermark)
      if (span > core.spanMax + fetchMax)
        this.#fail('L6 bounds', `${log.name}: ${span} records from the oldest unsettled one`)
      if (cursor < watermark)
        this.#fail('contact', `${log.name}: reading at ${cursor}, below the watermark ${watermark}`)
    }
    if (fact.kind === 'admitted') {
      const bytes = fact.records.reduce((sum, record) => sum + recordBytes(record), 0)
      if (bytes > fact.records.length * largestRecordBytes)
        throw new Error('the world writes larger records than it says')
    }
  }

  #judgeWake(effects: Effect[], nowMs: number): void {
    if (effects.some(({ kind }) => kind !== 'wake')) return
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#idleSecond) this.#idleWakes = 0
    this.#idleSecond = second
    this.#idleWakes += 1
    if (this.#idleWakes > idleWakesMax)
      this.#fail('liveness', `woken ${this.#idleWakes} times within a second, for nothing`)
  }
}
