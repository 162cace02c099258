// The calls: which conversation is called next, how many are under way, and what an answer means. It owns the lanes and the
// organizations; records come in decoded, and go out to Publishing with their outcome, or back where another replica answers
// for them now.

import type { Answer } from '@bridge/partoo/answer'
import { refusedHeads, type Verdict } from './channel.ts'
import type { Entry, InLane } from './entry.ts'
import type { AttemptNext, Decoded, Effect, Fact, ReceiptDraft } from './facts.ts'
import { Lane, laneKey } from './lane.ts'
import { Organization } from './organization.ts'
import { countAttempt, decide, noAttempts, type Outcome, rejectedDetail } from './outcome.ts'
import type { Publishing } from './publishing.ts'
import { RememberedIds } from './remembered-ids.ts'
import type { RetryPolicy } from './retry.ts'
import type { HoldCause } from './view.ts'

/** With several organizations none holds more of the calls in flight. */
const inFlightShareMax = 3 / 4

export type CallsOptions = {
  organizations: { name: string; limitPerMinute: number; channels: readonly string[] }[]
  /** The topic that is served with what the others leave; null where there is none. */
  bulkTopic: string | null
  burst: number
  inFlightMax: number
  /** Accepted messages by whose ids repeated ones are recognised. */
  rememberedIdsMax: number
  retry: RetryPolicy
  random: () => number
}

type Called = Extract<Fact, { kind: 'called' }>
type Work = Extract<Decoded, { kind: 'work' }>

export class Calls {
  readonly #options: CallsOptions
  readonly #emit: (effect: Effect) => void
  readonly #publishing: Publishing
  /** Forgets a record that another replica answers for. */
  readonly #drop: (entry: Entry) => void
  readonly organizations: readonly Organization[]
  readonly #byName: ReadonlyMap<string, Organization>
  readonly #lanes = new Map<string, Lane>()
  readonly #remembered: RememberedIds
  #queued = 0
  #inFlight = 0
  #firstOrganization = 0

  constructor(
    options: CallsOptions,
    publishing: Publishing,
    emit: (effect: Effect) => void,
    drop: (entry: Entry) => void,
  ) {
    this.#options = options
    this.#publishing = publishing
    this.#emit = emit
    this.#drop = drop
    this.#remembered = new RememberedIds(options.rememberedIdsMax)
    const { inFlightMax } = options
    const share = options.organizations.length > 1 ? inFlightShareMax : 1
    this.organizations = options.organizations.map(({ name, limitPerMinute, channels }) => {
      const burst = limitPerMinute === 0 ? options.burst : Math.min(options.burst, Math.max(1, limitPerMinute >> 1))
      return new Organization({
        name,
        channels,
        limitPerMinute,
        burst,
        inFlightMax: Math.max(1, Math.floor(inFlightMax * share)),
        tell: (suspended, report) => emit({ kind: 'tellSuspension', suspended, ...report }),
      })
    })
    this.#byName = new Map(this.organizations.map((organization) => [organization.name, organization]))
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get lanes(): number {
    return this.#lanes.size
  }

  /** Records in lanes. */
  get queued(): number {
    return this.#queued
  }

  get rememberedIds(): number {
    return this.#remembered.size
  }

  /** Puts a record at the end of its conversation. */
  queue(entry: Entry, { message, channelId, organization: name, digest }: Work): void {
    const organization = this.#byName.get(name)
    const channel = organization?.channels.get(channelId)
    if (organization === undefined || channel === undefined) {
      throw new Error(`decoded for ${name}, channel ${channelId}, which is not configured`)
    }
    const { topic, partition } = entry.record
    const key = laneKey(topic, partition, channelId, message.external_conversation_id)
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      const isBulk = topic === this.#options.bulkTopic
      lane = new Lane(key, organization, channel, message.external_conversation_id, isBulk)
      this.#lanes.set(key, lane)
    }
    entry.stage = { kind: 'inLane', lane, message, digest, attempts: noAttempts, refusal: null }
    lane.queue.push(entry)
    this.#queued += 1
    if (lane.state.kind === 'idle') organization.ready(lane)
  }

  /** Whether a record has begun what cannot be taken back: a call, or a publication. */
  isUnderWay({ stage, token }: Entry): boolean {
    if (stage.kind === 'decoding') return false
    return stage.kind !== 'inLane' || (stage.lane.state.kind === 'calling' && stage.lane.queue.first?.token === token)
  }

