// The rate limit of the benchmark's server: all three ways of counting at once, so that nothing gets past it that any of
// them would refuse. Fixed windows begin with the limit, the sliding window is exact, the bucket holds twice the burst.

import { RateLimit } from '@bridge/partoo-simulator/rate-limit'

export class StrictLimit {
  readonly #limits: RateLimit[]

  /**
   * @param perMinute requests in 60 s
   * @param burst the client's own; the bucket holds twice as many
   * @param nowMs the clock of every later call
   */
  constructor(perMinute: number, burst: number, nowMs: number) {
    const kinds = ['fixed-window', 'sliding-window', 'token-bucket'] as const
    this.#limits = kinds.map((kind) => new RateLimit({ kind, perMinute, burst: 2 * burst }, nowMs))
  }

  /** Counts a request and answers 0, or answers for how many whole seconds it is refused; a refused one is not counted. */
  take(nowMs: number): number {
    const waits = this.#limits.map((limit) => {
      const answer = limit.check(nowMs)
      return answer.kind === 'refused' ? answer.retryAfterMs : 0
    })
    const waitMs = Math.max(...waits)
    if (waitMs > 0) return Math.ceil(waitMs / 1_000)
    for (const limit of this.#limits) limit.take(nowMs)
    return 0
  }
}

/** The most requests that any 60 s hold. @param timesMs in any order */
export function fullestMinute(timesMs: readonly number[]): number {
  const sorted = Float64Array.from(timesMs).sort()
  let most = 0
  for (let from = 0, to = 0; to < sorted.length; to += 1) {
    while ((sorted[to] ?? 0) - (sorted[from] ?? 0) >= 60_000) from += 1
    most = Math.max(most, to - from + 1)
  }
  return most
}
