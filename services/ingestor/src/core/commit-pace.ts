// When to commit: at most one commit under way, at a bounded pace in time and count, at once when everything has drained.

import type { PartitionCommit } from './facts.ts'

const settledMax = 1_000

export class CommitPace {
  readonly #intervalMs: number
  #settled = 0
  #underWay: PartitionCommit[] | undefined
  #notBeforeMs = Number.NEGATIVE_INFINITY

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  get busy(): boolean {
    return this.#underWay !== undefined
  }

  /** When the next commit is due; Infinity where nothing was settled, or one is under way. */
  get dueMs(): number {
    return this.#settled === 0 || this.busy ? Number.POSITIVE_INFINITY : this.#notBeforeMs
  }

  isDue(nowMs: number, drained: boolean): boolean {
    if (this.busy || this.#settled === 0) return false
    return drained || this.#settled >= settledMax || nowMs >= this.#notBeforeMs
  }

  /** A record was settled: there may be something to commit. */
  settled(): void {
    this.#settled += 1
  }

  started(offsets: PartitionCommit[], nowMs: number): void {
    this.#settled = 0
    this.#underWay = offsets
    this.#notBeforeMs = nowMs + this.#intervalMs
  }

  /** What was settled moved no watermark. */
  nothing(): void {
    this.#settled = 0
  }

  /** @returns what it was about; after a failure it is due again, at the usual pace */
  ended(ok: boolean): PartitionCommit[] {
    const offsets = this.#underWay ?? []
    this.#underWay = undefined
    if (!ok) this.#settled += 1
    return offsets
  }

  /** A new assignment: a commit under way belongs to the old one, and its end will not be told. */
  assigned(): void {
    if (this.#underWay !== undefined) this.#settled += 1
    this.#underWay = undefined
  }
}
