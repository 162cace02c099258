// One organization of Partoo: its limit, its pause, its suspensions, and whose turn it is among its conversations. A
// conversation gets one call a turn, however long its queue: one with 10,000 messages delays another by one message.
//
// A lane whose turn has come is called, or parked if what it belongs to is suspended (the organization for its credential or
// an outage, its channel, its business) or if it is slow and enough slow ones are being called. Whoever is parked costs the
// others nothing; it comes back when the suspension ends, or goes out as its probe.

import type { Answer } from '@bridge/partoo/answer'
import { Channel, refuses } from './channel.ts'
import { DueQueue } from './due-queue.ts'
import type { SuspensionReport } from './facts.ts'
import { Fifo } from './fifo.ts'
import type { Lane } from './lane.ts'
import { Limiter, type LimiterOptions } from './limiter.ts'
import { Parked, Suspension } from './suspension.ts'
import type { Waiting } from './waits.ts'

/** One call of the bulk topic after so many others, while it waits. */
const othersPerBulkCall = 9
/** Conversations whose last call timed out get this part of the calls that may be in flight. */
const slowShare = 1 / 4
const outageFailuresMin = 20
const outageConversationsMin = 10
const outageSilenceMs = 2_000

export type OrganizationOptions = LimiterOptions & {
  name: string
  channels: readonly string[]
  /** Calls in flight at most. */
  inFlightMax: number
  /** Told when something is suspended, and when it is not any more. */
  tell: (suspended: boolean, report: SuspensionReport) => void
}

/** `lane` may be called now; as a probe of `probes`, if any. `untilMs`: when to ask again (Infinity: after some fact). */
export type Turn = { kind: 'lane'; lane: Lane; probes: Suspension[] } | { kind: 'wait'; untilMs: number }

export class Organization {
  readonly name: string
  readonly limiter: Limiter
  readonly channels: ReadonlyMap<string, Channel>
  readonly #options: OrganizationOptions
  readonly #slowMax: number
  readonly #ready = new Fifo<Lane>()
  readonly #bulk = new Fifo<Lane>()
  #othersSinceBulk = 0
  readonly #backoffs = new DueQueue<Lane>()
  readonly #slow = new Parked()
  #slowInFlight = 0
  #inFlight = 0
  /** No call starts before: Partoo answered 429. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  /** Messages accepted so far. */
  acceptances = 0
  /** The suspension of the whole organization. */
  #whole: Suspension | undefined
  /** All that is suspended now. */
  readonly #suspensions = new Set<Suspension>()
  readonly #probes = new DueQueue<Suspension>()
  #failuresInRow = 0
  readonly #failedConversations = new Set<string>()
  #lastSuccessMs = Number.NEGATIVE_INFINITY
  /** Whether another replica speaks with Partoo: nothing was called since. */
  #standsBy = false

  constructor(options: OrganizationOptions) {
    this.name = options.name
    this.#options = options
    this.limiter = new Limiter(options)
    this.#slowMax = Math.max(1, Math.floor(options.inFlightMax * slowShare))
    const suspender = {
      begin: (suspension: Suspension, nowMs: number) => this.#begin(suspension, nowMs),
      end: (suspension: Suspension, nowMs: number) => this.#end(suspension, nowMs),
    }
    this.channels = new Map(options.channels.map((id) => [id, new Channel(id, options.name, suspender)]))
  }

  get pausedUntilMs(): number {
    return this.#pausedUntilMs
  }

  /** What the organization as a whole, the channel or the business waits for, if anything. */
  suspensionOf(lane: Lane): Suspension | undefined {
    return this.#whole ?? lane.channel.suspensionOf(lane.head.stage.message.business_id)
  }

