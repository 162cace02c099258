// What an answer means for the message and its conversation: the first two columns of the table in DESIGN.md ("Answers and
// what they mean"); what it means for channel and organization is in channel.ts and organization.ts. Pure: the same answer,
// history and chance give the same decision.

import type { Answer } from '@bridge/partoo/answer'
import type { DeadLetterReason } from '@bridge/schemas/receipt'
import { backoffMs, type RetryPolicy } from './retry.ts'

/** A message's calls so far. Times of the wall clock are ISO 8601 UTC, for publication only. */
export type Attempts = {
  /** Calls that ended otherwise than with 429. */
  made: number
  /** Those that use up the budget: unavailable, while other messages were accepted, so the fault is not everyone's. */
  counted: number
  /** When the first call ended that found Partoo unavailable; null where none did. */
  unavailableSinceMs: number | null
  firstAt: string | null
  lastAt: string | null
  /** The organization's acceptances when the last attempt ended. */
  acceptancesAtLast: number
  /** When Partoo first answered 403 or 404; null where it did not. */
  forbiddenSinceMs: number | null
}

export const noAttempts: Attempts = {
  made: 0,
  counted: 0,
  unavailableSinceMs: null,
  firstAt: null,
  lastAt: null,
  acceptancesAtLast: -1,
  forbiddenSinceMs: null,
}

export type Outcome =
  | { kind: 'accepted' }
  | { kind: 'deadLetter'; reason: Extract<DeadLetterReason, 'rejected' | 'retries-exhausted'>; detail: string }
  /** Keep the message at the head of its conversation and try again. */
  | { kind: 'retry'; delayMs: number }
  /** Keep it: what it belongs to is suspended, and its turn comes with a probe or when that ends. */
  | { kind: 'keep' }
  /** Not an attempt: the organization pauses, then this message goes on. */
  | { kind: 'pause'; pauseMs: number }

/** What else is known when an answer comes. */
export type Circumstances = {
  nowMs: number
  policy: RetryPolicy
  /** In [0, 1). */
  random: number
  /** Another business on this channel was accepted after this message was first forbidden. */
  othersAllowedSince: boolean
  /** The channel is suspended for rejecting whatever is sent to it. */
  isChannelSuspended: boolean
  /** Partoo is out for the whole organization. */
  isOut: boolean
}

/**
 * Counts a call that has ended. 429 is not an attempt and leaves the count as it is.
 *
 * @param acceptances how many messages of the organization were accepted so far
 */
export function countAttempt(
  before: Attempts,
  answer: Answer,
  call: { nowMs: number; startedAt: string; acceptances: number },
): Attempts {
  if (answer.kind === 'limited') return before
  const unavailable = answer.kind === 'unavailable'
  const counts = unavailable && (before.counted === 0 || call.acceptances > before.acceptancesAtLast)
  return {
    made: before.made + 1,
    counted: before.counted + (counts ? 1 : 0),
    unavailableSinceMs: before.unavailableSinceMs ?? (unavailable ? call.nowMs : null),
    firstAt: before.firstAt ?? call.startedAt,
    lastAt: call.startedAt,
    acceptancesAtLast: call.acceptances,
    forbiddenSinceMs: before.forbiddenSinceMs ?? (answer.kind === 'forbidden' ? call.nowMs : null),
  }
}

/**
 * Decides what becomes of a message.
 *
 * @param attempts with the call that ended already counted
 * @param wasForbidden whether an earlier call of this message was answered 403 or 404
 */
export function decide(answer: Answer, attempts: Attempts, wasForbidden: boolean, around: Circumstances): Outcome {
  const { nowMs, policy, random } = around
  switch (answer.kind) {
    case 'accepted':
      return { kind: 'accepted' }
    case 'rejected':
      if (around.isChannelSuspended) return { kind: 'keep' }
      return { kind: 'deadLetter', reason: 'rejected', detail: rejectedDetail(answer.status) }
    case 'forbidden':
      if (wasForbidden && around.othersAllowedSince) {
        const detail = `Partoo refused the message twice with HTTP ${answer.status}, while it accepted another business on the channel`
        return { kind: 'deadLetter', reason: 'rejected', detail }
      }
      return { kind: 'retry', delayMs: backoffMs(attempts.made, random, null) }
    case 'misdirected':
      return { kind: 'keep' }
    case 'limited':
      return { kind: 'pause', pauseMs: answer.retryAfterMs }
    case 'unavailable': {
      const old = nowMs - (attempts.unavailableSinceMs ?? nowMs) >= policy.ageMinMs
      if (attempts.counted >= policy.attemptsMax && old) {
        const detail = `gave up after ${attempts.made} attempts: ${answer.detail}`
        return { kind: 'deadLetter', reason: 'retries-exhausted', detail }
      }
      if (around.isOut) return answer.retryAfterMs === null ? { kind: 'keep' } : retry(answer.retryAfterMs)
      return retry(backoffMs(attempts.made, random, answer.retryAfterMs))
    }
  }
}

/** Of a message that Partoo rejected with this status: one line for a person. */
export function rejectedDetail(status: number): string {
  return `Partoo refused the message with HTTP ${status}`
}

function retry(delayMs: number): Outcome {
  return { kind: 'retry', delayMs }
}
