// Owns how a start ends: for one reason, the first; by closing what was opened, last opened first; once.

import { withinMs } from '@bridge/local-kafka/deadline'

/** Why it ends: somebody asked, or something that should run does not. `log` is what it wrote last. */
export type Reason = { kind: 'asked' } | { kind: 'failed'; why: string; log?: { file: string; lines: string[] } }

export type Opened = {
  /** In order and in time; at most `closeDeadlineMs`. */
  close(): Promise<unknown>
  /** At once, where closing is more than that. */
  kill?(): Promise<unknown>
}

const closeDeadlineMs = 10_000
const killDeadlineMs = 3_000

export class Ending {
  readonly #over = new AbortController()
  readonly #reason = Promise.withResolvers<Reason>()
  readonly #opened: Opened[] = []

  /** Aborts when the end has come. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Resolves when the end has come. */
  get reason(): Promise<Reason> {
    return this.#reason.promise
  }

  /** The end has come; later reasons only follow from the first. */
  end(reason: Reason): void {
    this.#reason.resolve(reason)
    this.#over.abort()
  }

  opened(opened: Opened): void {
    this.#opened.push(opened)
  }

  /** Closes everything. One that fails or hangs does not keep the others from closing. */
  async closeAll(): Promise<void> {
    for (let one = this.#opened.at(-1); one; one = this.#opened.at(-1)) {
      const closed = one.close().catch(() => {})
      await withinMs(closeDeadlineMs, closed)
      // Only now, so that killAll finds what hangs in closing.
      this.#opened.pop()
    }
  }

  /** Kills everything that is still open, all at once. */
  async killAll(): Promise<void> {
    const all = this.#opened.map((one) => (one.kill ?? one.close)().catch(() => {}))
    await withinMs(killDeadlineMs, Promise.all(all))
  }
}
