// Owns the question "is this request within the organization's limit?", for the three kinds of limiter a server may
// have. Pure: time comes in as `nowMs`. Which kind Partoo runs is not published, so that a client must please all three.
//
//   fixed-window    at most N in each window of 60 s; windows follow one another from the limiter's origin
//   sliding-window  at most N in any 60 s: exact, a request counts until 60 s after it was admitted
//   token-bucket    a bucket of `burst` tokens, refilled evenly with N a minute; a request takes one
//
// A refused request is not counted: it neither fills a window nor takes a token.

import type { RateLimitKind } from './options.ts'

export const windowMs = 60_000

export type RateLimitRule = { kind: RateLimitKind; perMinute: number; burst: number | null }
export type RateLimitAnswer = { kind: 'admitted' } | { kind: 'refused'; retryAfterMs: number }

const admitted: RateLimitAnswer = { kind: 'admitted' }

export class RateLimit {
  readonly rule: RateLimitRule
  readonly #originMs: number
  /** When the requests of the last 60 s were admitted, oldest first, from `#head` on. */
  #times: number[]
  #head = 0
  #tokens: number
  #filledMs: number

  /**
   * @param rule how many a minute (0: no limit), and how they are counted
   * @param originMs where fixed windows start
   * @param times requests already admitted in the last minute, oldest first (when a limit is changed at run time)
   */
  constructor(rule: RateLimitRule, originMs: number, times: readonly number[] = []) {
    this.rule = rule
    this.#originMs = originMs
    this.#times = [...times]
    this.#tokens = Math.max(0, this.#burst - times.length)
    this.#filledMs = times.at(-1) ?? originMs
  }

  /** Would a request at `nowMs` be admitted? Changes nothing that counts. */
  check(nowMs: number): RateLimitAnswer {
    const { kind, perMinute } = this.rule
    if (perMinute === 0) return admitted
    switch (kind) {
      case 'fixed-window':
        return this.#checkFixed(nowMs)
      case 'sliding-window':
        return this.#checkSliding(nowMs)
      case 'token-bucket':
        return this.#checkBucket(nowMs)
      default:
        return kind satisfies never
    }
  }

  /** Admits and counts a request at `nowMs`, or refuses it and says for how many milliseconds. */
  take(nowMs: number): RateLimitAnswer {
    const answer = this.check(nowMs)
    if (answer.kind === 'refused' || this.rule.perMinute === 0) return answer
    this.#forget(nowMs)
    this.#times.push(nowMs)
    if (this.rule.kind === 'token-bucket') this.#tokens -= 1
    return answer
  }

  /** The same organization under another rule: what was admitted in the last minute still counts. */
  changedTo(rule: RateLimitRule, nowMs: number): RateLimit {
    this.#forget(nowMs)
    return new RateLimit(rule, this.#originMs, this.#times.slice(this.#head))
  }

  get #burst(): number {
    return this.rule.burst ?? Math.max(1, this.rule.perMinute)
  }

  #checkFixed(nowMs: number): RateLimitAnswer {
    const startMs = nowMs - ((((nowMs - this.#originMs) % windowMs) + windowMs) % windowMs)
    let count = 0
    for (let at = this.#times.length - 1; at >= this.#head && (this.#times[at] ?? 0) >= startMs; at -= 1) count += 1
    return count < this.rule.perMinute ? admitted : { kind: 'refused', retryAfterMs: startMs + windowMs - nowMs }
  }

  #checkSliding(nowMs: number): RateLimitAnswer {
    this.#forget(nowMs)
    const count = this.#times.length - this.#head
    if (count < this.rule.perMinute) return admitted
    // The one whose leaving brings the count below the limit (the oldest, unless the limit was lowered meanwhile).
    const leaves = this.#times[this.#head + count - this.rule.perMinute] ?? nowMs
    return { kind: 'refused', retryAfterMs: leaves + windowMs - nowMs }
  }

  #checkBucket(nowMs: number): RateLimitAnswer {
    const perMs = this.rule.perMinute / windowMs
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#filledMs) * perMs)
    this.#filledMs = Math.max(this.#filledMs, nowMs)
    // The tolerance keeps the promise of retryAfterMs where the additions above round down.
    if (this.#tokens >= 1 - 1e-6) return admitted
    return { kind: 'refused', retryAfterMs: (1 - this.#tokens) / perMs }
  }

  /** Drops what no window can see any more, so that the list never outgrows one minute. */
  #forget(nowMs: number): void {
    while (this.#head < this.#times.length && (this.#times[this.#head] ?? 0) <= nowMs - windowMs) this.#head += 1
    if (this.#head > 1_024 && this.#head * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#head)
      this.#head = 0
    }
  }
}
