// Owns the time between acceptance (200) and creation: one queue, one timer, creation in the order of acceptance.

/** Accepted messages waiting for their creation. Beyond it the API answers 503. */
export const creationQueueMax = 100_000

export class CreationQueue<Item> {
  readonly #delayMs: number
  readonly #create: (item: Item) => void
  #waiting: { item: Item; dueMs: number }[] = []
  #head = 0
  #timer: NodeJS.Timeout | null = null

  /** @param delayMs from `add` to `create`; 0 is soon, but never within `add` */
  constructor(delayMs: number, create: (item: Item) => void) {
    this.#delayMs = delayMs
    this.#create = create
  }

  get size(): number {
    return this.#waiting.length - this.#head
  }

  get full(): boolean {
    return this.size >= creationQueueMax
  }

  add(item: Item): void {
    this.#waiting.push({ item, dueMs: performance.now() + this.#delayMs })
    this.#schedule()
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#waiting = []
    this.#head = 0
  }

  #schedule(): void {
    const first = this.#waiting[this.#head]
    if (first === undefined || this.#timer !== null) return
    // Timers round down by up to a millisecond: never early, so that the delay is what was asked for.
    const waitMs = Math.max(0, Math.ceil(first.dueMs - performance.now()))
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#createDue()
      this.#schedule()
    }, waitMs)
  }

  #createDue(): void {
    const nowMs = performance.now()
    for (;;) {
      const first = this.#waiting[this.#head]
      if (first === undefined || first.dueMs > nowMs) break
      this.#head += 1
      this.#create(first.item)
    }
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
  }
}
