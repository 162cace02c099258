// Virtual time: what happens next is the first item of a heap. It owns the only clock of a simulated world; two items of one
// instant run in the order in which they were put down.

import { fail } from './failure.ts'

type Item = { atMs: number; order: number; run: () => void }

/** More items than this at one instant are a loop that does not let time pass. */
const itemsPerInstantMax = 20_000

export class Agenda {
  nowMs = 0
  /** Items run so far: the work that a world was. */
  count = 0
  readonly #heap: Item[] = []
  #order = 0
  #atThisInstant = 0

  /** Runs something `delayMs` from now. */
  after(delayMs: number, run: () => void): void {
    const heap = this.#heap
    const item = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run }
    let at = heap.push(item) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(item, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = item
  }

  /** Runs the next item and moves the clock to it; false where none is left up to `untilMs`, to which the clock then moves. */
  step(untilMs: number): boolean {
    const first = this.#heap[0]
    if (first === undefined || first.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs)
      return false
    }
    this.#removeFirst()
    this.#atThisInstant = first.atMs === this.nowMs ? this.#atThisInstant + 1 : 0
    if (this.#atThisInstant > itemsPerInstantMax) fail('liveness', `time stands still at ${this.nowMs} ms`)
    this.nowMs = first.atMs
    this.count += 1
    first.run()
    return true
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Item, b: Item): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
