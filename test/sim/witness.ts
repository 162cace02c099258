// Sees every fact that goes into one replica's core and every effect that comes out, and judges them by what this replica
// has been told: order and idempotence of calls here; what is settled, what is suspended, repeated ids, shares and bounds in
// watches of their own. One witness a process; what all replicas together must keep is judged by the models of Partoo, Kafka and the group.

import type { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Effect, Fact, PartitionCommit } from '@bridge/ingestor/core/facts'
import type { Answer } from '@bridge/partoo/answer'
import { type Acceptance, judgeDeadLetter, judgeReceipt, laneOf, type Told } from './answer-table.ts'
import { BoundsWatch } from './bounds-watch.ts'
import { fail, type OracleName } from './failure.ts'
import type { Position } from './group.ts'
import { IdWatch } from './id-watch.ts'
import type { Mix } from './mix.ts'
import { nameOf } from './partoo-model.ts'
import { SettledWatch } from './settled-watch.ts'
import { ShareWatch } from './share-watch.ts'
import { SuspensionWatch } from './suspension-watch.ts'
import { isSettled, type PartitionLog, type World, type WorldRecord } from './world.ts'

/** What one replica has been told of one record. */
type Known = {
  record: WorldRecord
  isDecoded: boolean
  isCalling: boolean
  /** Calls answered otherwise than with 429, with the time. */
  answered: { answer: Answer; atMs: number }[]
  notBeforeMs: number
  outcome: 'none' | 'accepted' | 'condemned'
  isSettled: boolean
  isPublishing: 'receipt' | 'dead letter' | false
}

export class Witness {
  readonly #name: string
  readonly #mix: Mix
  readonly #world: World
  readonly #dispatcher: Dispatcher
  readonly #tokens = new Map<number, Known>()
  readonly #known = new Map<WorldRecord, Known>()
  readonly #settled: SettledWatch
  readonly #suspensions: SuspensionWatch
  readonly #ids: IdWatch
  readonly #shares: ShareWatch
  readonly #bounds: BoundsWatch
  readonly #owned = new Set<PartitionLog>()
  #isPositioned = false
  readonly #pausedUntilMs = new Map<string, number>()
  readonly #acceptances: Acceptance[] = []
  #memberMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  #publishing = 0
  #reporting = 0
  #isStopping = false
  #isDrained = false
  #isLastCommitOk = true

  constructor(name: string, mix: Mix, world: World, dispatcher: Dispatcher, isPaused: (log: PartitionLog) => boolean) {
    this.#name = name
    this.#mix = mix
    this.#world = world
    this.#dispatcher = dispatcher
    this.#settled = new SettledWatch(world, dispatcher)
    this.#suspensions = new SuspensionWatch(name)
    this.#ids = new IdWatch(name, world, mix.core.rememberedIdsMax)
    this.#shares = new ShareWatch(name, mix)
    this.#bounds = new BoundsWatch(name, mix, world, dispatcher, isPaused)
  }

  recordOf(token: number): WorldRecord {
    return this.#knownOf(token).record
  }

  /** Judges one step of the core. */
  handled(fact: Fact, effects: Effect[], nowMs: number): void {
    this.#take(fact, nowMs)
    // What is put away has its outcome, wherever in the list it is told.
    for (const effect of effects) if (effect.kind === 'storeDeadLetter') this.#storeDeadLetter(effect, nowMs)
    for (const effect of effects) this.#judge(effect, nowMs)
    this.#suspensions.judgeTold(effects)
    this.#bounds.handled(fact, effects, this.#inFlight, nowMs)
    if (fact.kind === 'heartbeat' && !this.#isStopping && this.#isPositioned) this.#judgeRest(nowMs)
  }

  /** What the commits say that this replica begins with. */
  handedOver(positions: Position[]): void {
    this.#settled.handedOver(positions)
  }

  /** What a commit can be expected to say beyond its offset. */
  settledBeyond(commit: PartitionCommit): WorldRecord[] {
    return this.#settled.settledBeyond(commit)
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
        this.#assigned(fact, nowMs)
        return
      case 'positioned':
        this.#isPositioned = true
        for (const { topic, partition } of fact.partitions) this.#owned.add(this.#world.log(topic, partition))
        return
      case 'heartbeat':
        this.#memberMs = Math.max(this.#memberMs, nowMs - fact.ageMs)
        return
      case 'called':
        this.#called(fact.token, fact.answer, nowMs)
        return
      case 'published':
        this.#published(this.#knownOf(fact.token), fact.stored === 'stored')
        return
      case 'stopping':
        this.#isStopping = true
        return
      case 'committed':
        this.#isLastCommitOk = fact.ok
        this.#settled.committed(fact)
        return
      case 'decoded':
        for (const { token } of fact.results) this.#knownOf(token).isDecoded = true
        return
      case 'admitted':
      case 'truncated':
      case 'woke':
        return
      default:
        fact satisfies never
    }
  }

