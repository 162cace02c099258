// The core of the ingestor: facts go in with the time, effects come out. It owns the way of every record from its admission
// to its settlement, and keeps the laws of DESIGN.md:
//   L1  an offset is committed only when every record below it is settled: its receipt, and its dead letter if it has one,
//       are stored
//   L2  of one lane a message is first called only after the one before it has an outcome
//   L5  a call that may have happened is repeated with the same id; one under way when its partition comes back is adopted
//   L6  what it holds is bounded: records by `admittedMax` and `admittedBytesMax` (plus one fetch), settled offsets by
//       `spanMax`, calls by `inFlightMax`, what they bring into Kafka by `reportingMax`
// There is no promise, timer, clock or chance in here; `nowMs` is monotonic.

import type { Answer } from '@bridge/partoo/answer'
import { noIds } from '@bridge/schemas/outbound-message'
import { type ConsumedRecord, recordBytes } from '@bridge/schemas/record'
import { CommitPace } from './commit-pace.ts'
import type { Entry } from './entry.ts'
import type { AttemptNext, Decoded, Effect, Fact, PartitionName, ReceiptDraft, Stored } from './facts.ts'
import { Lane, laneKey } from './lane.ts'
import { Organization } from './organization.ts'
import { countAttempt, decide, noAttempts, type Outcome } from './outcome.ts'
import { PartitionState, partitionKey } from './partition.ts'
import { Publishing } from './publishing.ts'
import type { RetryPolicy } from './retry.ts'
import { type CoreView, type HoldCause, viewOfOrganization, viewOfPartition } from './view.ts'

export type CoreOptions = {
  organizations: { name: string; limitPerMinute: number }[]
  burst: number
  inFlightMax: number
  /** Records held, and their bytes: beyond, partitions are paused until a tenth of it is free. */
  admittedMax: number
  admittedBytesMax: number
  /** Records of one partition at or beyond its oldest unsettled one: beyond, that partition is paused. */
  spanMax: number
  /** Calls in flight and receipts on their way into Kafka: beyond, no call starts. */
  reportingMax: number
  commitIntervalMs: number
  retry: RetryPolicy
  /** No call starts when the last heartbeat or join is older. */
  membershipMsMax: number
  random: () => number
}

/** Paused for a bound, resumed below this share of it: high, so that what is stuck does not keep the rest waiting. */
const resumeShare = 0.9

export class Dispatcher {
  readonly #options: CoreOptions
  readonly #organizations = new Map<string, Organization>()
  readonly #partitions = new Map<string, PartitionState>()
  readonly #lanes = new Map<string, Lane>()
  readonly #entries = new Map<number, Entry>()
  readonly #commits: CommitPace
  readonly #publishing = new Publishing((effect) => this.#effects.push(effect))
  #effects: Effect[] = []
  #generation = 0
  #token = 0
  #admitted = 0
  #admittedBytes = 0
  #inFlight = 0
  #memberUntilMs = Number.NEGATIVE_INFINITY
  /** Whether it is known where the partitions of this generation stand. */
  #positioned = false
  #full = false
  #life: 'running' | 'stopping' | 'drained' = 'running'
  #firstOrganization = 0

