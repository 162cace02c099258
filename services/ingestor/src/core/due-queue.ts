// What is due at a time: a binary heap, least time first; equal times leave in the order they came.

type Item<T> = { atMs: number; order: number; value: T }

export class DueQueue<T> {
  readonly #heap: Item<T>[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** When the first is due; Infinity where nothing waits. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  add(atMs: number, value: T): void {
    const heap = this.#heap
    const item = { atMs, order: this.#order++, value }
    let at = heap.length
    heap.push(item)
    for (let above = (at - 1) >> 1; at > 0; above = (at - 1) >> 1) {
      const parent = heap[above] as Item<T>
      if (!before(item, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = item
  }

  /** Keeps what `keep` says yes to. */
  filter(keep: (value: T, atMs: number) => boolean): void {
    for (const { atMs, value } of this.#heap.splice(0).sort((a, b) => (before(a, b) ? -1 : 1))) {
      if (keep(value, atMs)) this.add(atMs, value)
    }
  }

  /** Takes out the first if it is due at `nowMs`. */
  take(nowMs: number): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.atMs > nowMs) return undefined
    const last = heap.pop() as Item<T>
    if (heap.length === 0) return first.value
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = heap[child + 1]
      if (right !== undefined && before(right, heap[child] as Item<T>)) child += 1
      const least = heap[child] as Item<T>
      if (!before(least, last)) break
      heap[at] = least
      at = child
    }
    heap[at] = last
    return first.value
  }
}

function before<T>(a: Item<T>, b: Item<T>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