  #assigned(fact: Extract<Fact, { kind: 'assigned' }>, nowMs: number): void {
    this.#memberMs = nowMs
    this.#isPositioned = false
    this.#owned.clear()
    this.#settled.assigned(fact)
    if (fact.partitions.length === 0) this.#suspensions.standsBy()
    const given = new Set(fact.partitions.map(({ topic, partition }) => this.#world.log(topic, partition)))
    for (const known of this.#known.values()) if (!given.has(this.#logOf(known.record))) known.isDecoded = false
  }

  #called(token: number, answer: Answer, nowMs: number): void {
    const known = this.#knownOf(token)
    const { record } = known
    this.#inFlight -= 1
    known.isCalling = false
    if (record.decoded.kind !== 'work') return
    const { message, channelId, organization } = record.decoded
    this.#suspensions.ended(token, answer, nowMs)
    this.#shares.ended(record, organization, answer.kind === 'unavailable' && answer.timedOut)
    if (answer.kind === 'limited') {
      const untilMs = nowMs + answer.retryAfterMs
      this.#pausedUntilMs.set(organization, Math.max(untilMs, this.#pausedUntilMs.get(organization) ?? 0))
      return
    }
    known.answered.push({ answer, atMs: nowMs })
    if (answer.kind === 'unavailable') known.notBeforeMs = nowMs + (answer.retryAfterMs ?? 0)
    if (answer.kind !== 'accepted') return
    this.#hasNowOutcome(known, 'accepted')
    this.#ids.accepted(record)
    this.#acceptances.push({
      organization,
      lane: laneOf(record),
      channelId,
      business: message.business_id,
      atMs: nowMs,
    })
  }

  #published(known: Known, isStored: boolean): void {
    const isReceipt = known.isPublishing === 'receipt'
    known.isPublishing = false
    this.#publishing -= 1
    if (isReceipt) this.#reporting -= 1
    if (isReceipt && isStored && isSettled(known.record)) this.#settle(known)
  }

  #settle(known: Known): void {
    known.isSettled = true
    if (this.#owned.has(this.#logOf(known.record))) this.#settled.settled(known)
  }

  #hasNowOutcome(known: Known, outcome: 'accepted' | 'condemned'): void {
    known.outcome = outcome
    this.#shares.forget(known.record)
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
        this.#publishReceipt(effect, this.#knownOf(effect.token))
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
        this.#settle(known)
        return
      }
      case 'tellDeleted':
        this.#fail('contact', `${effect.count} offsets of ${effect.topic} are told as deleted, which none is`)
        return
      case 'commit':
        this.#settled.commits(effect)
        return
      case 'pause':
      case 'resume':
      case 'wake':
      case 'tellAttempt':
      case 'tellSuspension':
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
      isDecoded: false,
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
    known.isDecoded = false
    if (known.isSettled && !this.#settled.mayBeForgotten(record))
      this.#fail('L5 idempotence', `${nameOf(record)} is begun again, though it was settled here`)
    if (this.#settled.isTold(record))
      this.#fail('L5 idempotence', `${nameOf(record)} is begun again, though the commit says that it is settled`)
    if (known.isSettled) Object.assign(known, { outcome: 'none', isSettled: false })
    this.#shares.forget(record)
    this.#known.set(record, known)
    this.#tokens.set(token, known)
  }

  #publishReceipt(effect: Extract<Effect, { kind: 'publishReceipt' }>, known: Known): void {
    const { receipt } = effect
    judgeReceipt(effect, this.#told(known), this.#name)
    this.#ids.judgeReceipt(receipt, known.record, known.answered.length)
    if (receipt.status === 'duplicate') {
      if (known.isCalling) this.#fail('answers', `${nameOf(known.record)} is told a duplicate while it is called`)
      known.record.accepted = true
      this.#hasNowOutcome(known, 'accepted')
    }
    this.#publishStarts(known, 'receipt')
    this.#reporting += 1
  }

  #publishStarts(known: Known, what: 'receipt' | 'dead letter'): void {
    if (known.isPublishing) this.#fail('contact', `${nameOf(known.record)} is published twice at once`)
    known.isPublishing = what
    this.#publishing += 1
  }

  #judgeCall(call: Extract<Effect, { kind: 'call' }>, known: Known, nowMs: number): void {
    const { record } = known
    const name = nameOf(record)
    const { decoded } = record
    if (decoded.kind !== 'work') this.#fail('answers', `${name} is ${decoded.kind}, and called`)
    if (
      call.message !== decoded.message ||
      call.channelId !== decoded.channelId ||
      call.organization !== decoded.organization
    ) {
      this.#fail('contact', `${name} is called with what is not its own`)
    }
    this.#judgeTurn(known)
    this.#judgeTime(call, known, nowMs)
    this.#ids.judgeCall(record)
    this.#suspensions.started(call.token, record, nowMs)
    this.#shares.started(record, call.organization)
    known.isCalling = true
    record.calls += 1
    this.#inFlight += 1
    if (this.#inFlight > this.#mix.core.inFlightMax) this.#fail('L6 bounds', `${this.#inFlight} calls in flight`)
    if (this.#reporting > this.#mix.core.reportingMax) {
      this.#fail('L6 bounds', `${name} is called with ${this.#reporting} receipts on their way into Kafka`)
    }
  }

  /** Laws L2 and L5: it is its turn, and it has no outcome that this replica could know. */
  #judgeTurn({ record, isCalling, outcome, isSettled }: Known): void {
    const name = nameOf(record)
    if (!this.#owned.has(this.#logOf(record)))
      this.#fail('L2 order', `${name} is called, but its partition is another's`)
    if (isCalling) this.#fail('L5 idempotence', `${name} is called while its last call is under way`)
    if (outcome !== 'none') this.#fail('L5 idempotence', `${name} is called again after it was ${outcome}`)
    if (isSettled && !this.#settled.mayBeForgotten(record))
      this.#fail('L5 idempotence', `${name} is called, though known to be settled`)
    if (this.#settled.isBelowCommitted(record))
      this.#fail('L5 idempotence', `${name} is called, though it was given an offset beyond as committed`)
    if (this.#settled.isTold(record))
      this.#fail('L5 idempotence', `${name} is called, though the commit says that it is settled`)
    if (!this.#isPositioned) this.#fail('L5 idempotence', `${name} is called before it is known what others settled`)
    const { previous } = record
    if (previous !== null && !this.#hasOutcome(previous))
      this.#fail('L2 order', `${name} is called before ${nameOf(previous)} of its conversation has an outcome`)
  }

  #judgeTime(call: Extract<Effect, { kind: 'call' }>, { record, notBeforeMs }: Known, nowMs: number): void {
    const name = nameOf(record)
    if (this.#isStopping) this.#fail('liveness', `${name} is called after the order to stop`)
    if (nowMs < (this.#pausedUntilMs.get(call.organization) ?? 0))
      this.#fail('answers', `${name} is called while 429 pauses ${call.organization}`)
    if (nowMs < notBeforeMs) this.#fail('answers', `${name} is called before Retry-After has passed`)
    const silentMs = nowMs - this.#memberMs
    if (silentMs > this.#mix.core.membershipMsMax)
      this.#fail('L4 limit', `${name} is called ${silentMs} ms after the last heartbeat`)
  }

  /** As far as this replica can know: it was told, or was given a commit that says so. */
  #hasOutcome(record: WorldRecord): boolean {
    if (isSettled(record)) return true
    const known = this.#known.get(record)
    if (known !== undefined && known.outcome !== 'none') return true
    return this.#settled.isBelowCommitted(record)
  }

  #logOf({ record }: WorldRecord): PartitionLog {
    return this.#world.log(record.topic, record.partition)
  }

  #storeDeadLetter({ token, cause }: Extract<Effect, { kind: 'storeDeadLetter' }>, nowMs: number): void {
    const known = this.#knownOf(token)
    if (known.outcome === 'accepted') this.#fail('answers', `${nameOf(known.record)} was accepted, and is put away`)
    if (known.outcome === 'none' && this.#settled.isBelowCommitted(known.record)) {
      this.#fail(
        'L5 idempotence',
        `${nameOf(known.record)} is put away, though it was given an offset beyond as committed`,
      )
    }
    if (known.outcome === 'none' && cause.reason === 'rejected') this.#suspensions.judgeRejected(known.record, nowMs)
    this.#hasNowOutcome(known, 'condemned')
    known.record.condemned = true
  }

  #told(known: Known): Told {
    return { ...known, acceptances: this.#acceptances, retry: this.#mix.core.retry }
  }

  // ── Now and then ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** While it is a member with nothing in its way: nothing waits without a reason. */
  #judgeRest(nowMs: number): void {
    this.#bounds.judgeRest(this.#owned, nowMs)
    const { inFlightMax, reportingMax } = this.#mix.core
    const isFull = this.#inFlight >= inFlightMax || this.#inFlight + this.#reporting >= reportingMax
    this.#suspensions.judgeProbes(
      nowMs,
      (organization) =>
        isFull || this.#shares.isFull(organization) || nowMs < (this.#pausedUntilMs.get(organization) ?? 0),
      () => this.#waiting(),
    )
  }

  /** Records that have been decoded, and are to be called. */
  *#waiting(): Iterable<WorldRecord> {
    for (const { record, isDecoded, outcome, isCalling } of this.#known.values()) {
      if (isDecoded && record.decoded.kind === 'work' && outcome === 'none' && !isCalling) yield record
    }
  }
}