  constructor(options: CoreOptions) {
    this.#options = options
    this.#commits = new CommitPace(options.commitIntervalMs)
    for (const { name, limitPerMinute } of options.organizations) {
      const burst = limitPerMinute === 0 ? options.burst : Math.min(options.burst, Math.max(1, limitPerMinute >> 1))
      this.#organizations.set(name, new Organization(name, { limitPerMinute, burst }))
    }
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
      case 'decoded':
        for (const { token, decoded } of fact.results) this.#decoded(token, decoded, nowMs)
        break
      case 'called':
        this.#called(fact, nowMs)
        break
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
    return {
      admitted: this.#admitted,
      admittedBytes: this.#admittedBytes,
      inFlight: this.#inFlight,
      publishing: this.#publishing.count,
      lanes: this.#lanes.size,
      organizations: [...this.#organizations.values()].map((organization) => viewOfOrganization(organization, nowMs)),
      partitions: [...this.#partitions.values()]
        .filter((state) => state.owned)
        .map((state) => viewOfPartition(state, hold, nowMs)),
    }
  }

  // ── Assignment and admission ───────────────────────────────────────────────────────────────────────────────────────

  #assign({ generation, partitions }: Extract<Fact, { kind: 'assigned' }>, nowMs: number): void {
    this.#generation = generation
    this.#memberUntilMs = nowMs + this.#options.membershipMsMax
    this.#positioned = false
    this.#commits.assigned()
    const given = new Set(partitions.map((name) => partitionKey(name.topic, name.partition)))
    for (const [key, state] of this.#partitions) if (!given.has(key)) this.#lose(state)
  }

  #position({ generation, partitions }: Extract<Fact, { kind: 'positioned' }>, nowMs: number): void {
    if (generation !== this.#generation) return
    this.#positioned = true
    for (const { topic, partition, offsetNext, end } of partitions) {
      const key = partitionKey(topic, partition)
      const known = this.#partitions.get(key)
      if (known === undefined || end < known.ledger.cursor) {
        // Where the log ends before what was read of it, it is another log: the topic was made anew, or cut.
        if (known !== undefined) this.#lose(known)
        this.#partitions.set(key, new PartitionState(topic, partition, offsetNext, nowMs))
        continue
      }
      known.ledger.resume(offsetNext, known.owned)
      known.owned = true
      known.paused = false
      known.committed = offsetNext
      known.movedMs = nowMs
      // What others committed while we did not own it is settled: those of it that have not begun are not called again.
      this.#letGo(known, known.ledger.watermark)
    }
    this.#commits.settled()
  }

  /** Another replica answers for a partition now. What is under way ends here; what is settled is known for its return. */
  #lose(state: PartitionState): void {
    state.owned = false
    this.#letGo(state, Number.POSITIVE_INFINITY)
    this.#forgetPartition(state)
  }

  #forgetPartition(state: PartitionState): void {
    if (state.owned || state.entries.size > 0 || state.ledger.knowsBeyond(state.committed)) return
    const key = partitionKey(state.topic, state.partition)
    if (this.#partitions.get(key) === state) this.#partitions.delete(key)
  }

  /** Forgets records below `offset` that are not under way: another replica answers for them now. */
  #letGo(state: PartitionState, offset: number): void {
    const lanes = new Set<Lane>()
    for (const entry of state.entries.values()) {
      if (entry.record.offset >= offset || this.#isUnderWay(entry)) continue
      if (entry.stage.kind === 'inLane') lanes.add(entry.stage.lane)
      this.#drop(entry)
    }
    for (const lane of lanes) {
      lane.queue.filter((entry) => this.#entries.has(entry.token))
      if (lane.state.kind !== 'calling' && lane.queue.length === 0) this.#forgetLane(lane)
    }
  }

  #isUnderWay({ stage }: Entry): boolean {
    if (stage.kind === 'decoding') return false
    return stage.kind !== 'inLane' || (stage.lane.state.kind === 'calling' && stage.lane.queue.first?.stage === stage)
  }

  #admit(
    { generation, topic, partition, records, offsetNext }: Extract<Fact, { kind: 'admitted' }>,
    nowMs: number,
  ): void {
    const state = this.#partitions.get(partitionKey(topic, partition))
    if (generation !== this.#generation || !state?.owned) return
    const open = state.ledger.admit(
      records.map((record) => record.offset),
      offsetNext,
    )
    // What was settled before it was read again moves the watermark here, and so does a gap.
    if (state.ledger.watermark > state.committed) this.#commits.settled()
    if (state.entries.size === 0) state.movedMs = nowMs
    const decoding: { token: number; record: ConsumedRecord }[] = []
    records.forEach((record, i) => {
      // One that is under way since an earlier assignment is adopted: its end settles it here (L5).
      if (!open[i] || state.entries.has(record.offset)) return
      this.#token += 1
      const entry: Entry = {
        token: this.#token,
        partition: state,
        record,
        bytes: recordBytes(record),
        stage: { kind: 'decoding' },
      }
      state.entries.set(record.offset, entry)
      this.#entries.set(entry.token, entry)
      this.#admitted += 1
      this.#admittedBytes += entry.bytes
      decoding.push({ token: entry.token, record })
    })
    if (decoding.length > 0) this.#effects.push({ kind: 'decode', records: decoding })
  }

  #decoded(token: number, decoded: Decoded, nowMs: number): void {
    const entry = this.#entries.get(token)
    if (entry?.stage.kind !== 'decoding') return
    const { record } = entry
    switch (decoded.kind) {
      case 'tombstone':
        this.#effects.push({ kind: 'tellTombstone', record })
        this.#settle(entry, nowMs)
        return
      case 'poison': {
        const { reason, detail, ids } = decoded
        const cause = {
          reason,
          detail,
          httpStatus: null,
          response: null,
          attempts: 0,
          firstAttemptAt: null,
          lastAttemptAt: null,
        }
        const receipt = {
          ...noIds,
          ...ids,
          status: 'rejected',
          reason,
          at: null,
          attempts: 0,
          http_status: null,
        } as const
        this.#publishing.store(entry, cause, { ...receipt, source: sourceOf(record), partoo: null })
        return
      }
      case 'work': {
        const { message, channelId } = decoded
        const organization = this.#organizations.get(decoded.organization)
        if (organization === undefined)
          throw new Error(`decoded for an organization that is not configured: ${decoded.organization}`)
        const lane = this.#laneOf(record, channelId, message.external_conversation_id, organization)
        entry.stage = { kind: 'inLane', lane, message, attempts: noAttempts }
        lane.queue.push(entry)
        if (lane.state.kind === 'idle') organization.ready(lane)
        return
      }
    }
  }

