// Where the time goes: seconds that conversations, messages and partitions waited, by cause, so that whoever asks why nothing
// moves sees which cause grows. Counted as they wait, not when they are done: what never ends is counted too.

/**
 *   limit           a conversation's turn has come, the rate limit has not
 *   retry-after     the organization pauses after a 429
 *   in-flight       as many calls are under way as may be
 *   membership      the last heartbeat is too old, or it is not known yet what others settled
 *   backoff         a conversation waits to try again
 *   suspension      a credential, a channel or a business is suspended
 *   outage          Partoo fails for everyone
 *   kafka           Kafka does not take receipts or dead letters; also of records that wait to be published again
 *   order           a message waits for the one before it in its conversation
 *   back-pressure   a partition is not read, as enough of it is held
 */
export const waitCauses = [
  'limit',
  'retry-after',
  'in-flight',
  'membership',
  'backoff',
  'suspension',
  'outage',
  'kafka',
  'order',
  'back-pressure',
] as const
export type WaitCause = (typeof waitCauses)[number]

/** How many wait now, by cause; what is absent does not. */
export type Waiting = Partial<Record<WaitCause, number>>

const everyMs = 50

export class Waits {
  readonly seconds = Object.fromEntries(waitCauses.map((cause) => [cause, 0])) as Record<WaitCause, number>
  #atMs = Number.NEGATIVE_INFINITY
  #waiting: Waiting = {}

  /** Whether it is time to count again. */
  isDue(nowMs: number): boolean {
    return nowMs - this.#atMs >= everyMs
  }

  /** Adds the time since the last count for those who waited then, and takes note of who waits now. */
  count(waiting: Waiting, nowMs: number): void {
    const seconds = this.#atMs === Number.NEGATIVE_INFINITY ? 0 : (nowMs - this.#atMs) / 1_000
    for (const cause of waitCauses) this.seconds[cause] += (this.#waiting[cause] ?? 0) * seconds
    this.#atMs = nowMs
    this.#waiting = waiting
  }
}
