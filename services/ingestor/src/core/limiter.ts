// The limiter of one organization on this replica: may a call start now, or when. Partoo does not say how it counts, so it is
// right for all three usual ways at once:
//   M1  no window of 60 s, fixed or sliding, holds more than this replica's share of the limit: a call occupies the window from
//       its start until 60 s after its answer, as the server may have counted it at any instant between the two
//   M2  calls are spaced evenly, with a burst after a quiet time: a token bucket of twice the burst at the server never runs
//       dry, as long as the time that calls take to arrive varies by no more than burst ÷ rate
//   M3  a share that shrinks counts at once. One that grows, from nothing too, was another's until then, or this process's
//       before a restart, and what that sent is not known here. So what is gained counts from burst ÷ rate after it was given,
//       from then on evenly, without a burst: a minute after, that other's calls have left every window. At least a second, as
//       calls of the one before may still be on their way
// Only a correct count of starts and ends makes it correct: every `started` is followed by one `ended`.

const windowMs = 60_000
/** What is gained counts no sooner: the one before may have calls on their way. */
const holdMsMin = 1_000
/** What is lost by adding up parts of a call; without it a wait would end a nanosecond early, again and again. */
const rounding = 1e-6

export type LimiterOptions = {
  /** Requests in 60 s of the whole organization; 0: no limit. */
  limitPerMinute: number
  /** Calls that may start at once after a quiet time, of the whole organization; at least 1. */
  burst: number
}

/** `untilMs` is null where only the end of a call, or a share, can help. */
export type Permission = { kind: 'now' } | { kind: 'wait'; untilMs: number | null }

/** A part of the share: it counts from `fromMs` on, and its window fills evenly until `fullMs`. */
type Part = { share: number; fromMs: number; fullMs: number }

export class Limiter {
  readonly #limit: number
  readonly #burst: number
  /** Calls in a millisecond with the whole share. */
  readonly #perMs: number
  /** What the share was put together from, the oldest first; what shrinks is taken from the newest. */
  #parts: Part[] = []
  #tokens = 0
  #refilledMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  /** Ends of calls that still occupy the window, oldest first, from `#head` on. */
  #endedMs: number[] = []
  #head = 0
  /** Those before were sent with a share that was taken away since, all of it. */
  #departed = 0

  constructor(options: LimiterOptions) {
    this.#limit = options.limitPerMinute
    this.#burst = Math.max(1, options.burst)
    this.#perMs = options.limitPerMinute / windowMs
  }

