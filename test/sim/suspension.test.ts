// The third column of the table of answers in DESIGN.md, in small worlds with literal times. Real: the core. Doubled: Kafka,
// which takes everything at once, and Partoo, in virtual time. Failure: something that is not suspended, asked too often, too
// seldom or always by the same conversation, or a message that is put away for what is not its fault.

import type { Answer } from '@bridge/partoo/answer'
import { expect, test } from 'vitest'
import { accepted, type Call, Desk, forbidden, misdirected, mostAtOnce, rejected, unavailable } from './desk.ts'

const minuteMs = 60_000
const latencyMs = 100

/** A desk on which one answer is given to all calls until a time, and then another. */
function deskUntil(untilMs: number, before: (call: Call) => Answer, after: Answer = accepted): Desk {
  return new Desk({}, (call) => ({ answer: call.atMs < untilMs ? before(call) : after, afterMs: latencyMs }))
}

function produceTo(desk: Desk, conversations: number, count: number, businesses = 1): void {
  for (let i = 0; i < conversations; i += 1)
    desk.produce({ conversation: `${i}`, business: `business ${i % businesses}` }, count)
}

/** Between the end of a call and the start of the next. */
function pauses(calls: readonly Call[]): number[] {
  return calls.slice(1).map(({ atMs }, i) => Math.round(atMs - calls[i]!.endedMs))
}

test('a refused key is asked again after 5 s, 10 s … 5 min, by one call at a time, and by each conversation in turns', () => {
  const desk = deskUntil(60 * minuteMs, () => misdirected)
  produceTo(desk, 12, 3)
  desk.run(60 * minuteMs - 1)
  const probes = desk.calls.filter(({ atMs }) => atMs > 0)
  expect(mostAtOnce(probes)).toBe(1)
  expect(pauses(probes).slice(0, 8)).toEqual([10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1_000))
  expect(probes[0]!.atMs).toBe(latencyMs + 5_000)
  // Twelve were called before the first answer came; then each is asked before one is asked again.
  expect(new Set(probes.slice(0, 12).map(({ conversation }) => conversation)).size).toBe(12)
  desk.run(6 * minuteMs)
  expect(desk.receipts.filter(({ status }) => status === 'accepted')).toHaveLength(36)
  expect(desk.deadLetters).toEqual([])
  expect(desk.suspensions.map(({ scope, suspended }) => [scope, suspended])).toEqual([
    ['credential', true],
    ['credential', false],
  ])
})

test('who comes while the key is refused is asked first', () => {
  const desk = deskUntil(30 * minuteMs, () => misdirected)
  produceTo(desk, 5, 1)
  desk.run(20_000)
  desk.produce({ conversation: 'new' })
  const before = desk.calls.length
  desk.run(60_000)
  expect(desk.calls[before]!.conversation).toBe('new')
})

test('an outage is found by 20 failures of 10 conversations, and asked after 1 s, 2 s … 30 s', () => {
  const desk = deskUntil(10 * minuteMs, () => unavailable)
  produceTo(desk, 30, 2)
  desk.run(10 * minuteMs - 1)
  const begun = desk.suspensions[0]!
  expect(begun).toMatchObject({ scope: 'outage', suspended: true })
  const probes = desk.calls.filter(({ atMs }) => atMs > begun.atMs)
  expect(mostAtOnce(probes)).toBe(1)
  expect(probes[0]!.atMs - begun.atMs).toBe(1_000)
  expect(pauses(probes).slice(0, 7)).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  expect(new Set(probes.slice(0, 15).map(({ conversation }) => conversation)).size).toBe(15)
  desk.run(2 * minuteMs)
  expect(desk.receipts.filter(({ status }) => status === 'accepted')).toHaveLength(60)
})

test('nine conversations that fail are no outage', () => {
  const desk = deskUntil(5 * minuteMs, () => unavailable)
  produceTo(desk, 9, 10)
  desk.run(6 * minuteMs)
  expect(desk.suspensions).toEqual([])
})

test('others that succeed are a sign that it is no outage', () => {
  const desk = new Desk({}, ({ conversation }) => ({
    answer: conversation === 'fine' ? accepted : unavailable,
    afterMs: latencyMs,
  }))
  desk.produce({ conversation: 'fine' }, 5_000)
  produceTo(desk, 30, 1)
  desk.run(5 * minuteMs)
  expect(desk.suspensions).toEqual([])
})

