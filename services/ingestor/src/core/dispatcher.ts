// The core of the ingestor: facts go in with the time, effects come out. It owns the way of every record from its admission
// to its settlement, and keeps the laws of DESIGN.md:
//   L1  an offset is committed only when every record below it is settled: its receipt, and its dead letter if it has one,
//       are stored
//   L2  of one lane a message is first called only after the one before it has an outcome
//   L5  a call that may have happened is repeated with the same id; one under way when its partition comes back is adopted
//   L6  what it holds is bounded: records by `admittedMax` and `admittedBytesMax` (and one a partition), settled offsets by
//       `spanMax` and by what fits into a commit's metadata, calls by `inFlightMax`, what they bring into Kafka by
//       `reportingMax`
// There is no promise, timer, clock or chance in here; `nowMs` is monotonic. Which conversation is called next, and what an
// answer means, is in calls.ts.

import { noIds } from '@bridge/schemas/outbound-message'
import { type ConsumedRecord, recordBytes } from '@bridge/schemas/record'
import { Admission } from './admission.ts'
import { Calls, type CallsOptions } from './calls.ts'
import { CommitPace } from './commit-pace.ts'
import type { Entry } from './entry.ts'
import type { Decoded, Effect, Fact, PartitionName, Stored } from './facts.ts'
import { PartitionState, partitionKey } from './partition.ts'
import { Publishing } from './publishing.ts'
import { decodeSettled } from './settled-offsets.ts'
import { type CoreView, type HoldCause, viewOfOrganization, viewOfPartition } from './view.ts'
import { type Waiting, Waits } from './waits.ts'

export type CoreOptions = CallsOptions & {
  /** Records held, and their bytes, shared between the partitions. */
  admittedMax: number
  admittedBytesMax: number
  /** Records of one partition at or beyond its oldest unsettled one: beyond, that partition is paused. */
  spanMax: number
  /** Calls in flight and receipts on their way into Kafka: beyond, no call starts. */
  reportingMax: number
  commitIntervalMs: number
  /** No call starts when the last heartbeat or join is older. */
  membershipMsMax: number
}

export class Dispatcher {
  readonly #options: CoreOptions
  readonly #partitions = new Map<string, PartitionState>()
  readonly #entries = new Map<number, Entry>()
  readonly #admission: Admission
  readonly #commits: CommitPace
  readonly #publishing = new Publishing((effect) => this.#effects.push(effect))
  readonly #calls: Calls
  readonly #waits = new Waits()
  readonly #paused = new Set<PartitionState>()
  #effects: Effect[] = []
  #generation = 0
  #token = 0
  #decoding = 0
  #share = 0
  #memberUntilMs = Number.NEGATIVE_INFINITY
  /** Whether it is known where the partitions of this generation stand. */
  #positioned = false
  #life: 'running' | 'stopping' | 'drained' = 'running'

  constructor(options: CoreOptions) {
    this.#options = options
    this.#admission = new Admission({ records: options.admittedMax, bytes: options.admittedBytesMax })
    this.#commits = new CommitPace(options.commitIntervalMs)
    const emit = (effect: Effect) => this.#effects.push(effect)
    this.#calls = new Calls(options, this.#publishing, emit, (entry) => this.#drop(entry))
  }