  /** The share that counts now. */
  share(nowMs: number): number {
    let share = 0
    for (const part of this.#parts) if (part.fromMs <= nowMs) share += part.share
    return share
  }

  /**
   * Takes note of the share that this replica was given (M3).
   *
   * @param share 0 to 1
   * @param unit the least share that a replica can have: each may start one call at once, however small its share is
   */
  assign(share: number, nowMs: number, unit = 1): void {
    this.#refill(nowMs)
    const given = this.#parts.reduce((sum, part) => sum + part.share, 0)
    if (share > given + rounding) {
      const holdMs = this.#limit === 0 ? 0 : Math.max(holdMsMin, Math.max(this.#burst, 1 / unit) / this.#perMs)
      this.#parts.push({ share: share - given, fromMs: nowMs + holdMs, fullMs: nowMs + Math.max(windowMs, holdMs) })
      // With another unit the later one may count the sooner.
      this.#parts.sort((a, b) => a.fromMs - b.fromMs)
      return
    }
    for (let excess = given - share; excess > rounding; ) {
      const last = this.#parts.at(-1)
      if (last === undefined) break
      const taken = Math.min(last.share, excess)
      last.share -= taken
      excess -= taken
      if (last.share <= rounding) this.#parts.pop()
    }
    if (this.#parts.length > 0) {
      this.#tokens = Math.min(this.#tokens, this.#tokensMax(nowMs))
      return
    }
    // What was sent until now is part of what whoever is given it next, this replica too, leaves room for.
    this.#tokens = 0
    this.#departed = this.#endedMs.length
  }

  /** Says whether a call may start at `nowMs`. Takes nothing: call `started` when it does. */
  permission(nowMs: number): Permission {
    const share = this.share(nowMs)
    const growsMs = this.#parts.find(({ fromMs }) => fromMs > nowMs)?.fromMs ?? Number.POSITIVE_INFINITY
    if (share === 0) return wait(growsMs)
    if (this.#limit === 0) return { kind: 'now' }
    this.#refill(nowMs)
    this.#forget(nowMs)
    const wholeMs = this.#untilRoomMs(nowMs, this.#head, this.#wholeCalls(share), 0)
    const { max, perMs } = this.#window(nowMs)
    const roomMs = Math.max(wholeMs, this.#untilRoomMs(nowMs, Math.max(this.#head, this.#departed), max, perMs))
    if (roomMs > nowMs) return wait(Math.min(growsMs, roomMs))
    if (this.#tokens >= 1 - rounding) return { kind: 'now' }
    return wait(Math.min(growsMs, nowMs + (1 - this.#tokens) / (this.#perMs * share)))
  }

  started(nowMs: number): void {
    this.#refill(nowMs)
    this.#inFlight += 1
    if (this.#limit > 0) this.#tokens = Math.max(0, this.#tokens - 1)
  }

  ended(nowMs: number): void {
    this.#inFlight -= 1
    if (this.#inFlight < 0) throw new Error('more calls ended than started')
    if (this.#limit > 0) this.#endedMs.push(nowMs)
  }

  /** The part of the organization's limit that this replica used in the last 60 s: 0 to 1, and 0 where there is no limit. */
  usedRatio(nowMs: number): number {
    if (this.#limit === 0) return 0
    this.#forget(nowMs)
    return this.#inWindow / this.#limit
  }

  get #inWindow(): number {
    return this.#inFlight + this.#endedMs.length - this.#head
  }

  /** How many calls the window may hold now, and by how many more a millisecond later. */
  #window(nowMs: number): { max: number; perMs: number } {
    let full = 0
    let filling = 0
    let perMs = 0
    for (const { share, fromMs, fullMs } of this.#parts) {
      if (nowMs >= fullMs) full += share
      else if (nowMs >= fromMs) {
        filling += share * this.#perMs * (nowMs - fromMs)
        perMs += share * this.#perMs
      }
    }
    const max = perMs === 0 ? this.#wholeCalls(full) : Math.floor(this.#limit * full + filling + rounding)
    return { max, perMs }
  }

  /** Whole calls only; but with a share of less than one call a minute it would never call at all. */
  #wholeCalls(share: number): number {
    return Math.max(1, Math.floor(this.#limit * share + rounding))
  }

  /**
   * When a window has room for one more call: enough have left it, or it is wide enough, or both in part.
   *
   * @param head the first of the ends that count
   * @param perMs how fast the window widens
   */
  #untilRoomMs(nowMs: number, head: number, max: number, perMs: number): number {
    const missing = this.#inFlight + this.#endedMs.length - head + 1 - max
    if (missing <= 0) return nowMs
    const leftMs = (calls: number) =>
      calls === 0 ? nowMs : (this.#endedMs[head + calls - 1] ?? Number.POSITIVE_INFINITY) + windowMs + 1
    const wideMs = (calls: number) =>
      calls <= 0 ? nowMs : perMs === 0 ? Number.POSITIVE_INFINITY : nowMs + calls / perMs
    // The more of them leave, the later that is, and the less the window must widen: where the two cross.
    let least = 0
    let most = missing
    while (least < most) {
      const middle = (least + most) >> 1
      if (leftMs(middle) >= wideMs(missing - middle)) most = middle
      else least = middle + 1
    }
    const untilMs = (calls: number) => Math.max(leftMs(calls), wideMs(missing - calls))
    return Math.min(untilMs(least), least === 0 ? Number.POSITIVE_INFINITY : untilMs(least - 1))
  }

  #tokensMax(nowMs: number): number {
    return Math.max(1, this.#burst * this.share(nowMs))
  }

  /** Adds the tokens of the time that has passed, share by share. */
  #refill(nowMs: number): void {
    if (this.#limit === 0 || nowMs <= this.#refilledMs) return
    for (const { fromMs } of this.#parts) if (fromMs > this.#refilledMs && fromMs < nowMs) this.#addTokens(fromMs)
    this.#addTokens(nowMs)
    const [first, second] = this.#parts
    if (first !== undefined && second !== undefined && Math.max(first.fullMs, second.fullMs) <= nowMs) {
      first.share += second.share
      this.#parts.splice(1, 1)
    }
  }

  #addTokens(untilMs: number): void {
    const share = this.share(this.#refilledMs)
    const passedMs = share === 0 ? 0 : untilMs - this.#refilledMs
    if (passedMs > 0) {
      this.#tokens = Math.min(this.#tokensMax(this.#refilledMs), this.#tokens + passedMs * this.#perMs * share)
    }
    this.#refilledMs = untilMs
  }

  #forget(nowMs: number): void {
    while ((this.#endedMs[this.#head] ?? Number.POSITIVE_INFINITY) + windowMs < nowMs) this.#head += 1
    if (this.#head > 1024 && this.#head * 2 > this.#endedMs.length) {
      this.#endedMs = this.#endedMs.slice(this.#head)
      this.#departed = Math.max(0, this.#departed - this.#head)
      this.#head = 0
    }
  }
}

function wait(untilMs: number): Permission {
  return { kind: 'wait', untilMs: untilMs === Number.POSITIVE_INFINITY ? null : untilMs }
}
