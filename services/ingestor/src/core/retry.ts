// When a message that could not be sent is tried again, and when that ends.

export type RetryPolicy = {
  /** Attempts before a message is given up, and … */
  attemptsMax: number
  /** … the least age of its first attempt then: both must be reached. */
  ageMinMs: number
}

const backoffFirstMs = 1_000
const backoffMaxMs = 60_000

/**
 * Full-jitter exponential backoff: a random part of 1 s, 2 s, 4 s … 60 s, at least what the server asked for.
 *
 * @param failures how often it failed so far, 1 or more
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: number, retryAfterMs: number | null): number {
  const ceilingMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(failures - 1, 10))
  return Math.max(Math.ceil(random * ceilingMs), retryAfterMs ?? 0)
}

/** A generator of numbers in [0, 1) that a seed repeats: the core has no other source of chance (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