  /** Takes one fact and answers what is to be done, in this order. */
  handle(fact: Fact, nowMs: number): Effect[] {
    this.#effects = []
    switch (fact.kind) {
      case 'assigned':
        this.#assign(fact, nowMs)
        break
      case 'positioned':
        this.#position(fact, nowMs)
        break
      case 'admitted':
        this.#admit(fact, nowMs)
        break
      case 'truncated': {
        const state = this.#partitions.get(partitionKey(fact.topic, fact.partition))
        if (fact.generation === this.#generation && state?.owned) this.#passDeleted(state, fact.low)
        break
      }
      case 'decoded':
        for (const { token, decoded } of fact.results) this.#decoded(token, decoded, nowMs)
        break
      case 'called': {
        const entry = this.#entries.get(fact.token)
        if (entry === undefined) throw new Error(`an answer for record ${fact.token}, which is not known`)
        this.#calls.ended(entry, fact, nowMs)
        break
      }
      case 'published':
        this.#published(fact.token, fact.stored, nowMs)
        break
      case 'committed':
        this.#committed(fact)
        break
      case 'heartbeat':
        this.#memberUntilMs = Math.max(this.#memberUntilMs, nowMs - fact.ageMs + this.#options.membershipMsMax)
        break
      case 'woke':
        break
      case 'stopping':
        if (this.#life === 'running') this.#life = 'stopping'
        break
    }
    this.#proceed(nowMs)
    return this.#effects
  }

  /** Where reading of a partition is to go on; undefined where it is not ours in this generation. */
  cursor(generation: number, { topic, partition }: PartitionName): number | undefined {
    if (generation !== this.#generation) return undefined
    const state = this.#partitions.get(partitionKey(topic, partition))
    return state?.owned ? state.ledger.cursor : undefined
  }

  /** What is held and why it waits, for metrics and logs. */
  view(nowMs: number): CoreView {
    const hold = this.#hold(nowMs)
    const { organizations, inFlight, lanes, rememberedIds } = this.#calls
    this.#waits.count(this.#waiting(nowMs), nowMs)
    return {
      admitted: this.#admission.total.records,
      admittedBytes: this.#admission.total.bytes,
      inFlight,
      publishing: this.#publishing.count,
      lanes,
      rememberedIds,
      organizations: organizations.map((organization) => viewOfOrganization(organization, nowMs)),
      suspensions: organizations.flatMap((organization) => organization.suspensions(nowMs)),
      shareAssigned: this.#share,
      waitedSeconds: this.#waits.seconds,
      partitions: [...this.#partitions.values()]
        .filter((state) => state.owned)
        .map((state) => viewOfPartition(state, hold, nowMs)),
    }
  }

  // ── Assignment ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #assign(
    { generation, partitions, share, shareUnit, ageMs = 0 }: Extract<Fact, { kind: 'assigned' }>,
    nowMs: number,
  ): void {
    // Silent for too long, it may have been out of the group: others may have used the limit meanwhile.
    const hadLapsed = nowMs >= this.#memberUntilMs
    this.#generation = generation
    this.#memberUntilMs = nowMs - ageMs + this.#options.membershipMsMax
    this.#positioned = false
    this.#share = share
    for (const { limiter } of this.#calls.organizations) {
      if (hadLapsed) limiter.assign(0, nowMs)
      limiter.assign(share, nowMs, shareUnit)
    }
    this.#commits.assigned()
    const given = new Set(partitions.map((name) => partitionKey(name.topic, name.partition)))
    for (const [key, state] of this.#partitions) if (!given.has(key)) this.#lose(state)
    this.#calls.sweep()
    if (partitions.length === 0) for (const organization of this.#calls.organizations) organization.standBy(nowMs)
  }

  #position({ generation, partitions }: Extract<Fact, { kind: 'positioned' }>, nowMs: number): void {
    if (generation !== this.#generation) return
    this.#positioned = true
    for (const { topic, partition, offsetNext, metadata, low, end } of partitions) {
      const key = partitionKey(topic, partition)
      let state = this.#partitions.get(key)
      const kept = state?.owned ?? false
      if (state === undefined || end < state.ledger.cursor) {
        // Where the log ends before what was read of it, it is another log: the topic was made anew, or cut.
        if (state !== undefined) this.#lose(state)
        state = new PartitionState(topic, partition, offsetNext, nowMs)
        this.#partitions.set(key, state)
      }
      state.ledger.resume(offsetNext, decodeSettled(metadata, offsetNext), kept)
      this.#passDeleted(state, low)
      state.owned = true
      state.paused = null
      this.#paused.delete(state)
      state.committed = offsetNext
      if (!kept) state.movedMs = nowMs
      this.#settleSomething(state)
      // What others committed while we did not own it is settled: those of it that have not begun are not called again.
      const { ledger } = state
      this.#letGo(state, (offset) => ledger.isSettled(offset))
    }
    this.#calls.sweep()
    for (const state of this.#partitions.values()) this.#holdBackFull(state)
  }

  /** The log begins at `low` now. What is held of what was before is still sent. */
  #passDeleted(state: PartitionState, low: number): void {
    const { topic, partition, ledger } = state
    const count = ledger.passDeleted(low)
    if (count > 0) this.#effects.push({ kind: 'tellDeleted', topic, partition, count })
    if (ledger.watermark > state.committed) this.#settleSomething(state)
  }

  /** Another replica answers for a partition now. What is under way ends here; what is settled is known for its return. */
  #lose(state: PartitionState): void {
    state.owned = false
    state.paused = null
    this.#paused.delete(state)
    this.#letGo(state, () => true)
    this.#forgetPartition(state)
  }

  #forgetPartition(state: PartitionState): void {
    if (state.owned || state.entries.size > 0 || state.ledger.knowsBeyond(state.committed)) return
    const key = partitionKey(state.topic, state.partition)
    if (this.#partitions.get(key) === state) this.#partitions.delete(key)
  }

  /** Forgets records that are not under way: another replica answers for them now, or has settled them. */
  #letGo(state: PartitionState, isAnothers: (offset: number) => boolean): void {
    const entries = [...state.entries.values()].filter(
      (entry) => isAnothers(entry.record.offset) && !this.#calls.isUnderWay(entry),
    )
    if (entries.length > 0) this.#calls.giveUp(entries)
  }

  // ── Admission ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #admit(
    { generation, topic, partition, records, offsetNext }: Extract<Fact, { kind: 'admitted' }>,
    nowMs: number,
  ): void {
    const state = this.#partitions.get(partitionKey(topic, partition))
    if (generation !== this.#generation || !state?.owned) return
    const { ledger } = state
    if (state.entries.size === 0) state.movedMs = nowMs
    const decoding: { token: number; record: ConsumedRecord }[] = []
    let full: 'room' | 'span' | null = null
    for (const record of records) {
      full = this.#take(state, record, decoding)
      if (full === null) continue
      this.#pause(state, { why: full, offset: record.offset, bytes: recordBytes(record) })
      break
    }
    if (full === null) ledger.readTo(offsetNext)
    // What was settled before it was read again moves the watermark here, and so does a gap.
    if (ledger.watermark > state.committed) this.#settleSomething(state)
    if (decoding.length > 0) this.#effects.push({ kind: 'decode', records: decoding })
  }

  /** Takes in the record at the cursor. @returns why there is no room for it, if there is none */
  #take(
    state: PartitionState,
    record: ConsumedRecord,
    decoding: { token: number; record: ConsumedRecord }[],
  ): 'room' | 'span' | null {
    const { ledger, held, entries } = state
    if (!state.maySpan(record.offset, this.#options.spanMax)) return 'span'
    // One that is under way since an earlier assignment is adopted: its end settles it here (L5).
    if (ledger.isSettledAhead(record.offset) || entries.has(record.offset)) {
      ledger.admit(record.offset)
      return null
    }
    const bytes = recordBytes(record)
    if (!this.#admission.take(held, bytes)) return 'room'
    ledger.admit(record.offset)
    this.#token += 1
    const entry: Entry = { token: this.#token, partition: state, record, bytes, stage: { kind: 'decoding' } }
    entries.set(record.offset, entry)
    this.#entries.set(entry.token, entry)
    this.#decoding += 1
    decoding.push({ token: entry.token, record })
    return null
  }

  #decoded(token: number, decoded: Decoded, nowMs: number): void {
    const entry = this.#entries.get(token)
    if (entry?.stage.kind !== 'decoding') return
    const { record } = entry
    this.#decoding -= 1
    switch (decoded.kind) {
      case 'tombstone':
        this.#effects.push({ kind: 'tellTombstone', record })
        this.#settle(entry, nowMs)
        return
      case 'poison':
        this.#storePoison(entry, decoded)
        return
      case 'work':
        this.#calls.queue(entry, decoded)
        return
    }
  }

  #storePoison(entry: Entry, { reason, detail, ids }: Extract<Decoded, { kind: 'poison' }>): void {
    const { topic, partition, offset } = entry.record
    const never = { httpStatus: null, response: null, attempts: 0, firstAttemptAt: null, lastAttemptAt: null }
    this.#publishing.store(
      entry,
      { reason, detail, ...never },
      {
        ...noIds,
        ...ids,
        status: 'rejected',
        reason,
        at: null,
        attempts: 0,
        http_status: null,
        source: { topic, partition, offset },
        partoo: null,
      },
    )
  }

  // ── Settlement ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #published(token: number, stored: Stored, nowMs: number): void {
    const entry = this.#entries.get(token)
    if (entry === undefined) throw new Error(`publication of record ${token} ended, which is not known`)
    if (this.#publishing.ended(entry, stored, nowMs) === 'done') this.#settle(entry, nowMs)
  }

  #settle(entry: Entry, nowMs: number): void {
    const state = entry.partition
    const before = state.ledger.watermark
    state.ledger.settle(entry.record.offset)
    if (state.ledger.watermark !== before) state.movedMs = nowMs
    this.#settleSomething(state)
    this.#forget(entry)
  }

  #settleSomething(state: PartitionState): void {
    state.isCommitDue = true
    this.#commits.settled()
  }

  /** A record that another replica answers for. */
  #drop(entry: Entry): void {
    if (entry.stage.kind === 'decoding') this.#decoding -= 1
    this.#forget(entry)
  }

