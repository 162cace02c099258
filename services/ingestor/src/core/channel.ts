// One channel of an organization: whether Partoo takes what is sent to it. Two things make it doubt that a refusal is the
// message's own fault (third column of the table in DESIGN.md, "Answers and what they mean"):
//   rejected    20 in a row, over 5 conversations or more, without one acceptance: a proxy, or our own fault. The channel is
//               suspended and its messages are kept, until 20 more are refused over 15 min: then those are put away after all
//   forbidden   a business that may not be written to is suspended; 3 conversations of 2 businesses or more without an
//               acceptance between suspend the channel

import type { Answer } from '@bridge/partoo/answer'
import type { Entry, InLane } from './entry.ts'
import type { Lane } from './lane.ts'
import { Suspension } from './suspension.ts'

const rejectedInRowMax = 20
const rejectedConversationsMin = 5
const moreRejectedMin = 20
const moreRejectedForMs = 15 * 60_000
const forbiddenConversationsMin = 3
const forbiddenBusinessesMin = 2
/** Businesses suspended one by one: for one more another is let go, to be suspended anew if it is still forbidden. */
const businessesMax = 1_000

/** What begins and ends suspensions: the organization, which knows whose turn it is. */
export type Suspender = {
  begin(suspension: Suspension, nowMs: number): void
  end(suspension: Suspension, nowMs: number): void
}

/** What becomes of a rejected message. `release`: it is put away, and with it all that was refused while suspended. */
export type Verdict = 'putAway' | 'keep' | 'release'

export class Channel {
  readonly id: string
  readonly #organization: string
  readonly #suspender: Suspender
  #suspension: Suspension | undefined
  #businesses = new Map<string, Suspension>()
  /** Rejections since the last acceptance, and the first few of the conversations that they were of. */
  #rejectedInRow = 0
  readonly #rejectedConversations = new Set<string>()
  /** Since the suspension, or since the last release. */
  #moreRejected = 0
  #moreSinceMs = 0
  /** Forbidden since the last acceptance: the first few. */
  readonly #forbiddenConversations = new Set<string>()
  readonly #forbiddenBusinesses = new Set<string>()
  /** The last accepted business, and the last accepted one other than that: enough to tell "another". */
  #accepted: { business: string; atMs: number }[] = []

  constructor(id: string, organization: string, suspender: Suspender) {
    this.id = id
    this.#organization = organization
    this.#suspender = suspender
  }

  /** What a message of this business has to wait for, if anything. */
  suspensionOf(business: string): Suspension | undefined {
    return this.#suspension ?? this.#businesses.get(business)
  }

  accepted(business: string, nowMs: number): void {
    this.#rejectedInRow = 0
    this.#rejectedConversations.clear()
    this.#forbiddenConversations.clear()
    this.#forbiddenBusinesses.clear()
    const [last] = this.#accepted
    if (last?.business === business) last.atMs = nowMs
    else this.#accepted = [{ business, atMs: nowMs }, ...(last === undefined ? [] : [last])]
    this.#endChannel(nowMs)
    this.#endBusiness(business, nowMs)
  }

  /** Whether a business other than this one was accepted after `sinceMs`. */
  otherAcceptedSince(business: string, sinceMs: number): boolean {
    return this.#accepted.some((accepted) => accepted.business !== business && accepted.atMs > sinceMs)
  }

