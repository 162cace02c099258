// The table of DESIGN.md ("Answers and what they mean"), its third column, read backwards: from the answers that one replica
// was given it follows what must be suspended, and judges by it every call, every message put away, and what the core says of
// it. What is suspended is asked once in a while, by one call at a time, and is heard when it works again.

import type { Effect, SuspensionScope } from '@bridge/ingestor/core/facts'
import type { Answer } from '@bridge/partoo/answer'
import { fail } from './failure.ts'
import { nameOf } from './partoo-model.ts'
import { type CallOf, callOf } from './trouble.ts'
import type { WorldRecord } from './world.ts'

type Suspended = {
  readonly scope: SuspensionScope
  readonly cause: Answer['kind']
  readonly organization: string
  readonly channelId: string | null
  readonly business: string | null
  readonly sinceMs: number
  /** Calls up to this one were under way when it began: they are no probes. */
  readonly afterCall: number
  /** When it began, or the last probe ended. */
  lastMs: number
  /** Since when nothing but itself keeps what waits for it. */
  freeMs: number
}

/** Refused in a row on one channel, or failed in a row in one organization. */
type Row = { count: number; conversations: Set<string> }

type ChannelState = {
  rejected: Row
  /** While it is suspended for rejections: how many more. */
  more: number
  forbidden: { conversations: Set<string>; businesses: Set<string> }
}

const probeMs = {
  credential: { least: 5_000, most: 300_000 },
  channel: { least: 5_000, most: 300_000 },
  business: { least: 5_000, most: 300_000 },
  outage: { least: 1_000, most: 30_000 },
} as const satisfies Record<SuspensionScope, object>
/** A conversation's own backoff, Retry-After, and its turn within a small limit. */
const probeSlackMs = 160_000
const rejectedInRow = { calls: 20, conversations: 5 }
const rejectedMore = { calls: 20, ms: 15 * 60_000 }
const forbidden = { conversations: 3, businesses: 2 }
const outage = { calls: 20, conversations: 10, silenceMs: 2_000 }
/** Clocks that start anywhere lose the last digits. */
const roundingMs = 1e-3

export class SuspensionWatch {
  readonly #name: string
  readonly #suspended = new Map<string, Suspended>()
  readonly #channels = new Map<string, ChannelState>()
  readonly #failures = new Map<string, Row>()
  readonly #acceptedMs = new Map<string, number>()
  /** Calls under way, by token, with their number. */
  readonly #calls = new Map<number, { of: CallOf; number: number }>()
  readonly #told = new Set<string>()
  #started = 0
  #standsBy = false

  constructor(name: string) {
    this.#name = name
  }

  /** The replica has no partitions any more: another speaks with Partoo, and what was learned here counts no more. */
  standsBy(): void {
    this.#standsBy = true
    this.#suspended.clear()
    this.#channels.clear()
    this.#failures.clear()
  }

  /** A call starts: while what it belongs to is suspended it is a probe, the only one, and not too early. */
  started(token: number, record: WorldRecord, nowMs: number): void {
    this.#standsBy = false
    const of = callOf(record)
    const suspended = this.#outermost(of)
    if (suspended !== undefined) {
      const name = `${this.#name}: ${nameOf(record)}`
      for (const { number, of: other } of this.#calls.values()) {
        if (number > suspended.afterCall && covers(suspended, other))
          fail('answers', `${name} is called while another probe of the ${keyOf(suspended)} is under way`)
      }
      const passedMs = nowMs - suspended.lastMs
      if (passedMs < probeMs[suspended.scope].least - roundingMs)
        fail('answers', `${name} is called ${passedMs} ms after the ${keyOf(suspended)} was found suspended`)
    }
    this.#started += 1
    this.#calls.set(token, { of, number: this.#started })
  }

