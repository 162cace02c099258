// Something of which Partoo takes nothing: an organization, a channel, or a business on a channel. Its conversations are
// parked here, and one probe at a time goes out, at growing intervals, until one is answered otherwise. New arrivals and what
// was not refused yet go first; probes rotate over businesses and their conversations, as the fault may lie with one of them.

import type { SuspensionReport, SuspensionScope } from './facts.ts'
import { Fifo } from './fifo.ts'
import type { Lane } from './lane.ts'

/** The interval between probes: the first, and the longest, to which it doubles. */
const probeEvery: Record<SuspensionScope, { firstMs: number; maxMs: number }> = {
  credential: { firstMs: 5_000, maxMs: 300_000 },
  channel: { firstMs: 5_000, maxMs: 300_000 },
  business: { firstMs: 5_000, maxMs: 300_000 },
  outage: { firstMs: 1_000, maxMs: 30_000 },
}

export type SuspensionOf = Omit<SuspensionReport, 'forMs'>

export class Suspension {
  readonly of: SuspensionOf
  readonly sinceMs: number
  readonly parked = new Parked()
  #delayMs: number
  #nextProbeMs: number
  #probing = false
  /** The earliest time at which the organization looks for its next probe; Infinity where it does not. */
  armedMs = Number.POSITIVE_INFINITY
  hasEnded = false

  constructor(of: SuspensionOf, nowMs: number) {
    this.of = of
    this.sinceMs = nowMs
    this.#delayMs = probeEvery[of.scope].firstMs
    this.#nextProbeMs = nowMs + this.#delayMs
  }

  /** When the next probe may start; Infinity while one is under way. */
  get nextProbeMs(): number {
    return this.#probing ? Number.POSITIVE_INFINITY : this.#nextProbeMs
  }

  probeStarted(): void {
    this.#probing = true
  }

  /**
   * A probe has ended, and it goes on.
   *
   * @param refused whether it was answered with what it is suspended for; else the answer said nothing about it
   * @param retryAfterMs what the answer asked for
   */
  probeEnded(refused: boolean, retryAfterMs: number, nowMs: number): void {
    this.#probing = false
    if (refused) this.#delayMs = Math.min(this.#delayMs * 2, probeEvery[this.of.scope].maxMs)
    this.#nextProbeMs = nowMs + Math.max(this.#delayMs, retryAfterMs)
  }

  report(nowMs: number): SuspensionReport {
    return { ...this.of, forMs: nowMs - this.sinceMs }
  }
}

type Place = { lane: Lane; ticket: number }

/** Lanes that wait, by business in turns: what was not refused yet first. */
export class Parked {
  #fresh = new Map<string, Fifo<Place>>()
  #refused = new Map<string, Fifo<Place>>()
  #ticket = 0
  #size = 0

  /** How many wait, those included that have been given up meanwhile. */
  get size(): number {
    return this.#size
  }

  /** @param refused whether its head was refused before */
  park(lane: Lane, business: string, refused: boolean): void {
    this.#ticket += 1
    lane.state = { kind: 'parked', by: this, ticket: this.#ticket }
    this.#add(refused ? this.#refused : this.#fresh, business, { lane, ticket: this.#ticket })
  }

  /** Takes out the lane whose turn it is. */
  take(): Lane | undefined {
    return this.#takeFrom(this.#fresh) ?? this.#takeFrom(this.#refused)
  }

  /** Forgets lanes that have been given up. */
  sweep(): void {
    for (const places of [this.#fresh, this.#refused]) {
      for (const [business, queue] of places) {
        const before = queue.length
        queue.filter((place) => this.#isHere(place))
        this.#size -= before - queue.length
        if (queue.length === 0) places.delete(business)
      }
    }
  }

  #isHere({ lane, ticket }: Place): boolean {
    return lane.state.kind === 'parked' && lane.state.by === this && lane.state.ticket === ticket
  }

  #add(places: Map<string, Fifo<Place>>, business: string, place: Place): void {
    const queue = places.get(business) ?? new Fifo<Place>()
    queue.push(place)
    places.set(business, queue)
    this.#size += 1
  }

  #takeFrom(places: Map<string, Fifo<Place>>): Lane | undefined {
    for (const [business, queue] of places) {
      // To the end of the map: businesses take turns.
      places.delete(business)
      const place = queue.shift()
      if (queue.length > 0) places.set(business, queue)
      if (place === undefined) continue
      this.#size -= 1
      if (this.#isHere(place)) return place.lane
    }
    return undefined
  }
}
