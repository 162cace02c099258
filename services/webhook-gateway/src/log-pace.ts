// Log lines about requests that prove nothing: anybody can make as many as they like, so only some of each second are told,
// and then how many were not. Metrics count all of them.

import type { Log } from '@bridge/runtime/log'

const toldMax = 10
const windowMs = 1_000

export class LogPace {
  readonly #log: Log
  readonly #which: string
  #windowMs = Number.NEGATIVE_INFINITY
  #told = 0
  #untold = 0

  /** @param which requests these are, for the line that counts those that are not told */
  constructor(log: Log, which: string) {
    this.#log = log
    this.#which = which
  }

  /** Logs a line, unless ten were in this second. */
  tell(level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string): void {
    const nowMs = performance.now()
    if (nowMs - this.#windowMs >= windowMs) {
      if (this.#untold > 0)
        this.#log.warn({ untold: this.#untold }, `more requests ${this.#which} than are told one by one`)
      this.#windowMs = nowMs
      this.#told = 0
      this.#untold = 0
    }
    if (this.#told === toldMax) {
      this.#untold += 1
      return
    }
    this.#told += 1
    this.#log[level](fields, message)
  }
}
