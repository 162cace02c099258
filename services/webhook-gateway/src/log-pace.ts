// Log lines about requests that prove nothing: anybody can make as many as they like, so only some of each second are told,
// and then how many were not. Metrics count all of them.

import type { Log } from '@bridge/runtime/log'

const toldMax = 10
const windowMs = 1_000

export class LogPace {
  readonly #log: Log
  #windowMs = Number.NEGATIVE_INFINITY
  #told = 0
  #untold = 0

  constructor(log: Log) {
    this.#log = log
  }

  /** Logs a line, unless ten were in this second. */
  tell(level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, message: string): void {
    const nowMs = performance.now()
    if (nowMs - this.#windowMs >= windowMs) {
      if (this.#untold > 0)
        this.#log.warn({ untold: this.#untold }, 'more requests of strangers than are told one by one')
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
