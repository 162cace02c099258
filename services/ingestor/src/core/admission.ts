// How much of the memory for records each partition may hold. Fair without a plan of who needs what: each may hold up to twice
// what is still free, so one busy partition gets two thirds of it all, several share alike, and there is always room left for
// one that wakes up. A partition that holds nothing may always hold one record, so that none waits for another.

/** Paused where there is no room, resumed below this share of it: high enough to use the memory, low enough not to flap. */
const resumeShare = 0.75
const freeShare = 2

export type Held = { records: number; bytes: number }

export class Admission {
  readonly #max: Held
  readonly #total: Held = { records: 0, bytes: 0 }

  constructor(max: Held) {
    this.#max = max
  }

  get total(): Readonly<Held> {
    return this.#total
  }

  /** Takes in a record of `bytes` for the partition that holds `held`, if there is room. @returns whether there was */
  take(held: Held, bytes: number): boolean {
    if (held.records > 0 && !this.#hasRoom(held, bytes, 1)) return false
    held.records += 1
    held.bytes += bytes
    this.#total.records += 1
    this.#total.bytes += bytes
    return true
  }

  give(held: Held, bytes: number): void {
    held.records -= 1
    held.bytes -= bytes
    this.#total.records -= 1
    this.#total.bytes -= bytes
  }

  /** Whether a partition that had no room for a record of `bytes` has enough again. */
  mayResume(held: Held, bytes = 0): boolean {
    return held.records === 0 || this.#hasRoom(held, bytes, resumeShare)
  }

  /** Whether there is room for one more record of `bytes`, in `share` of what the partition may hold. */
  #hasRoom(held: Held, bytes: number, share: number): boolean {
    const recordsFree = this.#max.records - this.#total.records
    const bytesFree = this.#max.bytes - this.#total.bytes - bytes
    return held.records < share * freeShare * recordsFree && held.bytes + bytes <= share * freeShare * bytesFree
  }
}
