// What is known of Apicurio's registry, however it is started.

import { join } from 'node:path'
import { pauseMs } from '@bridge/local-kafka/deadline'
import { localFolder } from '@bridge/local-kafka/maven'

export const registryVersion = '3.0.9'

export type LocalRegistry = {
  /** With its path, without a slash at the end. */
  readonly url: string
  /** One phrase for a person: what it is. */
  readonly description: string
  /** Ends what was started here. Twice is fine. */
  stop(): Promise<void>
}

/** What each way of starting one answers; never rejects. */
export type RegistryAttempt = { kind: 'up'; registry: LocalRegistry } | { kind: 'none'; why: string }

const usableDeadlineMs = 90_000

/** The URL of its Confluent API. @param address host:port */
export function registryUrl(address: string): string {
  return `http://${address}/apis/ccompat/v7`
}

/** A log file for each: several test files may have one each at the same time. */
export function registryLogFile(): string {
  return join(localFolder, 'logs', `schema-registry-${process.pid}-${Date.now()}.log`)
}

/** Whether a registry answers at a URL, with its path. */
export function answers(url: string): Promise<boolean> {
  const asked = fetch(`${url}/subjects`, { signal: AbortSignal.timeout(2_000) })
  return asked.then(
    async (response) => response.status === 200 && Array.isArray(await response.json()),
    () => false,
  )
}

/** Waits until it answers; false at the deadline, or when the signal aborts. */
export async function untilAnswers(url: string, signal: AbortSignal): Promise<boolean> {
  const endMs = performance.now() + usableDeadlineMs
  while (performance.now() < endMs && !signal.aborted) {
    if (await answers(url)) return true
    // The only rejection is the abort, which ends the wait.
    await pauseMs(200, signal).catch(() => {})
  }
  return false
}