  /** A message was rejected, which blames the message: unless all are. */
  rejected(conversation: string, business: string, status: number, nowMs: number): Verdict {
    this.#endBusiness(business, nowMs)
    const suspension = this.#suspension
    if (suspension?.of.cause === 'rejected') {
      this.#moreRejected += 1
      const isLong = nowMs - this.#moreSinceMs >= moreRejectedForMs
      if (this.#moreRejected < moreRejectedMin || !isLong) return 'keep'
      this.#moreRejected = 0
      this.#moreSinceMs = nowMs
      return 'release'
    }
    this.#endChannel(nowMs)
    this.#rejectedInRow += 1
    const conversations = this.#rejectedConversations
    if (conversations.size < rejectedConversationsMin) conversations.add(conversation)
    if (this.#rejectedInRow < rejectedInRowMax || conversations.size < rejectedConversationsMin) return 'putAway'
    this.#moreRejected = 0
    this.#moreSinceMs = nowMs
    this.#suspend('rejected', status, nowMs)
    return 'keep'
  }

  forbidden(conversation: string, business: string, status: number, nowMs: number): void {
    if (this.#suspension?.of.cause === 'rejected') this.#endChannel(nowMs)
    if (this.#forbiddenConversations.size < forbiddenConversationsMin) this.#forbiddenConversations.add(conversation)
    if (this.#forbiddenBusinesses.size < forbiddenBusinessesMin) this.#forbiddenBusinesses.add(business)
    if (this.#suspension !== undefined) return
    const conversations = this.#forbiddenConversations.size
    if (conversations >= forbiddenConversationsMin && this.#forbiddenBusinesses.size >= forbiddenBusinessesMin) {
      this.#suspend('forbidden', status, nowMs)
    } else if (!this.#businesses.has(business)) {
      if (this.#businesses.size >= businessesMax) this.#endBusiness(this.#leastNeeded(), nowMs)
      const suspension = this.#create('business', business, 'forbidden', status, nowMs)
      this.#businesses.set(business, suspension)
      this.#suspender.begin(suspension, nowMs)
    }
  }

  /** Forgets what it made of Partoo's answers: another replica speaks with Partoo now. */
  forget(nowMs: number): void {
    this.#rejectedInRow = 0
    this.#rejectedConversations.clear()
    this.#forbiddenConversations.clear()
    this.#forbiddenBusinesses.clear()
    this.#accepted = []
    this.#endChannel(nowMs)
    for (const business of [...this.#businesses.keys()]) this.#endBusiness(business, nowMs)
  }

  /** Suspends the channel as a whole; its businesses are not suspended one by one any more. */
  #suspend(cause: 'rejected' | 'forbidden', status: number, nowMs: number): void {
    for (const business of [...this.#businesses.keys()]) this.#endBusiness(business, nowMs)
    this.#suspension = this.#create('channel', null, cause, status, nowMs)
    this.#suspender.begin(this.#suspension, nowMs)
  }

  /** The business that is let go: one for which nobody waits, else the first. */
  #leastNeeded(): string {
    let first: string | undefined
    for (const [business, { parked, nextProbeMs }] of this.#businesses) {
      if (parked.size === 0 && nextProbeMs !== Number.POSITIVE_INFINITY) return business
      first ??= business
    }
    return first ?? ''
  }

  #create(
    scope: 'channel' | 'business',
    businessId: string | null,
    cause: 'rejected' | 'forbidden',
    status: number,
    nowMs: number,
  ): Suspension {
    return new Suspension(
      { scope, organization: this.#organization, channelId: this.id, businessId, cause, status },
      nowMs,
    )
  }

  #endChannel(nowMs: number): void {
    const suspension = this.#suspension
    this.#suspension = undefined
    if (suspension !== undefined) this.#suspender.end(suspension, nowMs)
  }

  #endBusiness(business: string, nowMs: number): void {
    const suspension = this.#businesses.get(business)
    if (suspension === undefined) return
    this.#businesses.delete(business)
    this.#suspender.end(suspension, nowMs)
  }
}

/** Whether an answer says again what something is suspended for; null where it says nothing about it. */
export function refuses({ of }: Suspension, answer: Answer): boolean | null {
  switch (answer.kind) {
    case 'limited':
      return null
    case 'unavailable':
      return of.cause === 'unavailable' ? true : null
    case 'accepted':
    case 'rejected':
    case 'forbidden':
    case 'misdirected':
      return of.cause === answer.kind
  }
}

export type Refused = Entry & { stage: InLane & { refusal: NonNullable<InLane['refusal']> } }

/** The heads that Partoo refused while their channel was suspended for that. */
export function refusedHeads(lanes: Iterable<Lane>): Refused[] {
  const refused: Refused[] = []
  for (const lane of lanes) {
    if (lane.state.kind === 'parked' && lane.head.stage.refusal?.during.hasEnded === false)
      refused.push(lane.head as Refused)
  }
  return refused
}
