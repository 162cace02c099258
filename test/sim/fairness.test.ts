// Law L3 in small worlds with literal numbers. Real: the core. Doubled: Kafka, which takes everything at once, and Partoo, in
// virtual time. Failure: a conversation, channel, organization or topic that delays another beyond the bound that is promised.

import { expect, test } from 'vitest'
import { accepted, type Call, Desk, mostAtOnce, rejected, timedOut } from './desk.ts'

const inMs = (afterMs: number) => ({ answer: accepted, afterMs })
const callMaxMs = 30_000

test('a conversation with thousands of messages delays another by one turn of each', () => {
  const desk = new Desk({ inFlightMax: 4 }, () => inMs(50))
  desk.produce({ conversation: 'many' }, 5_000)
  for (let i = 0; i < 10; i += 1) desk.produce({ conversation: `some ${i}` }, 20)
  desk.run(500)
  const before = desk.calls.length
  desk.produce({ conversation: 'one' })
  desk.run(5_000)
  const turn = desk.calls.slice(before).findIndex(({ conversation }) => conversation === 'one')
  expect(turn).toBeGreaterThanOrEqual(0)
  // Eleven were ready or in flight.
  expect(turn).toBeLessThanOrEqual(11 + 4)
})

test('conversations have turns alike, however much they have', () => {
  const desk = new Desk({ inFlightMax: 5 }, () => inMs(10))
  for (let i = 0; i < 20; i += 1) desk.produce({ conversation: `${i}` }, 100 + 50 * i)
  desk.run(2_000)
  const counts = new Map<string, number>()
  for (const { conversation } of desk.calls.slice(0, 1_000))
    counts.set(conversation, (counts.get(conversation) ?? 0) + 1)
  for (const count of counts.values()) expect(Math.abs(count - 50)).toBeLessThanOrEqual(2)
})

test('the bulk topic has a tenth while others wait, and everything when none does', () => {
  const limit = { name: 'org', limitPerMinute: 600, channels: ['channel'] }
  const desk = new Desk({ organizations: [limit], bulkTopic: 'bulk' }, () => inMs(20))
  for (let i = 0; i < 30; i += 1) {
    desk.produce({ conversation: `bulk ${i}`, topic: 'bulk' }, 100)
    desk.produce({ conversation: `normal ${i}` }, 20)
  }
  desk.run(60_000)
  const bulk = desk.calls.slice(0, 500).filter(({ topic }) => topic === 'bulk').length
  expect(bulk).toBeGreaterThanOrEqual(50)
  expect(bulk).toBeLessThanOrEqual(60)
  // All of the normal ones, and what there was to spare.
  desk.run(60_000)
  expect(desk.calls.filter(({ topic }) => topic === 'normal')).toHaveLength(600)
  const late = desk.calls.slice(700)
  expect(late.length).toBeGreaterThan(400)
  expect(late.every(({ topic }) => topic === 'bulk')).toBe(true)
})

test('a conversation of the normal topic does not wait for bulk that came before it', () => {
  const desk = new Desk({ inFlightMax: 2, bulkTopic: 'bulk' }, () => inMs(50))
  for (let i = 0; i < 50; i += 1) desk.produce({ conversation: `bulk ${i}`, topic: 'bulk' }, 20)
  desk.run(1_000)
  const before = desk.calls.length
  desk.produce({ conversation: 'normal' })
  desk.run(1_000)
  const turn = desk.calls.slice(before).findIndex(({ topic }) => topic === 'normal')
  expect(turn).toBeGreaterThanOrEqual(0)
  expect(turn).toBeLessThanOrEqual(1)
})

test('a channel that refuses everything takes next to nothing of the limit', () => {
  const organizations = [{ name: 'org', limitPerMinute: 300, channels: ['refused', 'fine'] }]
  const desk = new Desk({ organizations }, ({ channel }) => ({
    answer: channel === 'refused' ? rejected : accepted,
    afterMs: 100,
  }))
  for (let i = 0; i < 50; i += 1) {
    desk.produce({ conversation: `refused ${i}`, channel: 'refused' }, 100)
    desk.produce({ conversation: `fine ${i}`, channel: 'fine' }, 100)
  }
  desk.run(300_000)
  const late = desk.calls.filter(({ atMs }) => atMs >= 120_000 && atMs < 300_000)
  const fine = late.filter(({ channel }) => channel === 'fine')
  expect(fine.length).toBeGreaterThanOrEqual(0.96 * 900)
  expect(late.length - fine.length).toBeLessThanOrEqual(6)
})

test('an organization whose calls all time out leaves a quarter of the calls in flight to another', () => {
  const organizations = ['stuck', 'fine'].map((name) => ({ name, limitPerMinute: 0, channels: [name] }))
  const desk = new Desk({ organizations, inFlightMax: 16 }, ({ organization }) =>
    organization === 'stuck' ? { answer: timedOut, afterMs: callMaxMs } : inMs(100),
  )
  for (let i = 0; i < 100; i += 1) desk.produce({ conversation: `stuck ${i}`, channel: 'stuck' }, 10)
  desk.run(1_000)
  for (let i = 0; i < 40; i += 1) desk.produce({ conversation: `fine ${i}`, channel: 'fine' }, 10)
  desk.run(11_000)
  expect(mostAtOnce(desk.calls.filter(({ organization }) => organization === 'stuck'))).toBe(12)
  // 400 messages, four at a time, a tenth of a second each.
  const fine = desk.calls.filter(({ organization, endedMs }) => organization === 'fine' && endedMs <= 12_000)
  expect(fine).toHaveLength(400)
})

test('conversations that time out hold a quarter of the calls in flight', () => {
  const isSlow = ({ conversation }: Call) => conversation.startsWith('slow')
  const desk = new Desk({ inFlightMax: 16 }, (call) =>
    isSlow(call) ? { answer: timedOut, afterMs: callMaxMs } : inMs(1_000),
  )
  for (let i = 0; i < 40; i += 1) {
    desk.produce({ conversation: `slow ${i}` }, 3)
    desk.produce({ conversation: `fine ${i}` }, 150)
  }
  // By then each slow one has timed out once.
  desk.run(200_000)
  const fromMs = desk.agenda.nowMs
  desk.run(60_000)
  const slow = desk.calls.filter((call) => isSlow(call) && call.endedMs > fromMs)
  expect(slow.length).toBeGreaterThan(0)
  expect(mostAtOnce(slow)).toBeLessThanOrEqual(4)
  const fine = desk.calls.filter((call) => !isSlow(call) && call.atMs >= fromMs)
  expect(fine.length).toBeGreaterThanOrEqual(60 * 12 * 0.98)
})

test('a burst after a quiet minute goes out at once, and then one by one', () => {
  const organizations = [{ name: 'org', limitPerMinute: 300, channels: ['channel'] }]
  const desk = new Desk({ organizations }, () => inMs(100))
  desk.run(70_000)
  for (let i = 0; i < 25; i += 1) desk.produce({ conversation: `${i}` })
  desk.run(60_000)
  expect(desk.calls.map(({ atMs }) => Math.round(atMs - 70_000))).toEqual([
    ...Array.from({ length: 20 }, () => 0),
    ...[200, 400, 600, 800, 1_000],
  ])
})
