// One organization's limit as Partoo keeps it, in one of the three usual ways. It counts every call that arrives, whoever made
// it, and remembers ours: whatever window the server keeps, no window of 60 seconds may hold more of them than the limit.

import type { Chance } from './chance.ts'
import type { Mix } from './mix.ts'

const windowMs = 60_000

export class ServerLimit {
  readonly limit: number
  readonly #window: Mix['window']
  readonly #phaseMs: number
  readonly #bucketMax: number
  #tokens: number
  #atMs = 0
  #fixedWindow = -1
  #inFixedWindow = 0
  /** Arrivals of ours in the last 60 seconds; those before `#head` are older. */
  readonly #arrivals: number[] = []
  #head = 0
  readonly #passed: number[] = []

  constructor(limit: number, { window, core, latencyMaxMs, replicas }: Mix, chance: Chance) {
    this.limit = limit
    this.#window = window
    this.#phaseMs = chance.between(0, windowMs)
    // Calls that leave evenly arrive in heaps, if their latency varies: a bucket that is no trap has room for those too. A
    // share has a burst of at least one.
    const heap = (limit * latencyMaxMs) / windowMs + replicas
    const least = Math.max(2 * core.burst, core.burst + heap)
    const wide = Math.max(least, chance.int(2, limit))
    // Half of them have no more room than that.
    this.#bucketMax = Math.min(limit, this.#phaseMs < windowMs / 2 ? least : wide)
    this.#tokens = this.#bucketMax
  }

  /** How many calls of ours arrived in the last 60 seconds. */
  get arrivals(): number {
    return this.#arrivals.length - this.#head
  }

  /** Counts a call; @returns null if it is within the limit, else after how long the next one is. */
  arrive(nowMs: number, isOurs: boolean): number | null {
    if (this.limit === 0) return null
    if (isOurs) this.#arrivals.push(nowMs)
    while (this.#arrivals[this.#head]! <= nowMs - windowMs) this.#head += 1
    switch (this.#window) {
      case 'fixed': {
        const window = Math.floor((nowMs + this.#phaseMs) / windowMs)
        if (window !== this.#fixedWindow) this.#inFixedWindow = 0
        this.#fixedWindow = window
        if (this.#inFixedWindow >= this.limit) return (window + 1) * windowMs - this.#phaseMs - nowMs
        this.#inFixedWindow += 1
        return null
      }
      case 'sliding': {
        while (this.#passed[0] !== undefined && this.#passed[0] <= nowMs - windowMs) this.#passed.shift()
        if (this.#passed.length >= this.limit) return this.#passed[0]! + windowMs - nowMs
        this.#passed.push(nowMs)
        return null
      }
      case 'bucket': {
        const perMs = this.limit / windowMs
        this.#tokens = Math.min(this.#bucketMax, this.#tokens + (nowMs - this.#atMs) * perMs)
        this.#atMs = nowMs
        if (this.#tokens < 1 - 1e-6) return (1 - this.#tokens) / perMs
        this.#tokens -= 1
        return null
      }
    }
  }
}
