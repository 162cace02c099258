// A set of places in a sequence that is mostly filled from its front: kept as ranges, so that telling them, and passing over
// those at the front, costs as much as there are holes, however many places there are.

/** `from` and what follows, up to `to`, which is not in it. */
export type Range = { from: number; to: number }

export class Places {
  /** In order; no two touch. */
  readonly #ranges: Range[] = []
  #count = 0

  /** How many places are in it. */
  get count(): number {
    return this.#count
  }

  get ranges(): readonly Readonly<Range>[] {
    return this.#ranges
  }

  has(place: number): boolean {
    return (this.#ranges[this.#indexAt(place)]?.to ?? Number.NEGATIVE_INFINITY) > place
  }

  /** Adds a place; one that is in it already is fine. */
  add(place: number): void {
    const at = this.#indexAt(place)
    const before = this.#ranges[at]
    if (before !== undefined && before.to > place) return
    this.#count += 1
    const after = this.#ranges[at + 1]
    const joinsAfter = after?.from === place + 1
    if (before?.to === place) {
      before.to = joinsAfter ? after.to : place + 1
      if (joinsAfter) this.#ranges.splice(at + 1, 1)
    } else if (joinsAfter) {
      after.from = place
    } else {
      this.#ranges.splice(at + 1, 0, { from: place, to: place + 1 })
    }
  }

  /** Forgets every place before `place`. */
  dropBefore(place: number): void {
    for (let first = this.#ranges[0]; first !== undefined && first.from < place; first = this.#ranges[0]) {
      const dropped = Math.min(first.to, place) - first.from
      this.#count -= dropped
      first.from += dropped
      if (first.from < first.to) return
      this.#ranges.shift()
    }
  }

  clear(): void {
    this.#ranges.length = 0
    this.#count = 0
  }

  /** The last range that begins at or before a place; -1 where none does. */
  #indexAt(place: number): number {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ranges[middle] as Range).from <= place) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
