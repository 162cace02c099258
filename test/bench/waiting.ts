// Waiting in a benchmark: for a condition, with a deadline, and until the benchmark is ended.

import { pauseMs } from '@bridge/local-kafka/deadline'

const everyMs = 25

/**
 * Asks `read` until it answers anything but undefined or false, and answers that.
 *
 * @param what is waited for, for the failure's message
 */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  signal: AbortSignal,
  read: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const endMs = performance.now() + deadlineMs
  for (;;) {
    signal.throwIfAborted()
    const value = await read()
    if (value !== undefined && value !== false) return value
    if (performance.now() > endMs) throw new Error(`not within ${Math.round(deadlineMs / 1_000)} s: ${what}`)
    await pauseMs(everyMs, signal)
  }
}
