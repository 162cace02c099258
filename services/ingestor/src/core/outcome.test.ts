// Real: decisions on answers. Doubled: time and chance, as arguments. Failure: a decision that the table in DESIGN.md
// ("Answers and what they mean") does not make.

import type { Answer } from '@bridge/partoo/answer'
import { expect, test } from 'vitest'
import { answers } from '../../../../test/support/core-examples.ts'
import { type Circumstances, countAttempt, decide, noAttempts } from './outcome.ts'

const around: Circumstances = {
  nowMs: 1_000,
  policy: { attemptsMax: 3, ageMinMs: 60_000 },
  random: 0.5,
  othersAllowedSince: false,
  isChannelSuspended: false,
  isOut: false,
}
const { accepted, rejected, forbidden, misdirected, limited, unavailable, timeout } = answers

/** Attempts after answers at these times; before each, `acceptances` messages of the organization had been accepted. */
function after(calls: { answer: Answer; nowMs: number; acceptances: number }[]) {
  return calls.reduce((attempts, { answer, nowMs, acceptances }) => {
    return countAttempt(attempts, answer, { nowMs, startedAt: `2026-01-01T00:00:0${nowMs % 10}.000Z`, acceptances })
  }, noAttempts)
}

const once = after([{ answer: unavailable, nowMs: 0, acceptances: 0 }])

test('200 accepts; 400 puts away, unless its channel is suspended for that', () => {
  expect(decide(accepted, once, false, around)).toEqual({ kind: 'accepted' })
  expect(decide(rejected, once, false, around)).toMatchObject({ kind: 'deadLetter', reason: 'rejected' })
  expect(decide(rejected, once, false, { ...around, isChannelSuspended: true })).toEqual({ kind: 'keep' })
})

test('429 pauses the organization and is no attempt', () => {
  expect(after([{ answer: limited, nowMs: 0, acceptances: 0 }])).toEqual(noAttempts)
  expect(decide(limited, noAttempts, false, around)).toEqual({ kind: 'pause', pauseMs: 60_000 })
})

test('5xx and timeouts back off, at least as long as Partoo asks', () => {
  const twice = after([0, 500].map((nowMs) => ({ answer: timeout, nowMs, acceptances: 0 })))
  expect(decide(timeout, twice, false, around)).toEqual({ kind: 'retry', delayMs: 1_000 })
  const asked = { ...unavailable, retryAfterMs: 9_000 }
  expect(decide(asked, twice, false, around)).toEqual({ kind: 'retry', delayMs: 9_000 })
})

test('in an outage a message waits for the probes, but not less than Partoo asks', () => {
  expect(decide(unavailable, once, false, { ...around, isOut: true })).toEqual({ kind: 'keep' })
  const asked = { ...unavailable, retryAfterMs: 9_000 }
  expect(decide(asked, once, false, { ...around, isOut: true })).toEqual({ kind: 'retry', delayMs: 9_000 })
})

test('retries are exhausted only by attempts that count, and only after the least age', () => {
  const calls = [0, 30_000, 60_000].map((nowMs, acceptances) => ({ answer: unavailable, nowMs, acceptances }))
  const exhausted = { kind: 'deadLetter', reason: 'retries-exhausted' }
  expect(decide(unavailable, after(calls), false, { ...around, nowMs: 60_000 })).toMatchObject(exhausted)
  expect(decide(unavailable, after(calls), false, { ...around, nowMs: 59_999 }).kind).toBe('retry')
  expect(decide(unavailable, after(calls.slice(1)), false, { ...around, nowMs: 900_000 }).kind).toBe('retry')
})

test('an attempt counts only if somebody else succeeded since the one before: alone, a message is never given up', () => {
  const alone = after([0, 30_000, 60_000].map((nowMs) => ({ answer: unavailable, nowMs, acceptances: 7 })))
  expect(alone).toMatchObject({ made: 3, counted: 1 })
  expect(decide(unavailable, alone, false, { ...around, nowMs: 86_400_000 }).kind).toBe('retry')
})

test('403 puts away only when repeated after another business was accepted; else it backs off like 5xx', () => {
  const first = after([{ answer: forbidden, nowMs: 0, acceptances: 0 }])
  expect(first).toMatchObject({ made: 1, counted: 0, forbiddenSinceMs: 0 })
  expect(decide(forbidden, first, false, { ...around, othersAllowedSince: true })).toEqual({
    kind: 'retry',
    delayMs: 500,
  })
  expect(decide(forbidden, first, true, around)).toEqual({ kind: 'retry', delayMs: 500 })
  expect(decide(forbidden, first, true, { ...around, othersAllowedSince: true })).toMatchObject({ reason: 'rejected' })
})

test('401 keeps the message, however often and however old', () => {
  const calls = Array.from({ length: 50 }, (_, i) => ({ answer: unavailable, nowMs: i * 60_000, acceptances: i }))
  expect(decide(misdirected, after(calls), true, { ...around, nowMs: 9_000_000 })).toEqual({ kind: 'keep' })
})

test('the times of the first and the last attempt are kept for the dead letter', () => {
  const attempts = after([1, 2, 3].map((nowMs) => ({ answer: unavailable, nowMs, acceptances: 0 })))
  expect(attempts).toMatchObject({
    unavailableSinceMs: 1,
    firstAt: '2026-01-01T00:00:01.000Z',
    lastAt: '2026-01-01T00:00:03.000Z',
  })
})

test('no detail holds what Partoo answered', () => {
  const telling: Answer = { ...rejected, body: Buffer.from('{"content":"secret text"}') }
  expect(JSON.stringify(decide(telling, once, false, around))).not.toContain('secret')
})