  #forget(entry: Entry): void {
    const state = entry.partition
    this.#entries.delete(entry.token)
    state.entries.delete(entry.record.offset)
    this.#admission.give(state.held, entry.bytes)
    this.#forgetPartition(state)
  }

  // ── After every fact ───────────────────────────────────────────────────────────────────────────────────────────────

  #proceed(nowMs: number): void {
    this.#publishing.repeat(nowMs)
    const callMs = this.#calls.start(() => this.#hold(nowMs), nowMs)
    this.#holdBack()
    this.#commit(nowMs)
    if (this.#life === 'stopping' && this.#isIdle && !this.#commits.busy) {
      this.#life = 'drained'
      this.#effects.push({ kind: 'tellDrained' })
    }
    if (this.#waits.isDue(nowMs)) this.#waits.count(this.#waiting(nowMs), nowMs)
    const atMs = Math.min(callMs, this.#publishing.nextMs, this.#commits.dueMs)
    if (atMs !== Number.POSITIVE_INFINITY) this.#effects.push({ kind: 'wake', atMs })
  }

  get #isIdle(): boolean {
    return this.#calls.inFlight === 0 && this.#publishing.count === 0
  }

  /** Why no call may start, whosever turn it is; null where one may. */
  #hold(nowMs: number): HoldCause | null {
    const { inFlightMax, reportingMax } = this.#options
    const { inFlight } = this.#calls
    if (this.#life !== 'running') return 'stopping'
    if (!this.#positioned || nowMs >= this.#memberUntilMs) return 'membership'
    if (inFlight >= inFlightMax) return 'in-flight'
    return inFlight + this.#publishing.receipts >= reportingMax ? 'kafka' : null
  }

  #waiting(nowMs: number): Waiting {
    const hold = this.#hold(nowMs)
    const waiting: Waiting = {
      kafka: this.#publishing.repeating,
      order: Math.max(0, this.#calls.queued - this.#calls.lanes),
      'back-pressure': 0,
    }
    for (const { paused } of this.#paused)
      if (paused?.why !== 'stopping') waiting['back-pressure'] = (waiting['back-pressure'] ?? 0) + 1
    for (const organization of this.#calls.organizations) {
      organization.countWaiting(waiting, hold === 'stopping' ? null : hold, nowMs)
    }
    return waiting
  }

  // ── Back-pressure ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Resumes partitions that have room again, all paused when the end has come. */
  #holdBack(): void {
    if (this.#life !== 'running') {
      for (const state of this.#partitions.values()) if (state.owned) this.#pause(state, { why: 'stopping' })
      return
    }
    if (this.#paused.size === 0) return
    const resumed = [...this.#paused].filter((state) => this.#mayResume(state))
    for (const state of resumed) {
      state.paused = null
      this.#paused.delete(state)
    }
    if (resumed.length > 0) this.#effects.push({ kind: 'resume', partitions: resumed.map(nameOf) })
  }

  /** A partition that begins anew may be full of what it kept. */
  #holdBackFull(state: PartitionState): void {
    if (!state.owned) return
    const offset = state.ledger.cursor
    if (!this.#admission.mayResume(state.held, 0)) this.#pause(state, { why: 'room', offset, bytes: 0 })
    else if (!state.maySpan(offset, this.#options.spanMax)) this.#pause(state, { why: 'span', offset, bytes: 0 })
  }

  #mayResume(state: PartitionState): boolean {
    const { paused, held } = state
    if (paused === null || paused.why === 'stopping') return false
    if (!this.#admission.mayResume(held, paused.bytes)) return false
    return paused.why !== 'span' || state.mayResumeSpan(this.#options.spanMax, paused.offset)
  }

  #pause(state: PartitionState, paused: NonNullable<PartitionState['paused']>): void {
    const wasPaused = state.paused !== null
    state.paused = paused
    this.#paused.add(state)
    if (!wasPaused) this.#effects.push({ kind: 'pause', partitions: [nameOf(state)] })
  }

  // ── Commits ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #commit(nowMs: number): void {
    const drained = this.#life === 'stopping' && this.#isIdle
    if (!this.#commits.isDue(nowMs, drained)) return
    const due = [...this.#partitions.values()].filter((state) => state.owned && state.isCommitDue)
    if (!this.#positioned || due.length === 0) {
      this.#commits.nothing()
      return
    }
    const offsets = due.map(({ topic, partition, ledger }) => ({
      topic,
      partition,
      offsetNext: ledger.watermark,
      metadata: ledger.metadata(),
    }))
    for (const state of due) state.isCommitDue = false
    this.#commits.started(offsets, nowMs)
    this.#effects.push({ kind: 'commit', generation: this.#generation, offsets })
  }

  #committed({ generation, ok }: Extract<Fact, { kind: 'committed' }>): void {
    if (generation !== this.#generation) return
    const hasNews = [...this.#partitions.values()].some(({ owned, isCommitDue }) => owned && isCommitDue)
    for (const { topic, partition, offsetNext } of this.#commits.ended(ok)) {
      const state = this.#partitions.get(partitionKey(topic, partition))
      if (state === undefined) continue
      if (ok) state.committed = offsetNext
      else state.isCommitDue = true
    }
    // While stopping one attempt is enough: what is not committed is repeated by the next owner, under the same id.
    if (!ok && this.#life === 'stopping' && !hasNews) this.#commits.nothing()
  }
}

function nameOf({ topic, partition }: PartitionName): PartitionName {
  return { topic, partition }
}
