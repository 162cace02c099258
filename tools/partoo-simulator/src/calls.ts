// Owns the record of API calls: what arrived, when, what it did and how it was answered. Tests judge by it.

import { BoundedRecord } from './bounded-record.ts'

/** Bodies kept in the record, together; a call with a larger body pushes older calls out. */
const callBytesMax = 256 * 1024 * 1024

/** One API request. Ids are null where the request did not tell them (or could not be read). */
export type Call = {
  n: number
  /** Wall-clock arrival, ISO 8601 UTC. */
  at: string
  /** Arrival on the process's monotonic clock (performance.now()), in milliseconds. */
  at_ms: number
  /** When the answer was out or the connection gone, on the same clock; null while in progress. */
  ended_ms: number | null
  /** When it counted against the organization's rate limit, on the same clock; null where it did not (or not yet). */
  counted_ms: number | null
  method: string
  path: string
  org_id: number | null
  channel_id: string | null
  business_id: string | null
  external_conversation_id: string | null
  external_message_id: string | null
  /** The parsed JSON body, or the raw text where it is not JSON; null without one. */
  body: unknown
  /** What was answered; null when nothing was (in progress, reset, hung, or the client left first). */
  status: number | null
  /** What it did to the data: a refused or lost request did nothing. */
  effect: 'accepted' | 'duplicate' | 'none'
  /** The fault that decided its end, if any; latencies are in `latency_fault_ids`. */
  fault_id: string | null
  latency_fault_ids: string[]
}

export type CallFilter = {
  org_id?: number | undefined
  channel_id?: string | undefined
  business_id?: string | undefined
  external_conversation_id?: string | undefined
  external_message_id?: string | undefined
  /** A status, or null for calls that were not answered. */
  status?: number | null | undefined
  effect?: Call['effect'] | undefined
  /** Only calls numbered above this. */
  since?: number | undefined
  /** At most so many, the oldest first. */
  limit?: number | undefined
}

/** The busiest stretch of the record. `most` counts every request that arrived, whatever was answered, 429 included. */
export type MostInWindow = {
  ms: number
  most: number
  /**
   * The most that counted against the rate limit, each at the moment it counted: not those refused with 429, and not
   * those that a fault answered or cut before they had any effect.
   */
  most_admitted: number
  /** Arrival of the first request of the busiest window; null when there is none. */
  from_ms: number | null
  counted: number
}

export class CallRecord {
  readonly #record: BoundedRecord<Call>

  constructor(callsMax: number) {
    this.#record = new BoundedRecord<Call>(callsMax, callBytesMax)
  }

  get dropped(): number {
    return this.#record.dropped
  }

  get size(): number {
    return this.#record.size
  }

  /** Records an arrival; the caller completes the entry as it learns more. */
  open(method: string, path: string, nowMs: number): Call {
    return this.#record.add(
      (n) => ({
        n,
        at: new Date().toISOString(),
        at_ms: nowMs,
        ended_ms: null,
        counted_ms: null,
        method,
        path,
        org_id: null,
        channel_id: null,
        business_id: null,
        external_conversation_id: null,
        external_message_id: null,
        body: null,
        status: null,
        effect: 'none',
        fault_id: null,
        latency_fault_ids: [],
      }),
      500,
    )
  }

  /** Tells how large the body of a recorded call turned out to be. */
  weigh(call: Call, bodyBytes: number): void {
    this.#record.weigh(call.n, bodyBytes * 2)
  }

  /** The calls that match every given field, in order of arrival. */
  list(filter: CallFilter = {}): Call[] {
    const found: Call[] = []
    const limit = filter.limit ?? Number.POSITIVE_INFINITY
    if (limit <= 0) return found
    for (const call of this.#record.after(filter.since)) {
      if (!matches(call, filter)) continue
      found.push(call)
      if (found.length >= limit) break
    }
    return found
  }

  /**
   * The most requests in any stretch of `ms` milliseconds that is half open, [t, t + ms), wherever t lies. A fixed
   * window is such a stretch at some phase, so that no fixed window, however aligned, can have seen more.
   */
  mostInWindow(ms: number, orgId?: number): MostInWindow {
    const all: number[] = []
    const admitted: number[] = []
    for (const call of this.#record.after()) {
      if (orgId !== undefined && call.org_id !== orgId) continue
      all.push(call.at_ms)
      if (call.counted_ms !== null) admitted.push(call.counted_ms)
    }
    // A request counts once its body is there: not always in the order of arrival.
    admitted.sort((one, other) => one - other)
    const busiest = busiestWindow(all, ms)
    return {
      ms,
      most: busiest.most,
      most_admitted: busiestWindow(admitted, ms).most,
      from_ms: busiest.fromMs,
      counted: all.length,
    }
  }

  clear(): void {
    this.#record.clear()
  }
}

/** Most of the ascending `times` within any half-open stretch of `ms`, and where the first such stretch starts. */
export function busiestWindow(times: readonly number[], ms: number): { most: number; fromMs: number | null } {
  let most = 0
  let fromMs: number | null = null
  let start = 0
  for (const [end, time] of times.entries()) {
    while ((times[start] ?? 0) <= time - ms) start += 1
    if (end - start + 1 > most) {
      most = end - start + 1
      fromMs = times[start] ?? null
    }
  }
  return { most, fromMs }
}

const matchedFields = [
  'org_id',
  'channel_id',
  'business_id',
  'external_conversation_id',
  'external_message_id',
  'status',
  'effect',
] as const

function matches(call: Call, filter: CallFilter): boolean {
  return matchedFields.every((field) => filter[field] === undefined || filter[field] === call[field])
}
