// One organization of Partoo: its limit, its pause, and whose turn it is among its conversations. A conversation gets one
// call a turn, however long its queue: one with 10,000 messages delays another by one message.

import { DueQueue } from './due-queue.ts'
import { Fifo } from './fifo.ts'
import type { Lane } from './lane.ts'
import { Limiter, type LimiterOptions } from './limiter.ts'

export class Organization {
  readonly name: string
  readonly limiter: Limiter
  readonly #ready = new Fifo<Lane>()
  readonly #backoffs = new DueQueue<Lane>()
  /** No call starts before: Partoo answered 429. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  /** Messages accepted so far. */
  acceptances = 0
  /** Per channel the last accepted business, and the last accepted one other than that: enough to tell "another". */
  readonly #accepted = new Map<string, { business: string; atMs: number }[]>()

  constructor(name: string, limit: LimiterOptions) {
    this.name = name
    this.limiter = new Limiter(limit)
  }

  get pausedUntilMs(): number {
    return this.#pausedUntilMs
  }

  /** Puts a lane at the end of the turns. */
  ready(lane: Lane): void {
    lane.state = { kind: 'ready' }
    this.#ready.push(lane)
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

  /** The lane whose turn it is, if a call may start at `nowMs`; else when to ask again (Infinity: after some fact). */
  next(nowMs: number): { kind: 'lane'; lane: Lane } | { kind: 'wait'; untilMs: number } {
    for (let lane = this.#backoffs.take(nowMs); lane !== undefined; lane = this.#backoffs.take(nowMs)) {
      // A lane that was emptied meanwhile (its partition is gone) is in another state, or waits for another time.
      if (lane.state.kind === 'backoff' && lane.state.dueMs <= nowMs) this.ready(lane)
    }
    while (this.#ready.first !== undefined && this.#ready.first.state.kind !== 'ready') this.#ready.shift()
    if (this.#ready.first === undefined) return { kind: 'wait', untilMs: this.#backoffs.nextMs }
    if (nowMs < this.#pausedUntilMs) return { kind: 'wait', untilMs: this.#pausedUntilMs }
    const permission = this.limiter.permission(nowMs)
    if (permission.kind === 'wait') return { kind: 'wait', untilMs: permission.untilMs ?? Number.POSITIVE_INFINITY }
    return { kind: 'lane', lane: this.#ready.shift() as Lane }
  }

  accepted(channelId: string, business: string, nowMs: number): void {
    this.acceptances += 1
    const others = (this.#accepted.get(channelId) ?? []).filter((last) => last.business !== business)
    this.#accepted.set(channelId, [{ business, atMs: nowMs }, ...others].slice(0, 2))
  }

  /** Whether a business other than this one was accepted on the channel after `sinceMs`. */
  otherAcceptedSince(channelId: string, business: string, sinceMs: number): boolean {
    const last = this.#accepted.get(channelId) ?? []
    return last.some((accepted) => accepted.business !== business && accepted.atMs > sinceMs)
  }
}