  /** A call ended: what its answer says of what it belongs to. */
  ended(token: number, answer: Answer, nowMs: number): void {
    const { of, number } = this.#calls.get(token)!
    this.#calls.delete(token)
    if (this.#standsBy) return
    for (const suspended of this.#suspended.values()) {
      if (covers(suspended, of) && number > suspended.afterCall) suspended.lastMs = nowMs
    }
    this.#endWhole(of, answer)
    switch (answer.kind) {
      case 'accepted':
        this.#accepted(of, nowMs)
        return
      case 'rejected':
        this.#failures.delete(of.organization)
        this.#rejected(of, nowMs)
        return
      case 'forbidden':
        this.#failures.delete(of.organization)
        this.#forbidden(of, nowMs)
        return
      case 'misdirected':
        this.#failures.delete(of.organization)
        if (this.#whole(of) === undefined) this.#begin('credential', answer.kind, of, nowMs)
        return
      case 'unavailable':
        this.#unavailable(of, nowMs)
        return
      case 'limited':
        return
      default:
        answer satisfies never
    }
  }

  /** A message is put away as rejected: not while its channel is suspended, unless that lasts. */
  judgeRejected(record: WorldRecord, nowMs: number): void {
    const { channelId } = callOf(record)
    const suspended = this.#suspended.get(`channel ${channelId}`)
    if (suspended?.cause !== 'rejected') return
    const { more } = this.#channelOf(channelId)
    const forMs = nowMs - suspended.sinceMs
    if (more < rejectedMore.calls || forMs < rejectedMore.ms) {
      const name = `${this.#name}: ${nameOf(record)}`
      fail('answers', `${name} is put away while ${channelId} is suspended: ${more} refused since, in ${forMs} ms`)
    }
  }

  /** What the core told in one step is what is so then. */
  judgeTold(effects: Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'tellSuspension') continue
      const key = keyOf({ ...effect, business: effect.businessId })
      if (effect.suspended) this.#told.add(key)
      else this.#told.delete(key)
    }
    if (this.#told.size === this.#suspended.size && [...this.#told].every((key) => this.#suspended.has(key))) return
    const [told, are] = [this.#told, this.#suspended].map((all) => [...all.keys()].join(', ') || 'nothing')
    fail('answers', `${this.#name}: told to be suspended: ${told}; what was answered suspends ${are}`)
  }

  get isAny(): boolean {
    return this.#suspended.size > 0
  }

  /**
   * Something that is suspended, for which somebody waits, is asked again in time.
   *
   * @param isHeld whether something else keeps calls of an organization
   * @param waits records that could be called
   */
  judgeProbes(nowMs: number, isHeld: (organization: string) => boolean, waits: () => Iterable<WorldRecord>): void {
    if (this.#suspended.size === 0) return
    const calls = [...waits()].map((record) => ({ record, of: callOf(record) }))
    for (const suspended of this.#suspended.values()) {
      const first = calls.find(({ of }) => covers(suspended, of) && this.#outermost(of) === suspended)
      const isProbed = [...this.#calls.values()].some(({ of }) => covers(suspended, of))
      if (isProbed || isHeld(suspended.organization) || first === undefined) {
        suspended.freeMs = nowMs
        continue
      }
      const passedMs = nowMs - Math.max(suspended.freeMs, suspended.lastMs)
      if (passedMs > probeMs[suspended.scope].most + probeSlackMs)
        fail(
          'liveness',
          `${this.#name}: ${nameOf(first.record)} waits for the ${keyOf(suspended)}, not asked for ${passedMs} ms`,
        )
    }
  }

  // ── What the answers say ───────────────────────────────────────────────────────────────────────────────────────────

  #endWhole(of: CallOf, { kind }: Answer): void {
    if (kind === 'limited' || kind === 'unavailable') return
    this.#suspended.delete(`outage ${of.organization}`)
    if (kind !== 'misdirected') this.#suspended.delete(`credential ${of.organization}`)
  }

  #accepted(of: CallOf, nowMs: number): void {
    this.#failures.delete(of.organization)
    this.#acceptedMs.set(of.organization, nowMs)
    this.#channels.delete(of.channelId)
    this.#suspended.delete(`channel ${of.channelId}`)
    this.#suspended.delete(`business ${of.channelId} ${of.business}`)
  }

  #rejected(of: CallOf, nowMs: number): void {
    const channel = this.#channelOf(of.channelId)
    this.#suspended.delete(`business ${of.channelId} ${of.business}`)
    const suspended = this.#suspended.get(`channel ${of.channelId}`)
    if (suspended?.cause === 'rejected') {
      channel.more += 1
      return
    }
    if (suspended !== undefined) this.#suspended.delete(keyOf(suspended))
    const row = channel.rejected
    row.count += 1
    row.conversations.add(of.conversation)
    if (row.count < rejectedInRow.calls || row.conversations.size < rejectedInRow.conversations) return
    channel.more = 0
    this.#begin('channel', 'rejected', of, nowMs)
  }

  #forbidden(of: CallOf, nowMs: number): void {
    const { conversations, businesses } = this.#channelOf(of.channelId).forbidden
    conversations.add(of.conversation)
    businesses.add(of.business)
    const suspended = this.#suspended.get(`channel ${of.channelId}`)
    if (suspended?.cause === 'forbidden') return
    if (suspended !== undefined) this.#suspended.delete(keyOf(suspended))
    if (conversations.size >= forbidden.conversations && businesses.size >= forbidden.businesses)
      this.#begin('channel', 'forbidden', of, nowMs)
    else if (!this.#suspended.has(`business ${of.channelId} ${of.business}`))
      this.#begin('business', 'forbidden', of, nowMs)
  }

  #unavailable(of: CallOf, nowMs: number): void {
    const row = this.#failures.get(of.organization) ?? { count: 0, conversations: new Set() }
    this.#failures.set(of.organization, row)
    row.count += 1
    row.conversations.add(of.conversation)
    if (row.count < outage.calls || row.conversations.size < outage.conversations) return
    const silentMs = nowMs - (this.#acceptedMs.get(of.organization) ?? Number.NEGATIVE_INFINITY)
    if (silentMs >= outage.silenceMs && this.#whole(of) === undefined) this.#begin('outage', 'unavailable', of, nowMs)
  }

  #begin(scope: SuspensionScope, cause: Answer['kind'], of: CallOf, nowMs: number): void {
    // Its businesses are not suspended one by one any more.
    if (scope === 'channel') {
      for (const [key, { channelId }] of this.#suspended) if (channelId === of.channelId) this.#suspended.delete(key)
    }
    const suspended: Suspended = {
      scope,
      cause,
      organization: of.organization,
      channelId: scope === 'channel' || scope === 'business' ? of.channelId : null,
      business: scope === 'business' ? of.business : null,
      sinceMs: nowMs,
      afterCall: this.#started,
      lastMs: nowMs,
      freeMs: nowMs,
    }
    this.#suspended.set(keyOf(suspended), suspended)
  }

  #channelOf(channelId: string): ChannelState {
    const known = this.#channels.get(channelId)
    if (known !== undefined) return known
    const rejected = { count: 0, conversations: new Set<string>() }
    const none = { conversations: new Set<string>(), businesses: new Set<string>() }
    const channel = { rejected, more: 0, forbidden: none }
    this.#channels.set(channelId, channel)
    return channel
  }

  #whole({ organization }: CallOf): Suspended | undefined {
    return this.#suspended.get(`credential ${organization}`) ?? this.#suspended.get(`outage ${organization}`)
  }

  #outermost(of: CallOf): Suspended | undefined {
    if (this.#suspended.size === 0) return undefined
    const { channelId, business } = of
    return (
      this.#whole(of) ??
      this.#suspended.get(`channel ${channelId}`) ??
      this.#suspended.get(`business ${channelId} ${business}`)
    )
  }
}

function covers({ organization, channelId, business }: Suspended, of: CallOf): boolean {
  if (channelId === null) return organization === of.organization
  return channelId === of.channelId && (business === null || business === of.business)
}

function keyOf(of: {
  scope: SuspensionScope
  organization: string
  channelId: string | null
  business: string | null
}) {
  const { scope, organization, channelId, business } = of
  if (channelId === null) return `${scope} ${organization}`
  return business === null ? `${scope} ${channelId}` : `${scope} ${channelId} ${business}`
}
