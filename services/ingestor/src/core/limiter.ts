// The limiter of one organization: may a call start now, or when. Partoo does not say how it counts, so it is right for
// all three usual ways at once:
//   M1  no window of 60 s, fixed or sliding, holds more than the limit: a call occupies the window from its start until
//       60 s after its answer, as the server may have counted it at any instant between the two
//   M2  calls are spaced evenly, with a burst after a quiet time (GCRA): a token bucket of twice the burst never runs dry
// Only a correct count of starts and ends makes it correct: every `started` is followed by one `ended`.

const windowMs = 60_000

export type LimiterOptions = {
  /** Requests in 60 s; 0: no limit. */
  limitPerMinute: number
  /** Calls that may start at once after a quiet time; at least 1. */
  burst: number
}

/** `untilMs` is null where only the end of a call can help. */
export type Permission = { kind: 'now' } | { kind: 'wait'; untilMs: number | null }

export class Limiter {
  readonly #limit: number
  readonly #intervalMs: number
  readonly #burstMs: number
  /** When the next call would be due if all had been spaced evenly. */
  #dueMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  /** Ends of calls that still occupy the window, oldest first, from `#head` on. */
  #endedMs: number[] = []
  #head = 0

  constructor(options: LimiterOptions) {
    this.#limit = options.limitPerMinute
    this.#intervalMs = options.limitPerMinute === 0 ? 0 : windowMs / options.limitPerMinute
    this.#burstMs = (Math.max(1, options.burst) - 1) * this.#intervalMs
  }

  /** Says whether a call may start at `nowMs`. Takes nothing: call `started` when it does. */
  permission(nowMs: number): Permission {
    if (this.#limit === 0) return { kind: 'now' }
    this.#forget(nowMs)
    if (this.#inFlight + this.#endedMs.length - this.#head >= this.#limit) {
      const oldestMs = this.#endedMs[this.#head]
      return { kind: 'wait', untilMs: oldestMs === undefined ? null : oldestMs + windowMs + 1 }
    }
    const earliestMs = this.#dueMs - this.#burstMs
    return nowMs >= earliestMs ? { kind: 'now' } : { kind: 'wait', untilMs: earliestMs }
  }

  started(nowMs: number): void {
    this.#inFlight += 1
    this.#dueMs = Math.max(this.#dueMs, nowMs) + this.#intervalMs
  }

  ended(nowMs: number): void {
    this.#inFlight -= 1
    if (this.#inFlight < 0) throw new Error('more calls ended than started')
    if (this.#limit > 0) this.#endedMs.push(nowMs)
  }

  /** The share of the limit that the last 60 s hold: 0 to 1, and 0 where there is no limit. */
  usedRatio(nowMs: number): number {
    if (this.#limit === 0) return 0
    this.#forget(nowMs)
    return (this.#inFlight + this.#endedMs.length - this.#head) / this.#limit
  }

  #forget(nowMs: number): void {
    while ((this.#endedMs[this.#head] ?? Number.POSITIVE_INFINITY) + windowMs < nowMs) this.#head += 1
    if (this.#head > 1024 && this.#head * 2 > this.#endedMs.length) {
      this.#endedMs = this.#endedMs.slice(this.#head)
      this.#head = 0
    }
  }
}