  suspensions(nowMs: number): SuspensionReport[] {
    return [...this.#suspensions].map((suspension) => suspension.report(nowMs))
  }

  /** Puts a lane at the end of the turns. */
  ready(lane: Lane): void {
    lane.state = { kind: 'ready' }
    ;(lane.isBulk ? this.#bulk : this.#ready).push(lane)
  }

  /** Lets a lane wait until `dueMs`. */
  backOff(lane: Lane, dueMs: number): void {
    lane.state = { kind: 'backoff', dueMs }
    this.#backoffs.add(dueMs, lane)
  }

  /** Starts nothing for a while; a longer pause that is under way stays. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
  }

  /** Forgets lanes that have been given up. */
  sweep(): void {
    this.#ready.filter(isReady)
    this.#bulk.filter(isReady)
    this.#slow.sweep()
    for (const suspension of this.#suspensions) suspension.parked.sweep()
    this.#backoffs.filter((lane, dueMs) => lane.state.kind === 'backoff' && lane.state.dueMs === dueMs)
  }

  /** Another replica speaks with Partoo now: what was learned here may not be so any more when this one has its turn again. */
  standBy(nowMs: number): void {
    this.#standsBy = true
    this.#works()
    for (const channel of this.channels.values()) channel.forget(nowMs)
    const whole = this.#whole
    this.#whole = undefined
    if (whole !== undefined) this.#end(whole, nowMs)
  }

  // ── Turns ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whose turn it is. The lane is out of the turns then: it is `started`, or `ready` again, or given up. */
  next(nowMs: number): Turn {
    for (let lane = this.#backoffs.take(nowMs); lane !== undefined; lane = this.#backoffs.take(nowMs)) {
      // A lane that was emptied meanwhile (its partition is gone) is in another state, or waits for another time.
      if (lane.state.kind === 'backoff' && lane.state.dueMs <= nowMs) this.ready(lane)
    }
    const slow = this.#slowInFlight < this.#slowMax ? this.#slow.take() : undefined
    if (slow !== undefined) this.ready(slow)
    const isIdle = this.#ready.length + this.#bulk.length === 0 && this.#probes.nextMs > nowMs
    if (isIdle) return this.#waitForDue()
    if (nowMs < this.#pausedUntilMs) return { kind: 'wait', untilMs: this.#pausedUntilMs }
    if (this.#inFlight >= this.#options.inFlightMax) return { kind: 'wait', untilMs: Number.POSITIVE_INFINITY }
    const permission = this.limiter.permission(nowMs)
    if (permission.kind === 'wait') return { kind: 'wait', untilMs: permission.untilMs ?? Number.POSITIVE_INFINITY }
    return (
      (this.#whole === undefined ? this.#nextOfAll(nowMs) : this.#nextProbe(this.#whole, nowMs)) ?? this.#waitForDue()
    )
  }

  /** A lane's head is called. */
  started(lane: Lane, probes: readonly Suspension[], nowMs: number): void {
    lane.state = { kind: 'calling', probes }
    this.#standsBy = false
    this.#inFlight += 1
    if (lane.isSlow) this.#slowInFlight += 1
    this.#othersSinceBulk = lane.isBulk ? 0 : this.#othersSinceBulk + 1
    for (const suspension of probes) suspension.probeStarted()
    this.limiter.started(nowMs)
  }

  /** A lane was taken as a probe, and there was nothing to call after all. */
  skipped(probes: readonly Suspension[]): void {
    for (const suspension of probes) this.#arm(suspension)
  }

  #waitForDue(): Turn {
    return { kind: 'wait', untilMs: Math.min(this.#backoffs.nextMs, this.#probes.nextMs) }
  }

  #nextOfAll(nowMs: number): Turn | undefined {
    for (let due = this.#probes.take(nowMs); due !== undefined; due = this.#probes.take(nowMs)) {
      due.armedMs = Number.POSITIVE_INFINITY
      if (due.hasEnded) continue
      const lane = due.nextProbeMs > nowMs ? undefined : this.#takeFrom(due.parked)
      if (lane !== undefined) return { kind: 'lane', lane, probes: [due] }
      // It was probed meanwhile, for the organization as a whole; or whoever waited is gone.
      this.#arm(due)
    }
    for (let lane = this.#nextReady(); lane !== undefined; lane = this.#nextReady()) {
      const suspension = this.suspensionOf(lane)
      if (suspension !== undefined) this.#park(lane, suspension)
      else if (!this.#waitsAsSlow(lane)) return { kind: 'lane', lane, probes: [] }
    }
    return undefined
  }

  /** While all is suspended: the next probe, if it is due. */
  #nextProbe(whole: Suspension, nowMs: number): Turn | undefined {
    for (let lane = this.#nextReady(); lane !== undefined; lane = this.#nextReady()) this.#park(lane, whole)
    if (this.#probes.nextMs > nowMs) return undefined
    // Probes of less than the organization wait for it.
    for (let due = this.#probes.take(nowMs); due !== undefined; due = this.#probes.take(nowMs))
      due.armedMs = Number.POSITIVE_INFINITY
    if (whole.nextProbeMs > nowMs) {
      this.#arm(whole)
      return undefined
    }
    for (let lane = this.#takeFrom(whole.parked); lane !== undefined; lane = this.#takeFrom(whole.parked)) {
      const suspension = lane.channel.suspensionOf(lane.head.stage.message.business_id)
      if (suspension === undefined) return { kind: 'lane', lane, probes: [whole] }
      this.#park(lane, suspension)
    }
    // Nobody else waits: a probe of what is suspended within, when that is due too.
    for (const suspension of this.#suspensions) {
      if (suspension === whole || suspension.nextProbeMs > nowMs) continue
      const lane = this.#takeFrom(suspension.parked)
      if (lane !== undefined) return { kind: 'lane', lane, probes: [whole, suspension] }
    }
    this.#arm(whole)
    return undefined
  }

  #takeFrom(parked: Parked): Lane | undefined {
    for (let lane = parked.take(); lane !== undefined; lane = parked.take()) if (!this.#waitsAsSlow(lane)) return lane
    return undefined
  }

  /** Parks a slow lane while enough of its kind are being called. @returns whether it was */
  #waitsAsSlow(lane: Lane): boolean {
    if (!lane.isSlow || this.#slowInFlight < this.#slowMax) return false
    this.#slow.park(lane, '', false)
    return true
  }

  #nextReady(): Lane | undefined {
    for (const queue of [this.#ready, this.#bulk]) {
      while (queue.first !== undefined && !isReady(queue.first)) queue.shift()
    }
    const isBulkTurn = this.#ready.length === 0 || this.#othersSinceBulk >= othersPerBulkCall
    return isBulkTurn && this.#bulk.length > 0 ? this.#bulk.shift() : this.#ready.shift()
  }

  #park(lane: Lane, suspension: Suspension): void {
    const { message, attempts } = lane.head.stage
    suspension.parked.park(lane, message.business_id, attempts.made > 0)
    // While all is suspended, only that is probed.
    this.#arm(this.#whole ?? suspension)
  }

  /** Sees to it that the next probe goes out, if there is somebody to send. */
  #arm(suspension: Suspension): void {
    if (suspension.hasEnded) return
    const dueMs = this.#probeDueMs(suspension)
    if (suspension.armedMs <= dueMs) return
    suspension.armedMs = dueMs
    this.#probes.add(dueMs, suspension)
  }

  /** When its next probe may go out; Infinity while one is under way, or where nobody waits. */
  #probeDueMs(suspension: Suspension): number {
    if (suspension.parked.size > 0) return suspension.nextProbeMs
    if (suspension !== this.#whole) return Number.POSITIVE_INFINITY
    let withinMs = Number.POSITIVE_INFINITY
    for (const { parked, nextProbeMs } of this.#suspensions) {
      if (parked.size > 0) withinMs = Math.min(withinMs, nextProbeMs)
    }
    return Math.max(suspension.nextProbeMs, withinMs)
  }

  // ── Answers ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A call has ended: takes note for the limit, for probes, and of what the answer says about the organization as a whole. */
  answered(lane: Lane, answer: Answer, nowMs: number): void {
    if (lane.state.kind !== 'calling') throw new Error(`lane ${lane.key} is not being called`)
    this.limiter.ended(nowMs)
    this.#inFlight -= 1
    if (lane.isSlow) this.#slowInFlight -= 1
    lane.isSlow = answer.kind === 'unavailable' && answer.timedOut
    const retryAfterMs = 'retryAfterMs' in answer ? (answer.retryAfterMs ?? 0) : 0
    for (const suspension of lane.state.probes) {
      suspension.probeEnded(refuses(suspension, answer) === true, retryAfterMs, nowMs)
      this.#arm(suspension)
    }
    if (this.#standsBy) return
    const whole = this.#whole
    if (whole !== undefined && refuses(whole, answer) === false) {
      this.#whole = undefined
      this.#end(whole, nowMs)
    }
    switch (answer.kind) {
      case 'accepted':
        this.acceptances += 1
        this.#lastSuccessMs = nowMs
        this.#works()
        return
      case 'rejected':
      case 'forbidden':
        this.#works()
        return
      case 'misdirected':
        this.#works()
        if (this.#whole === undefined) this.#suspendWhole('credential', answer.kind, answer.status, nowMs)
        return
      case 'unavailable':
        this.#fails(lane, answer.status, nowMs)
        return
      case 'limited':
        return
    }
  }

  #works(): void {
    this.#failuresInRow = 0
    this.#failedConversations.clear()
  }

  #fails(lane: Lane, status: number | null, nowMs: number): void {
    this.#failuresInRow += 1
    if (this.#failedConversations.size < outageConversationsMin)
      this.#failedConversations.add(`${lane.channel.id}/${lane.conversationId}`)
    if (this.#whole !== undefined || this.#failuresInRow < outageFailuresMin) return
    if (this.#failedConversations.size < outageConversationsMin || nowMs - this.#lastSuccessMs < outageSilenceMs) return
    this.#suspendWhole('outage', 'unavailable', status, nowMs)
  }

  #suspendWhole(
    scope: 'credential' | 'outage',
    cause: 'misdirected' | 'unavailable',
    status: number | null,
    nowMs: number,
  ): void {
    const of = { scope, organization: this.name, channelId: null, businessId: null, cause, status }
    this.#whole = new Suspension(of, nowMs)
    this.#begin(this.#whole, nowMs)
  }

  #begin(suspension: Suspension, nowMs: number): void {
    this.#suspensions.add(suspension)
    this.#options.tell(true, suspension.report(nowMs))
  }

  /** Whoever waited for it has a turn again; if it belongs to something else that is suspended, it is parked there then. */
  #end(suspension: Suspension, nowMs: number): void {
    suspension.hasEnded = true
    this.#suspensions.delete(suspension)
    for (let lane = suspension.parked.take(); lane !== undefined; lane = suspension.parked.take()) this.ready(lane)
    if (this.#whole === undefined) for (const other of this.#suspensions) this.#arm(other)
    this.#options.tell(false, suspension.report(nowMs))
  }

  // ── What waits ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds how many conversations wait, by cause. @param held why no call starts in any organization, if so */
  countWaiting(waiting: Waiting, held: 'in-flight' | 'kafka' | 'membership' | null, nowMs: number): void {
    const add = (cause: keyof Waiting, count: number) => {
      if (count > 0) waiting[cause] = (waiting[cause] ?? 0) + count
    }
    add('backoff', this.#backoffs.size)
    add('in-flight', this.#slow.size)
    for (const { of, parked } of this.#suspensions) add(of.scope === 'outage' ? 'outage' : 'suspension', parked.size)
    add(this.#readyCause(held, nowMs), this.#ready.length + this.#bulk.length)
  }

  #readyCause(held: 'in-flight' | 'kafka' | 'membership' | null, nowMs: number): keyof Waiting {
    if (nowMs < this.#pausedUntilMs) return 'retry-after'
    if (this.#whole !== undefined) return this.#whole.of.scope === 'outage' ? 'outage' : 'suspension'
    return held ?? (this.#inFlight >= this.#options.inFlightMax ? 'in-flight' : 'limit')
  }

  get standsBy(): boolean {
    return this.#standsBy
  }

  get isOut(): boolean {
    return this.#whole?.of.scope === 'outage'
  }
}

function isReady(lane: Lane): boolean {
  return lane.state.kind === 'ready'
}
