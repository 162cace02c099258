// The one source of chance of a simulated world: draws from a seed, so that the seed repeats the world.

import { seededRandom } from '@bridge/ingestor/core/retry'

export class Chance {
  readonly random: () => number

  constructor(seed: number) {
    this.random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
    // The first draws of neighbouring seeds resemble each other.
    for (let i = 0; i < 8; i += 1) this.random()
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.random() < probability
  }

  /** A real number in [least, below). */
  between(least: number, below: number): number {
    return least + this.random() * (below - least)
  }

  /** An integer in [least, most]. */
  int(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)]!
  }

  /** Mostly small, sometimes up to `most`: latencies look like this. */
  latencyMs(most: number): number {
    return 1 + this.random() ** 3 * most
  }

  shuffle<T>(values: T[]): T[] {
    for (let i = values.length - 1; i > 0; i -= 1) {
      const j = this.int(0, i)
      const value = values[i]!
      values[i] = values[j]!
      values[j] = value
    }
    return values
  }

  /** A stream of its own, so that what one part draws does not shift what another part draws. */
  stream(): Chance {
    return new Chance(this.int(0, 2 ** 31))
  }
}
