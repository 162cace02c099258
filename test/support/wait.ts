// Waiting in tests: for a condition, with a deadline; never for a time alone.

import { setTimeout as pause } from 'node:timers/promises'

/**
 * Waits until `read` answers anything but undefined or false.
 *
 * @param what is waited for, for the message of the failure
 * @returns what it answered
 */
export async function until<T>(
  what: string,
  read: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 30_000,
): Promise<T> {
  const endMs = performance.now() + deadlineMs
  for (;;) {
    const value = await read()
    if (value !== undefined && value !== false) return value
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await pause(50)
  }
}
