// Real: one suspension and whoever waits for it. Doubled: time, as an argument. Failure: a probe too early or two at once, a
// conversation that never gets its probe, or one that is lost.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { laneWith, organizationWith, type Said } from '../../../../test/support/core-examples.ts'
import { Parked, Suspension, type SuspensionOf } from './suspension.ts'

const of: SuspensionOf = {
  scope: 'credential',
  organization: 'org',
  channelId: null,
  businessId: null,
  cause: 'misdirected',
  status: 401,
}
const lane = (said: Said) => laneWith(organizationWith(), said)

/** The seconds between probes that are refused one after the other, each answered after 100 ms. */
function intervals(scope: SuspensionOf['scope'], count: number): number[] {
  const suspension = new Suspension({ ...of, scope }, 0)
  const seconds: number[] = []
  for (let nowMs = 0; seconds.length < count; nowMs += 100) {
    seconds.push((suspension.nextProbeMs - nowMs) / 1_000)
    nowMs = suspension.nextProbeMs
    suspension.probeStarted()
    suspension.probeEnded(true, 0, nowMs + 100)
  }
  return seconds
}

test('probes go out after 5 s, then 10 s, 20 s … 5 min', () => {
  const expected = [5, 10, 20, 40, 80, 160, 300, 300]
  for (const scope of ['credential', 'channel', 'business'] as const) expect(intervals(scope, 8)).toEqual(expected)
})

test('in an outage after 1 s, then 2 s, 4 s … 30 s', () => {
  expect(intervals('outage', 8)).toEqual([1, 2, 4, 8, 16, 30, 30, 30])
})

test('one probe at a time: while it is under way there is no next one', () => {
  const suspension = new Suspension(of, 0)
  suspension.probeStarted()
  expect(suspension.nextProbeMs).toBe(Number.POSITIVE_INFINITY)
})

test('an answer that says nothing about it leaves the interval as it was, but what Partoo asks for is kept', () => {
  const suspension = new Suspension(of, 0)
  suspension.probeStarted()
  suspension.probeEnded(false, 0, 6_000)
  expect(suspension.nextProbeMs).toBe(11_000)
  suspension.probeStarted()
  suspension.probeEnded(false, 60_000, 12_000)
  expect(suspension.nextProbeMs).toBe(72_000)
  suspension.probeStarted()
  suspension.probeEnded(true, 0, 73_000)
  expect(suspension.nextProbeMs).toBe(83_000)
})

test('it reports what is suspended, and for how long', () => {
  expect(new Suspension(of, 1_000).report(61_000)).toEqual({ ...of, forMs: 60_000 })
})

test('what was not refused yet goes first, and businesses take turns', () => {
  const parked = new Parked()
  const park = (business: string, conversation: string, refused: boolean) =>
    parked.park(lane({ business, conversation }), business, refused)
  park('A', 'refused', true)
  park('A', 'a1', false)
  park('A', 'a2', false)
  park('A', 'a3', false)
  park('B', 'b1', false)
  const order = Array.from({ length: 6 }, () => parked.take()?.conversationId)
  expect(order).toEqual(['a1', 'b1', 'a2', 'a3', 'refused', undefined])
})

test('refused again and again, every conversation of every business gets its probe', () => {
  const parked = new Parked()
  const said = [
    { business: 'A', conversation: 'a1' },
    { business: 'A', conversation: 'a2' },
    { business: 'B', conversation: 'b1' },
  ]
  const businessOf = new Map(said.map(({ business, conversation }) => [conversation, business]))
  for (const one of said) parked.park(lane(one), one.business, true)
  const order = Array.from({ length: 6 }, () => {
    const taken = parked.take()
    if (taken === undefined) throw new Error('nobody left')
    parked.park(taken, businessOf.get(taken.conversationId) as string, true)
    return taken.conversationId
  })
  expect(order).toEqual(['a1', 'b1', 'a2', 'b1', 'a1', 'b1'])
})

test('who was given up is not taken', () => {
  const parked = new Parked()
  const [gone, here] = [lane({ conversation: 'gone' }), lane({ conversation: 'here' })]
  parked.park(gone, 'A', false)
  parked.park(here, 'A', false)
  gone.state = { kind: 'idle' }
  expect(parked.size).toBe(2)
  parked.sweep()
  expect([parked.size, parked.take(), parked.take(), parked.size]).toEqual([1, here, undefined, 0])
})

test('property: who is parked is taken once, unless it was given up; fresh ones first', () => {
  const move = fc.record({ kind: fc.constantFrom('park', 'take', 'giveUp'), pick: fc.nat(9), refused: fc.boolean() })
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const lanes = Array.from({ length: 10 }, (_, i) => lane({ conversation: `${i}`, business: `${i % 3}` }))
      const parked = new Parked()
      const here = new Map<number, boolean>()
      for (const { kind, pick, refused } of moves) {
        const one = lanes[pick] as (typeof lanes)[number]
        if (kind === 'park' && !here.has(pick)) {
          parked.park(one, `${pick % 3}`, refused)
          here.set(pick, refused)
        } else if (kind === 'giveUp' && here.delete(pick)) one.state = { kind: 'idle' }
        else if (kind === 'take') {
          const taken = parked.take()
          expect(taken === undefined).toBe(here.size === 0)
          if (taken === undefined) continue
          const wasRefused = here.get(lanes.indexOf(taken))
          expect(wasRefused).toBe([...here.values()].every((value) => value))
          here.delete(lanes.indexOf(taken))
          taken.state = { kind: 'idle' }
        }
        expect(parked.size).toBeGreaterThanOrEqual(here.size)
      }
      parked.sweep()
      expect(parked.size).toBe(here.size)
    }),
  )
})
