// Owns a list that keeps the newest entries within two bounds, a number and a weight in bytes, and counts what it
// dropped. Entries are numbered from 1 in order of arrival; the numbers are never used again.

export class BoundedRecord<Entry> {
  readonly entriesMax: number
  readonly bytesMax: number
  #entries: { entry: Entry; bytes: number }[] = []
  #head = 0
  #bytes = 0
  #dropped = 0
  #numberLast = 0

  /** @param bytesMax bound of the sum of the weights given to `add` and `weigh` */
  constructor(entriesMax: number, bytesMax: number) {
    this.entriesMax = entriesMax
    this.bytesMax = bytesMax
  }

  /** How many older entries were dropped. */
  get dropped(): number {
    return this.#dropped
  }

  get size(): number {
    return this.#entries.length - this.#head
  }

  /** Adds the entry that `make` builds from its number, and answers it. */
  add(make: (n: number) => Entry, bytes: number): Entry {
    this.#numberLast += 1
    const entry = make(this.#numberLast)
    this.#entries.push({ entry, bytes })
    this.#bytes += bytes
    this.#trim()
    return entry
  }

  /** Tells that the entry numbered `n` now weighs this much more (its body was read after it was recorded). */
  weigh(n: number, bytes: number): void {
    const slot = this.#entries[this.#entries.length - 1 - (this.#numberLast - n)]
    if (slot === undefined || n <= this.#numberLast - this.size) return
    slot.bytes += bytes
    this.#bytes += bytes
    this.#trim()
  }

  /** The kept entries numbered above `since`, oldest first. */
  *after(since = 0): Generator<Entry> {
    const first = this.#numberLast - this.size + 1
    const start = this.#head + Math.max(0, since + 1 - first)
    for (let at = start; at < this.#entries.length; at += 1) {
      const slot = this.#entries[at]
      if (slot !== undefined) yield slot.entry
    }
  }

  clear(): void {
    this.#entries = []
    this.#head = 0
    this.#bytes = 0
    this.#dropped = 0
    this.#numberLast = 0
  }

  #trim(): void {
    while (this.size > this.entriesMax || (this.#bytes > this.bytesMax && this.size > 1)) {
      const slot = this.#entries[this.#head]
      if (slot !== undefined) this.#bytes -= slot.bytes
      this.#head += 1
      this.#dropped += 1
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }
}