  /** Takes records out of their lanes, and forgets them. None of them is under way. */
  giveUp(entries: readonly Entry[]): void {
    const lanes = new Set<Lane>()
    const given = new Set(entries)
    for (const entry of entries) {
      if (entry.stage.kind === 'inLane') lanes.add(entry.stage.lane)
      this.#drop(entry)
    }
    for (const lane of lanes) {
      const before = lane.queue.length
      const head = lane.queue.first
      lane.queue.filter((entry) => !given.has(entry))
      this.#queued -= before - lane.queue.length
      if (lane.state.kind === 'calling') continue
      if (lane.queue.length === 0) this.#forget(lane)
      // What it waited for was the old head's to wait for.
      else if (lane.queue.first !== head && lane.state.kind !== 'ready') lane.organization.ready(lane)
    }
  }

  /** Lets the organizations forget lanes that were given up. */
  sweep(): void {
    for (const organization of this.organizations) organization.sweep()
  }

  #forget(lane: Lane): void {
    lane.state = { kind: 'idle' }
    this.#lanes.delete(lane.key)
  }

  // ── Starting ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Starts what may be started.
   *
   * @param hold says why no call may start, whosever turn it is; asked before each
   * @returns when to try again; Infinity where only a fact can help
   */
  start(hold: () => HoldCause | null, nowMs: number): number {
    const { organizations } = this
    let wakeMs = Number.POSITIVE_INFINITY
    for (let i = 0; i < organizations.length; i += 1) {
      const organization = organizations[(this.#firstOrganization + i) % organizations.length] as Organization
      while (hold() === null) {
        const turn = organization.next(nowMs)
        if (turn.kind === 'wait') {
          wakeMs = Math.min(wakeMs, turn.untilMs)
          break
        }
        if (this.#recognise(turn.lane.head) === 'repeated') {
          organization.skipped(turn.probes)
          this.#skipRepeated(turn.lane)
        } else {
          organization.started(turn.lane, turn.probes, nowMs)
          this.#call(turn.lane)
        }
      }
    }
    this.#firstOrganization = (this.#firstOrganization + 1) % organizations.length
    return wakeMs
  }

  #recognise(head: Entry & { stage: InLane }): ReturnType<RememberedIds['recognise']> {
    return this.#remembered.recognise(identityOf(head))
  }

  /** A producer repeated what Partoo has: nothing to send. */
  #skipRepeated(lane: Lane): void {
    const { head } = lane
    this.#remembered.remember(identityOf(head))
    const receipt = { ...receiptOf(head, null), status: 'duplicate' } as const
    this.#takeHead(lane)
    this.#publishing.report(head, receipt)
    this.#turnOver(lane)
  }

  #call(lane: Lane): void {
    const { head, organization, channel } = lane
    this.#inFlight += 1
    this.#emit({
      kind: 'call',
      token: head.token,
      organization: organization.name,
      channelId: channel.id,
      message: head.stage.message,
    })
  }

  // ── Ending ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A call has ended. */
  ended(entry: Entry, { answer, startedAt, endedAt, durationMs }: Called, nowMs: number): void {
    const { stage } = entry
    if (stage.kind !== 'inLane' || stage.lane.state.kind !== 'calling' || stage.lane.queue.first !== entry) {
      throw new Error(`an answer for record ${entry.token}, which is not being called`)
    }
    const head = entry as Entry & { stage: InLane }
    const { lane, message, attempts: before } = stage
    const { organization, channel } = lane
    this.#inFlight -= 1
    const call = { nowMs, startedAt, acceptances: organization.acceptances }
    const attempts = countAttempt(before, answer, call)
    stage.attempts = attempts
    const sinceMs = before.forbiddenSinceMs
    const business = message.business_id
    organization.answered(lane, answer, nowMs)
    // Whoever speaks with Partoo now asks again, and knows whether to blame the message.
    const verdict = organization.standsBy ? 'keep' : this.#tellChannel(lane, business, answer, nowMs)
    const outcome = decide(answer, attempts, sinceMs !== null, {
      nowMs,
      policy: this.#options.retry,
      random: this.#options.random(),
      othersAllowedSince: sinceMs !== null && channel.otherAcceptedSince(business, sinceMs),
      isChannelSuspended: verdict === 'keep',
      isOut: organization.isOut,
    })
    if (answer.kind === 'rejected') {
      const during = outcome.kind === 'keep' ? channel.suspensionOf(business) : undefined
      stage.refusal = during === undefined ? null : { answer, endedAt, during }
    }
    const recognised = this.#recognise(head)
    const next = this.#carryOut(outcome, head, answer, endedAt, recognised === 'reused', nowMs)
    if (verdict === 'release') this.#releaseRefused(channel.id, organization)
    this.#emit({
      kind: 'tellAttempt',
      record: entry.record,
      channelId: channel.id,
      conversationId: lane.conversationId,
      messageId: message.external_message_id,
      attempt: before.made + 1,
      answer,
      durationMs,
      next,
      delayMs: outcome.kind === 'retry' ? outcome.delayMs : outcome.kind === 'pause' ? outcome.pauseMs : null,
      idReused: recognised === 'reused',
    })
  }

  #tellChannel({ channel, conversationId }: Lane, business: string, answer: Answer, nowMs: number): Verdict | null {
    switch (answer.kind) {
      case 'accepted':
        channel.accepted(business, nowMs)
        return null
      case 'rejected':
        return channel.rejected(conversationId, business, answer.status, nowMs)
      case 'forbidden':
        channel.forbidden(conversationId, business, answer.status, nowMs)
        return null
      case 'misdirected':
      case 'limited':
      case 'unavailable':
        return null
    }
  }

  #carryOut(
    outcome: Outcome,
    head: Entry & { stage: InLane },
    answer: Answer,
    endedAt: string,
    idReused: boolean,
    nowMs: number,
  ): AttemptNext {
    const { lane } = head.stage
    const { organization } = lane
    if (outcome.kind === 'pause') organization.pause(nowMs + outcome.pauseMs)
    if (outcome.kind === 'accepted') this.#remembered.remember(identityOf(head))
    if (isAnotherOwners(head, outcome)) {
      this.#takeHead(lane)
      this.#drop(head)
      this.#turnOver(lane)
      return 'dropped'
    }
    switch (outcome.kind) {
      case 'accepted': {
        const receipt = receiptOf(head, answer.status)
        this.#takeHead(lane)
        this.#publishing.report(head, { ...receipt, at: endedAt, reason: idReused ? 'id-reused' : null })
        this.#turnOver(lane)
        return 'accepted'
      }
      case 'deadLetter':
        this.#putAway(head, outcome.reason, outcome.detail, answer, endedAt)
        this.#turnOver(lane)
        return outcome.reason
      case 'retry':
        organization.backOff(lane, nowMs + outcome.delayMs)
        return 'retried'
      case 'keep':
        organization.ready(lane)
        return 'kept'
      case 'pause':
        organization.ready(lane)
        return 'paused'
    }
  }

  /** What was refused while the channel was suspended is put away after all. */
  #releaseRefused(channelId: string, organization: Organization): void {
    const lanes = [...this.#lanes.values()].filter(
      (lane) => lane.channel.id === channelId && lane.organization === organization,
    )
    for (const head of refusedHeads(lanes)) {
      const { lane, refusal } = head.stage
      const { answer, endedAt } = refusal
      this.#putAway(head, 'rejected', rejectedDetail(answer.status), answer, endedAt)
      this.#turnOver(lane)
    }
  }

  #putAway(
    head: Entry & { stage: InLane },
    reason: 'rejected' | 'retries-exhausted',
    detail: string,
    answer: Answer,
    endedAt: string,
  ): void {
    const { made, firstAt, lastAt } = head.stage.attempts
    const cause = {
      reason,
      detail,
      httpStatus: answer.status,
      response: 'body' in answer ? answer.body : null,
      attempts: made,
      firstAttemptAt: firstAt,
      lastAttemptAt: lastAt,
    }
    const receipt = { ...receiptOf(head, answer.status), status: 'rejected', reason, at: endedAt } as const
    this.#takeHead(head.stage.lane)
    this.#publishing.store(head, cause, receipt)
  }

  #takeHead(lane: Lane): void {
    lane.queue.shift()
    this.#queued -= 1
  }

  /** The head has an outcome: the lane's next message waits for the lane's next turn. */
  #turnOver(lane: Lane): void {
    if (lane.queue.length > 0) lane.organization.ready(lane)
    else this.#forget(lane)
  }
}

/**
 * Whether another replica answers for a record whose call has ended here: it has settled it since, so that nothing but an
 * acceptance is news; or it owns the partition now, and repeats what is to be repeated.
 */
function isAnotherOwners({ record, partition }: Entry, outcome: Outcome): boolean {
  if (outcome.kind === 'accepted') return false
  if (partition.ledger.isSettled(record.offset)) return true
  return !partition.owned && outcome.kind !== 'deadLetter'
}

function identityOf({ record, stage }: Entry & { stage: InLane }) {
  const { lane, message, digest } = stage
  return { channelId: lane.channel.id, messageId: message.external_message_id, digest, record }
}

/** The receipt of an accepted message, without its time. */
function receiptOf({ record, stage }: Entry & { stage: InLane }, httpStatus: number | null): ReceiptDraft {
  const { lane, message, attempts } = stage
  const { topic, partition, offset } = record
  return {
    status: 'accepted',
    reason: null,
    channel_id: lane.channel.id,
    external_conversation_id: message.external_conversation_id,
    external_message_id: message.external_message_id,
    business_id: message.business_id,
    at: null,
    attempts: attempts.made,
    http_status: httpStatus,
    source: { topic, partition, offset },
    partoo: null,
  }
}