test('of what a channel refuses 19 are put away, the 20th is kept, and all that are refused over a long time are not', () => {
  const desk = deskUntil(Number.POSITIVE_INFINITY, () => rejected)
  produceTo(desk, 6, 60)
  desk.run(14 * minuteMs)
  const begunMs = desk.suspensions[0]!.atMs
  expect(desk.suspensions[0]).toMatchObject({ scope: 'channel', suspended: true })
  expect(desk.deadLetters.length).toBe(19)
  const probes = desk.calls.filter(({ atMs }) => atMs > begunMs)
  expect(mostAtOnce(probes)).toBe(1)
  expect(probes[0]!.atMs - begunMs).toBe(5_000)
  expect(pauses(probes).slice(0, 6)).toEqual([10, 20, 40, 80, 160, 300].map((seconds) => seconds * 1_000))
  desk.run(180 * minuteMs)
  const late = desk.deadLetters.slice(19)
  // Those that were under way when it was suspended count too.
  const refused = desk.calls.filter(({ endedMs }) => endedMs >= begunMs && endedMs <= late[0]!.atMs).slice(1)
  expect(refused.length).toBeGreaterThanOrEqual(20)
  expect(late[0]!.atMs - begunMs).toBeGreaterThanOrEqual(15 * minuteMs)
  expect(late.every(({ reason }) => reason === 'rejected')).toBe(true)
})

test('four conversations that are refused are refused for what they are', () => {
  const desk = deskUntil(Number.POSITIVE_INFINITY, () => rejected)
  produceTo(desk, 4, 30)
  desk.run(minuteMs)
  expect(desk.suspensions).toEqual([])
  expect(desk.deadLetters).toHaveLength(120)
})

test('one conversation whose messages come one by one is one, however often it comes', () => {
  const desk = deskUntil(Number.POSITIVE_INFINITY, () => rejected)
  for (let i = 0; i < 60; i += 1) {
    desk.produce({ conversation: 'one' })
    desk.run(1_000)
  }
  expect(desk.suspensions).toEqual([])
  expect(desk.deadLetters).toHaveLength(60)
})

test('a forbidden business is asked again now and then, and the others of its channel go on', () => {
  const desk = new Desk({}, ({ business, atMs }) => ({
    answer: business === 'business 1' && atMs < 5 * minuteMs ? forbidden : accepted,
    afterMs: latencyMs,
  }))
  // One conversation of the forbidden business.
  desk.produce({ conversation: '1', business: 'business 1' }, 10)
  desk.run(minuteMs)
  expect(desk.suspensions).toMatchObject([{ scope: 'business', suspended: true }])
  desk.produce({ conversation: '2', business: 'business 2' }, 10)
  desk.run(5_000)
  expect(desk.receipts.filter(({ status }) => status === 'accepted')).toHaveLength(10)
  const probes = desk.calls.filter(({ business, atMs }) => business === 'business 1' && atMs > 0)
  expect(Math.min(...pauses(probes))).toBeGreaterThanOrEqual(5_000)
})

test('three conversations of two businesses that are forbidden suspend their channel', () => {
  const desk = deskUntil(5 * minuteMs, () => forbidden)
  produceTo(desk, 4, 5, 2)
  desk.run(5 * minuteMs - 1)
  const scopes = desk.suspensions.filter(({ suspended }) => suspended).map(({ scope }) => scope)
  expect(scopes).toContain('channel')
  const begunMs = desk.suspensions.findLast(({ scope }) => scope === 'channel')!.atMs
  expect(mostAtOnce(desk.calls.filter(({ atMs }) => atMs > begunMs))).toBe(1)
  desk.run(6 * minuteMs)
  expect(desk.deadLetters).toEqual([])
  expect(desk.receipts.filter(({ status }) => status === 'accepted')).toHaveLength(20)
})

test('a channel with a single business never puts away what is forbidden', () => {
  const desk = deskUntil(Number.POSITIVE_INFINITY, () => forbidden)
  produceTo(desk, 20, 2)
  desk.run(240 * minuteMs)
  expect(desk.deadLetters).toEqual([])
  expect(desk.dispatcher.view(desk.agenda.nowMs).admitted).toBe(40)
})