  #laneOf(record: ConsumedRecord, channelId: string, conversationId: string, organization: Organization): Lane {
    const key = laneKey(record.topic, record.partition, channelId, conversationId)
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane = new Lane(key, organization, channelId, conversationId)
    this.#lanes.set(key, lane)
    return lane
  }

  #forgetLane(lane: Lane): void {
    lane.state = { kind: 'idle' }
    this.#lanes.delete(lane.key)
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #startCalls(nowMs: number): number {
    const organizations = [...this.#organizations.values()]
    let wakeMs = Number.POSITIVE_INFINITY
    for (let i = 0; i < organizations.length; i += 1) {
      const organization = organizations[(this.#firstOrganization + i) % organizations.length] as Organization
      while (this.#hold(nowMs) === null) {
        const next = organization.next(nowMs)
        if (next.kind === 'wait') {
          wakeMs = Math.min(wakeMs, next.untilMs)
          break
        }
        this.#call(next.lane, nowMs)
      }
    }
    this.#firstOrganization += 1
    return wakeMs
  }

  /** Why no call may start, whosever turn it is; null where one may. */
  #hold(nowMs: number): HoldCause | null {
    const { inFlightMax, reportingMax } = this.#options
    if (this.#life !== 'running') return 'stopping'
    if (!this.#positioned || nowMs >= this.#memberUntilMs) return 'membership'
    if (this.#inFlight >= inFlightMax) return 'in-flight'
    return this.#inFlight + this.#publishing.receipts >= reportingMax ? 'kafka' : null
  }

  #call(lane: Lane, nowMs: number): void {
    const { organization } = lane
    const head = lane.queue.first
    if (head?.stage.kind !== 'inLane') throw new Error(`lane ${lane.key} has a turn and nothing to send`)
    lane.state = { kind: 'calling' }
    organization.limiter.started(nowMs)
    this.#inFlight += 1
    const { message } = head.stage
    this.#effects.push({
      kind: 'call',
      token: head.token,
      organization: organization.name,
      channelId: lane.channelId,
      message,
    })
  }

  #called({ token, answer, startedAt, endedAt, durationMs }: Extract<Fact, { kind: 'called' }>, nowMs: number): void {
    const entry = this.#entries.get(token)
    if (entry?.stage.kind !== 'inLane' || entry.stage.lane.state.kind !== 'calling') {
      throw new Error(`an answer for record ${token}, which is not being called`)
    }
    const { lane, message, attempts: before } = entry.stage
    const { organization } = lane
    this.#inFlight -= 1
    organization.limiter.ended(nowMs)
    const attempts = countAttempt(before, answer, { nowMs, startedAt, acceptances: organization.acceptances })
    entry.stage.attempts = attempts
    const sinceMs = before.forbiddenSinceMs
    const business = message.business_id
    const outcome = decide(answer, attempts, sinceMs !== null, {
      nowMs,
      policy: this.#options.retry,
      random: this.#options.random(),
      othersAllowedSince: sinceMs !== null && organization.otherAcceptedSince(lane.channelId, business, sinceMs),
    })
    const next = this.#carryOut(outcome, entry, answer, endedAt, nowMs)
    this.#effects.push({
      kind: 'tellAttempt',
      record: entry.record,
      channelId: lane.channelId,
      conversationId: lane.conversationId,
      messageId: message.external_message_id,
      attempt: before.made + 1,
      answer,
      durationMs,
      next,
      delayMs: outcome.kind === 'retry' ? outcome.delayMs : outcome.kind === 'pause' ? outcome.pauseMs : null,
    })
  }

  #carryOut(outcome: Outcome, entry: Entry, answer: Answer, endedAt: string, nowMs: number): AttemptNext {
    if (entry.stage.kind !== 'inLane') throw new Error('an outcome for a record that is in no lane')
    const { lane, message, attempts } = entry.stage
    const { organization } = lane
    const receipt: ReceiptDraft = {
      status: 'rejected',
      reason: null,
      channel_id: lane.channelId,
      external_conversation_id: message.external_conversation_id,
      external_message_id: message.external_message_id,
      business_id: message.business_id,
      at: endedAt,
      attempts: attempts.made,
      http_status: answer.status,
      source: sourceOf(entry.record),
      partoo: null,
    }
    if (outcome.kind === 'pause') organization.pause(nowMs + outcome.pauseMs)
    if (isAnotherOwners(entry, outcome)) {
      lane.queue.shift()
      this.#drop(entry)
      this.#turnOver(lane)
      return 'dropped'
    }
    switch (outcome.kind) {
      case 'accepted':
        organization.accepted(lane.channelId, message.business_id, nowMs)
        lane.queue.shift()
        this.#publishing.report(entry, { ...receipt, status: 'accepted' })
        this.#turnOver(lane)
        return 'accepted'
      case 'deadLetter': {
        const { reason, detail } = outcome
        const response = 'body' in answer ? answer.body : null
        const { made, firstAt, lastAt } = attempts
        const cause = {
          reason,
          detail,
          httpStatus: answer.status,
          response,
          attempts: made,
          firstAttemptAt: firstAt,
          lastAttemptAt: lastAt,
        }
        lane.queue.shift()
        this.#publishing.store(entry, cause, { ...receipt, reason })
        this.#turnOver(lane)
        return reason
      }
      case 'retry':
      case 'pause':
        if (outcome.kind === 'retry') organization.backOff(lane, nowMs + outcome.delayMs)
        else organization.ready(lane)
        return outcome.kind === 'retry' ? 'retried' : 'paused'
    }
  }

  /** The head has an outcome: the lane's next message waits for the lane's next turn. */
  #turnOver(lane: Lane): void {
    if (lane.queue.length > 0) lane.organization.ready(lane)
    else this.#forgetLane(lane)
  }

  // ── Settlement ─────────────────────────────────────────────────────────────────────────────

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
    this.#commits.settled()
    this.#drop(entry)
  }

  #drop(entry: Entry): void {
    const state = entry.partition
    this.#entries.delete(entry.token)
    state.entries.delete(entry.record.offset)
    this.#admitted -= 1
    this.#admittedBytes -= entry.bytes
    this.#forgetPartition(state)
  }

  // ── After every fact ───────────────────────────────────────────────────────────────────────────────────────────────

  #proceed(nowMs: number): void {
    this.#publishing.repeat(nowMs)
    const callMs = this.#startCalls(nowMs)
    this.#holdBack()
    this.#commit(nowMs)
    if (this.#life === 'stopping' && this.#inFlight === 0 && this.#publishing.count === 0 && !this.#commits.busy) {
      this.#life = 'drained'
      this.#effects.push({ kind: 'tellDrained' })
    }
    const atMs = Math.min(callMs, this.#publishing.nextMs, this.#commits.dueMs)
    if (atMs !== Number.POSITIVE_INFINITY) this.#effects.push({ kind: 'wake', atMs })
  }

  /** Pauses and resumes partitions: the whole replica by what it holds, each partition by its span. */
  #holdBack(): void {
    const { admittedMax, admittedBytesMax, spanMax } = this.#options
    const share = this.#full ? resumeShare : 1
    this.#full = this.#admitted >= admittedMax * share || this.#admittedBytes >= admittedBytesMax * share
    const pause: PartitionName[] = []
    const resume: PartitionName[] = []
    for (const state of this.#partitions.values()) {
      if (!state.owned) continue
      const long = state.ledger.span >= (state.paused ? spanMax * resumeShare : spanMax)
      const hold = this.#full || long || this.#life !== 'running'
      if (hold === state.paused) continue
      state.paused = hold
      ;(hold ? pause : resume).push({ topic: state.topic, partition: state.partition })
    }
    if (pause.length > 0) this.#effects.push({ kind: 'pause', partitions: pause })
    if (resume.length > 0) this.#effects.push({ kind: 'resume', partitions: resume })
  }

  #commit(nowMs: number): void {
    const drained = this.#life === 'stopping' && this.#inFlight === 0 && this.#publishing.count === 0
    if (!this.#commits.isDue(nowMs, drained)) return
    const offsets = [...this.#partitions.values()]
      .filter((state) => state.owned && state.ledger.watermark > state.committed)
      .map(({ topic, partition, ledger }) => ({ topic, partition, offsetNext: ledger.watermark }))
    if (offsets.length === 0) {
      this.#commits.nothing()
      return
    }
    this.#commits.started(offsets, nowMs)
    this.#effects.push({ kind: 'commit', generation: this.#generation, offsets })
  }

  #committed({ generation, ok }: Extract<Fact, { kind: 'committed' }>): void {
    if (generation !== this.#generation) return
    for (const { topic, partition, offsetNext } of this.#commits.ended(ok)) {
      const state = this.#partitions.get(partitionKey(topic, partition))
      if (state !== undefined) state.committed = offsetNext
    }
    // While stopping one attempt is enough: what is not committed is repeated by the next owner, under the same id.
    if (!ok && this.#life === 'stopping') this.#commits.nothing()
  }
}

/**
 * Whether another replica answers for a record whose call has ended here: it has settled it since, so that nothing but an
 * acceptance is news; or it owns the partition now, and repeats what is to be repeated.
 */
function isAnotherOwners({ record, partition }: Entry, outcome: Outcome): boolean {
  if (outcome.kind === 'accepted') return false
  if (record.offset < partition.ledger.watermark) return true
  return !partition.owned && outcome.kind !== 'deadLetter'
}

function sourceOf({ topic, partition, offset }: ConsumedRecord): { topic: string; partition: number; offset: number } {
  return { topic, partition, offset }
}
