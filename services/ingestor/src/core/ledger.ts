// The ledger of one partition: which offsets are settled, and so how far may be committed.
//
//   G1  everything below the watermark is settled, or was before this ledger began
//   G2  the watermark never falls and never passes an unsettled offset
//   G3  settled is a fact for ever: it holds across assignments, and counts when it comes late
// It begins at the committed offset, never at the first record seen: offsets may have gaps, and a record that was skipped
// must not look settled.

export class Ledger {
  /** Admitted offsets from the watermark on, in log order; those before `#head` are passed. */
  #order: number[] = []
  #head = 0
  /** Settled offsets at or beyond the watermark, admitted or not. */
  readonly #settled = new Set<number>()
  #watermark: number
  #cursor: number

  /** @param offsetNext the committed offset: the first that is not known to be settled */
  constructor(offsetNext: number) {
    this.#watermark = offsetNext
    this.#cursor = offsetNext
  }

  /** The offset to commit: the first one that is not settled. */
  get watermark(): number {
    return this.#watermark
  }

  /** The offset to be read next. */
  get cursor(): number {
    return this.#cursor
  }

  /** Whether it knows of a settled offset beyond what `committed` says. */
  knowsBeyond(committed: number): boolean {
    return this.#watermark > committed || this.#settled.size > 0
  }

  /** How many admitted offsets lie at or beyond the watermark, settled ones included. */
  get span(): number {
    return this.#order.length - this.#head
  }

  /**
   * Takes note of offsets read at the cursor, in log order, and moves it to `offsetNext`.
   *
   * @returns whether each is still to be settled; false for one that was settled before
   */
  admit(offsets: readonly number[], offsetNext: number): boolean[] {
    const open = offsets.map((offset) => {
      if (offset < this.#cursor || offset >= offsetNext) {
        throw new Error(`offset ${offset} admitted outside ${this.#cursor}..${offsetNext}`)
      }
      this.#order.push(offset)
      return !this.#settled.has(offset)
    })
    this.#cursor = offsetNext
    this.#advance()
    return open
  }

  /** Takes note that an offset is settled; below the watermark, or twice, is fine. */
  settle(offset: number): void {
    if (offset < this.#watermark) return
    this.#settled.add(offset)
    if (offset === this.#order[this.#head]) this.#advance()
  }

  /**
   * Begins another assignment of this partition. What is settled stays so; what was committed beyond the watermark, by
   * whoever owned the partition in between, is settled too.
   *
   * @param offsetNext the committed offset
   * @param kept whether every record from watermark to cursor is still held: else reading begins at the watermark again
   */
  resume(offsetNext: number, kept: boolean): void {
    if (!kept) {
      this.#order = []
      this.#head = 0
      this.#cursor = this.#watermark
    }
    if (offsetNext <= this.#watermark) return
    for (const offset of this.#settled) if (offset < offsetNext) this.#settled.delete(offset)
    while (this.#head < this.#order.length && (this.#order[this.#head] ?? offsetNext) < offsetNext) this.#head += 1
    this.#watermark = offsetNext
    this.#cursor = Math.max(this.#cursor, offsetNext)
    this.#advance()
  }

  #advance(): void {
    for (; this.#head < this.#order.length; this.#head += 1) {
      const offset = this.#order[this.#head]
      if (offset === undefined || !this.#settled.delete(offset)) break
    }
    // Behind the last admitted offset the watermark goes to the cursor, over gaps that hold no record.
    this.#watermark = this.#order[this.#head] ?? this.#cursor
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head)
      this.#head = 0
    }
  }
}
