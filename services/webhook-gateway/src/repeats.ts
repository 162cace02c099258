// Partoo's repeats: it sends a webhook again where our answer did not reach it, and a message_created of the same bytes is the
// same fact. What is durable is remembered for a while, so that its repeat is answered and not published.

/** Digests are of 32 bytes: with what a Map takes, about 10 MB. */
const rememberedMax = 65_536
/** Partoo repeats within seconds to minutes; the same bytes later are told apart by no one, and are published. */
const withinMs = 10 * 60_000

export class Repeats {
  readonly #max: number
  /** When each was made durable, the oldest first. */
  readonly #durableMs = new Map<string, number>()

  constructor(max = rememberedMax) {
    this.#max = max
  }

  get size(): number {
    return this.#durableMs.size
  }

  /** Whether a webhook of this digest was made durable in the last ten minutes. */
  has(digest: string, nowMs: number): boolean {
    const sinceMs = this.#durableMs.get(digest)
    return sinceMs !== undefined && nowMs - sinceMs < withinMs
  }

  /** Remembers that a webhook is durable. */
  add(digest: string, nowMs: number): void {
    this.#durableMs.delete(digest)
    this.#durableMs.set(digest, nowMs)
    for (const [oldest, sinceMs] of this.#durableMs) {
      if (this.#durableMs.size <= this.#max && nowMs - sinceMs < withinMs) return
      this.#durableMs.delete(oldest)
    }
  }
}
