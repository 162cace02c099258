// Real: decisions on answers. Doubled: time and chance, as arguments. Failure: a decision that the table in DESIGN.md
// ("Answers and what they mean") does not make.

import type { Answer } from '@bridge/partoo/answer'
import { expect, test } from 'vitest'
import { type Circumstances, countAttempt, decide, noAttempts } from './outcome.ts'

const around: Circumstances = {
  nowMs: 1_000,
  policy: { attemptsMax: 3, ageMinMs: 60_000 },
  random: 0.5,
  othersAllowedSince: false,
}
const body = Buffer.from('{}')
const unavailable: Answer = { kind: 'unavailable', status: 503, detail: 'HTTP 503', retryAfterMs: null, body: null }
const limited: Answer = { kind: 'limited', status: 429, retryAfterMs: 7_000 }
const forbidden: Answer = { kind: 'forbidden', status: 403, body }

/** Attempts after answers at these times; before each, `acceptances` messages of the organization had been accepted. */
function after(answers: { answer: Answer; nowMs: number; acceptances: number }[]) {
  return answers.reduce((attempts, { answer, nowMs, acceptances }) => {
    return countAttempt(attempts, answer, { nowMs, startedAt: '2026-01-01T00:00:00.000Z', acceptances })
  }, noAttempts)
}

test('200 accepts; 400 puts away', () => {
  const once = after([{ answer: unavailable, nowMs: 0, acceptances: 0 }])
  expect(decide({ kind: 'accepted', status: 200 }, once, false, around)).toEqual({ kind: 'accepted' })
  expect(decide({ kind: 'rejected', status: 400, body }, once, false, around)).toMatchObject({
    kind: 'deadLetter',
    reason: 'rejected',
  })
})

test('429 pauses the organization and is no attempt', () => {
  expect(after([{ answer: limited, nowMs: 0, acceptances: 0 }])).toEqual(noAttempts)
  expect(decide(limited, noAttempts, false, around)).toEqual({ kind: 'pause', pauseMs: 7_000 })
})

test('5xx backs off, at least as long as Partoo asks', () => {
  const twice = after([
    { answer: unavailable, nowMs: 0, acceptances: 0 },
    { answer: unavailable, nowMs: 500, acceptances: 0 },
  ])
  expect(decide(unavailable, twice, false, around)).toEqual({ kind: 'retry', delayMs: 1_000 })
  expect(decide({ ...unavailable, retryAfterMs: 9_000 }, twice, false, around)).toEqual({
    kind: 'retry',
    delayMs: 9_000,
  })
})

test('retries are exhausted only by attempts that count, and only after the least age', () => {
  const answers = [0, 30_000, 60_000].map((nowMs, acceptances) => ({ answer: unavailable, nowMs, acceptances }))
  const exhausted = { kind: 'deadLetter', reason: 'retries-exhausted' }
  expect(decide(unavailable, after(answers), false, { ...around, nowMs: 60_000 })).toMatchObject(exhausted)
  expect(decide(unavailable, after(answers), false, { ...around, nowMs: 59_999 }).kind).toBe('retry')
  const nobodyElse = after(answers.map((answer) => ({ ...answer, acceptances: 0 })))
  expect(nobodyElse).toMatchObject({ made: 3, counted: 1 })
  expect(decide(unavailable, nobodyElse, false, { ...around, nowMs: 900_000 }).kind).toBe('retry')
})

test('403 puts away only when repeated after another business was accepted', () => {
  const once = after([{ answer: forbidden, nowMs: 0, acceptances: 0 }])
  expect(once.forbiddenSinceMs).toBe(0)
  expect(decide(forbidden, once, false, { ...around, othersAllowedSince: true }).kind).toBe('retry')
  expect(decide(forbidden, once, true, around).kind).toBe('retry')
  expect(decide(forbidden, once, true, { ...around, othersAllowedSince: true })).toMatchObject({ reason: 'rejected' })
})

test('401 keeps the message, however often', () => {
  const often = after(
    Array.from({ length: 50 }, (_, i) => ({ answer: unavailable, nowMs: i * 60_000, acceptances: i })),
  )
  expect(decide({ kind: 'misdirected', status: 401, body }, often, false, around).kind).toBe('retry')
})
