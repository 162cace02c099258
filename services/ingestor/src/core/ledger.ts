// The ledger of one partition: which offsets are settled, and so how far may be committed.
//
//   G1  everything below the watermark is settled, or was before this ledger began
//   G2  the watermark never falls and never passes an unsettled offset
//   G3  settled is a fact for ever: it holds across assignments and, in the commit's metadata, across owners; it counts when it
//       comes late
// It begins at the committed offset, never at the first record seen: offsets may have gaps, and a record that was skipped
// must not look settled.

import { Places } from './places.ts'
import { encodeSettled, type OffsetRange, union } from './settled-offsets.ts'

export class Ledger {
  /** Admitted offsets from the watermark on, in log order; those before `#head` are passed. */
  #order: number[] = []
  #head = 0
  /** Of which place in all that was ever admitted `#order` begins. */
  #base = 0
  /** The places of settled ones of them. */
  readonly #settled = new Places()
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
    return this.#watermark > committed || this.#settled.count > 0 || this.#ahead.length > 0
  }

  /** How many admitted offsets lie at or beyond the watermark, settled ones included. */
  get span(): number {
    return this.#order.length - this.#head
  }

  /** How many of them are settled. */
  get settledBeyond(): number {
    return this.#settled.count
  }

  /** Whether an offset is known to be settled. */
  isSettled(offset: number): boolean {
    if (offset < this.#watermark) return true
    if (offset < this.#cursor) return this.#settled.has(this.#placeOf(offset) ?? -1)
    return this.#ahead.some(({ from, to }) => offset >= from && offset < to)
  }

  /** The settled offsets beyond the watermark, for the commit's metadata. */
  metadata(): string {
    return this.#settled.count + this.#ahead.length === 0 ? '' : encodeSettled(this.#watermark, this.#settledRanges())
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
    if (isSettled) this.#settled.add(this.#base + this.#order.length - 1)
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

  /**
   * What lies before `offset` is not in the log any more: reading goes on there.
   *
   * @returns how many offsets were not read, and are not known to be settled
   */
  passDeleted(offset: number): number {
    let unread = Math.max(0, offset - this.#cursor)
    if (unread === 0) return 0
    for (const { from, to } of this.#ahead) {
      unread -= Math.max(0, Math.min(to, offset) - Math.max(from, this.#cursor))
    }
    this.readTo(offset)
    return unread
  }

  /** Takes note that an offset is settled; below the watermark, or twice, is fine. */
  settle(offset: number): void {
    if (offset < this.#watermark) return
    if (offset >= this.#cursor) {
      this.#ahead = union(this.#ahead, [{ from: offset, to: offset + 1 }])
      return
    }
    const place = this.#placeOf(offset)
    // One that was under way, and that the log had no more when it was read again.
    if (place === undefined) return
    this.#settled.add(place)
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
      this.#base += this.#order.length
      this.#order = []
      this.#head = 0
      this.#settled.clear()
      this.#cursor = this.#watermark
    }
    if (offsetNext > this.#watermark) {
      while (this.#head < this.#order.length && (this.#order[this.#head] ?? offsetNext) < offsetNext) this.#head += 1
      this.#settled.dropBefore(this.#base + this.#head)
      this.#watermark = offsetNext
      this.#cursor = Math.max(this.#cursor, offsetNext)
    }
    let at = 0
    for (let i = this.#head; i < this.#order.length; i += 1) {
      const offset = this.#order[i] as number
      while ((beyond[at]?.to ?? Number.POSITIVE_INFINITY) <= offset) at += 1
      if (offset >= (beyond[at]?.from ?? Number.POSITIVE_INFINITY)) this.#settled.add(this.#base + i)
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
    for (const { from, to } of this.#settled.ranges) {
      // What is ahead of the cursor may go on where the last settled one ends.
      yield { from: this.#order[from - this.#base] as number, to: this.#order[to - this.#base] ?? this.#cursor }
    }
    for (const range of this.#ahead)
      if (range.to > this.#cursor) yield { from: Math.max(range.from, this.#cursor), to: range.to }
  }

  /** The place of an offset at or beyond the watermark, if it was admitted. */
  #placeOf(offset: number): number | undefined {
    let [low, high] = [this.#head, this.#order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#order[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return this.#order[low] === offset ? this.#base + low : undefined
  }

  #advance(): void {
    const [first] = this.#settled.ranges
    if (first !== undefined && first.from === this.#base + this.#head) {
      this.#head = first.to - this.#base
      this.#settled.dropBefore(first.to)
    }
    // Behind the last admitted offset the watermark goes to the cursor, over gaps that hold no record.
    this.#watermark = this.#order[this.#head] ?? this.#cursor
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head)
      this.#base += this.#head
      this.#head = 0
    }
  }
}
