// Owns the two waits that everything here is made of: one with a deadline, and a pause that a signal cuts short.

import { setTimeout as sleep } from 'node:timers/promises'

/** Answers what `promise` resolves to, or 'late' after `ms`. The promise itself goes on. */
export async function withinMs<T>(ms: number, promise: Promise<T>): Promise<T | 'late'> {
  const timer = new AbortController()
  try {
    return await Promise.race([promise, sleep(ms, 'late' as const, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}

/** Waits `ms`; rejects with an AbortError as soon as `signal` aborts. */
export async function pauseMs(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {})
}

/** Rejects with the signal's reason as soon as it aborts; else like `promise`, which itself goes on. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  signal.throwIfAborted()
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
