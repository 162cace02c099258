// The ledger of one partition: which offsets are settled, and so how far may be committed.
//
//   G1  everything below the watermark is settled, or was before this ledger began
//   G2  the watermark never falls and never passes an unsettled offset
//   G3  settled is a fact for ever: it holds across assignments and, in the commit's metadata, across owners; it counts when it
//       comes late
// It begins at the committed offset, never at the first record seen: offsets may have gaps, and a record that was skipped
// must not look settled.

import { encodeSettled, type OffsetRange, union } from './settled-offsets.ts'

export class Ledger {
  /** Admitted offsets from the watermark on, in log order; those before `#head` are passed. */
  #order: number[] = []
  #head = 0
  /** Settled ones of them. */
  readonly #settled = new Set<number>()
  /** Settled offsets at or beyond the cursor, in order: what was read in another assignment, here or elsewhere. */
  #ahead: OffsetRange[] = []
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
    return this.#watermark > committed || this.#settled.size > 0 || this.#ahead.length > 0
  }

  /** How many admitted offsets lie at or beyond the watermark, settled ones included. */
  get span(): number {
    return this.#order.length - this.#head
  }

  /** How many of them are settled. */
  get settledBeyond(): number {
    return this.#settled.size
  }

  /** Whether an offset is known to be settled. */
  isSettled(offset: number): boolean {
    if (offset < this.#cursor) return offset < this.#watermark || this.#settled.has(offset)
    return this.#ahead.some(({ from, to }) => offset >= from && offset < to)
  }

  /** The settled offsets beyond the watermark, for the commit's metadata. */
  metadata(): string {
    return this.#settled.size + this.#ahead.length === 0 ? '' : encodeSettled(this.#watermark, this.#settledRanges())
  }

  /** Whether an offset, to be admitted next, was settled before. Offsets are asked for in log order. */
  isSettledAhead(offset: number): boolean {
    for (let first = this.#ahead[0]; first !== undefined && first.to <= offset; first = this.#ahead[0]) {
      this.#ahead.shift()
    }
    return offset >= (this.#ahead[0]?.from ?? Number.POSITIVE_INFINITY)
  }

  /**
   * Takes note of one offset read at the cursor, in log order.
   *
   * @returns whether it is still to be settled; false for one that was settled before
   */
  admit(offset: number): boolean {
    if (offset < this.#cursor) throw new Error(`offset ${offset} admitted before ${this.#cursor}`)
    const isSettled = this.isSettledAhead(offset)
    this.#order.push(offset)
    this.#cursor = offset + 1
    if (isSettled) this.#settled.add(offset)
    // Nothing before it is open: it needs no place in the span.
    if (isSettled && this.span === 1) this.#advance()
    return !isSettled
  }

  /** Everything before `offsetNext` was read: what is not admitted of it are gaps. Ends a run of `admit`. */
  readTo(offsetNext: number): void {
    if (offsetNext < this.#cursor) throw new Error(`read to ${offsetNext}, before ${this.#cursor}`)
    this.#cursor = offsetNext
    if (this.#ahead.length > 0) this.isSettledAhead(offsetNext - 1)
    this.#advance()
  }

  /** Takes note that an offset is settled; below the watermark, or twice, is fine. */
  settle(offset: number): void {
    if (offset < this.#watermark) return
    if (offset >= this.#cursor) {
      this.#ahead = union(this.#ahead, [{ from: offset, to: offset + 1 }])
      return
    }
    this.#settled.add(offset)
    if (offset === this.#order[this.#head]) this.#advance()
  }

  /**
   * Begins another assignment of this partition. What is settled stays so; what was committed beyond the watermark, by
   * whoever owned the partition in between, is settled too.
   *
   * @param offsetNext the committed offset
   * @param beyond what the commit says to be settled beyond it
   * @param kept whether every record from watermark to cursor is still held: else reading begins at the watermark again
   */
  resume(offsetNext: number, beyond: readonly OffsetRange[], kept: boolean): void {
    if (!kept) {
      // What was settled here is ahead of reading again.
      this.#ahead = [...this.#settledRanges()]
      this.#order = []
      this.#head = 0
      this.#settled.clear()
      this.#cursor = this.#watermark
    }
    if (offsetNext > this.#watermark) {
      for (const offset of this.#settled) if (offset < offsetNext) this.#settled.delete(offset)
      while (this.#head < this.#order.length && (this.#order[this.#head] ?? offsetNext) < offsetNext) this.#head += 1
      this.#watermark = offsetNext
      this.#cursor = Math.max(this.#cursor, offsetNext)
    }
    let at = 0
    for (let i = this.#head; i < this.#order.length; i += 1) {
      const offset = this.#order[i] as number
      while ((beyond[at]?.to ?? Number.POSITIVE_INFINITY) <= offset) at += 1
      if (offset >= (beyond[at]?.from ?? Number.POSITIVE_INFINITY)) this.#settled.add(offset)
    }
    this.#ahead = union(
      this.#ahead,
      beyond.filter(({ to }) => to > this.#cursor),
    )
    this.isSettledAhead(this.#cursor - 1)
    this.#advance()
  }

  /** Settled offsets beyond the watermark in order; gaps between two settled ones count as settled, as nothing is in them. */
  *#settledRanges(): Iterable<OffsetRange> {
    let from: number | undefined
    for (let i = this.#head; i < this.#order.length; i += 1) {
      const offset = this.#order[i] as number
      const isSettled = this.#settled.has(offset)
      if (isSettled) from ??= offset
      else if (from !== undefined) {
        yield { from, to: offset }
        from = undefined
      }
    }
    // What is ahead of the cursor may go on where the last settled one ends.
    if (from !== undefined) yield { from, to: this.#cursor }
    for (const range of this.#ahead)
      if (range.to > this.#cursor) yield { from: Math.max(range.from, this.#cursor), to: range.to }
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
