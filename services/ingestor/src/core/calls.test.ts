// Real: lanes, organizations, channels, decisions, memory of ids, publishing. Doubled: Partoo, as literal answers; Kafka, which
// is not asked. Failure: a call out of order or beyond a bound, an outcome that the table in DESIGN.md does not give, a receipt
// that says something else than what became of the message.

import type { Answer } from '@bridge/partoo/answer'
import { expect, test } from 'vitest'
import { answers, coreOptions, recordAt, type Said, workOf } from '../../../../test/support/core-examples.ts'
import { Calls, type CallsOptions } from './calls.ts'
import type { Entry } from './entry.ts'
import type { AttemptReport, Effect } from './facts.ts'
import { PartitionState } from './partition.ts'
import { Publishing } from './publishing.ts'
import type { HoldCause } from './view.ts'

const { accepted, rejected, forbidden, misdirected, limited, unavailable, timeout } = answers
const startedAt = '2026-01-01T00:00:00.000Z'
const endedAt = '2026-01-01T00:00:01.000Z'
const minuteMs = 60_000

class World {
  readonly calls: Calls
  readonly partition = new PartitionState('outbound', 0, 0, 0)
  readonly dropped: number[] = []
  readonly #effects: Effect[] = []
  readonly #entries: Entry[] = []

  constructor(options: Partial<CallsOptions> = {}) {
    const emit = (effect: Effect) => this.#effects.push(effect)
    const drop = ({ record }: Entry) => this.dropped.push(record.offset)
    this.calls = new Calls({ ...coreOptions, ...options }, new Publishing(emit), emit, drop)
    for (const { limiter } of this.calls.organizations) limiter.assign(1, -600_000)
  }

  /** Queues a message at the next offset, from 0 on. */
  queue(said: Said, { digest = 'digest', topic = 'outbound' } = {}): void {
    const offset = this.#entries.length
    const record = recordAt(offset, { topic, partition: 0 })
    const entry: Entry = { token: offset, partition: this.partition, record, bytes: 1, stage: { kind: 'decoding' } }
    this.#entries.push(entry)
    this.calls.queue(entry, workOf({ id: `id ${offset}`, ...said }, digest))
  }

  /** Starts what may start; answers the offsets called. */
  start(nowMs: number, hold: () => HoldCause | null = () => null): number[] {
    this.#effects.length = 0
    this.calls.start(hold, nowMs)
    return this.#effects.flatMap((effect) => (effect.kind === 'call' ? [effect.token] : []))
  }

  end(offset: number, answer: Answer, nowMs: number): Effect[] {
    this.#effects.length = 0
    this.calls.ended(
      this.entry(offset),
      { kind: 'called', token: offset, answer, startedAt, endedAt, durationMs: 1 },
      nowMs,
    )
    return [...this.#effects]
  }

  /** Ends a call; answers what comes next, as the log tells it. */
  next(offset: number, answer: Answer, nowMs: number): Pick<AttemptReport, 'attempt' | 'next' | 'delayMs'> {
    const report = this.end(offset, answer, nowMs).find((effect) => effect.kind === 'tellAttempt')
    if (report === undefined) throw new Error('no attempt was told')
    return { attempt: report.attempt, next: report.next, delayMs: report.delayMs }
  }

  entry(offset: number): Entry {
    return this.#entries[offset] as Entry
  }

  /** What was published since the last start or end. */
  get published(): Effect[] {
    return this.#effects.filter(({ kind }) => kind === 'publishReceipt' || kind === 'storeDeadLetter')
  }
}

const twoOrganizations = {
  organizations: ['org', 'two'].map((name) => ({
    name,
    limitPerMinute: 0,
    channels: [name === 'org' ? 'channel' : 'second'],
  })),
}
const second = { organization: 'two', channel: 'second' }

// ── Turns ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('of one conversation a message is called when the one before it has its outcome, others at once', () => {
  const world = new World()
  for (const conversation of ['a', 'a', 'b']) world.queue({ conversation })
  expect(world.start(0)).toEqual([0, 2])
  expect(world.next(0, unavailable, 10)).toEqual({ attempt: 1, next: 'retried', delayMs: 500 })
  expect([world.start(509), world.start(510)]).toEqual([[], [0]])
  expect(world.next(0, accepted, 600)).toEqual({ attempt: 2, next: 'accepted', delayMs: null })
  expect(world.start(600)).toEqual([1])
})

test('one with 10,000 messages delays another by one message', () => {
  const world = new World({ organizations: [{ name: 'org', limitPerMinute: 60, channels: ['channel'] }], burst: 1 })
  for (let i = 0; i < 10_000; i += 1) world.queue({ conversation: 'long' })
  world.queue({ conversation: 'short' })
  expect(world.start(0)).toEqual([0])
  world.end(0, accepted, 100)
  expect(world.start(1_000)).toEqual([10_000])
  expect(world.start(2_000)).toEqual([1])
})

test('the same conversation in another topic is another lane: there is no order between topics', () => {
  const world = new World({ bulkTopic: 'bulk' })
  world.queue({ conversation: 'a' })
  world.queue({ conversation: 'a' }, { topic: 'bulk' })
  expect([world.start(0), world.calls.lanes]).toEqual([[0, 1], 2])
})

test('nothing starts while something holds all calls back; it is asked before each', () => {
  const world = new World()
  for (const conversation of ['a', 'b', 'c']) world.queue({ conversation })
  expect(world.start(0, () => 'membership')).toEqual([])
  expect(world.start(0, () => (world.calls.inFlight < 2 ? null : 'in-flight'))).toEqual([0, 1])
})

test('of several organizations none holds more than three quarters of the calls in flight', () => {
  const world = new World({ ...twoOrganizations, inFlightMax: 8 })
  for (let i = 0; i < 20; i += 1) world.queue({ conversation: `a${i}` })
  expect(world.start(0)).toHaveLength(6)
  for (let i = 0; i < 20; i += 1) world.queue({ conversation: `b${i}`, ...second })
  const max = () => (world.calls.inFlight < 8 ? null : 'in-flight')
  expect(world.start(0, max)).toEqual([20, 21])
})

test('a burst is half the limit at most', () => {
  const world = new World({ organizations: [{ name: 'org', limitPerMinute: 10, channels: ['channel'] }], burst: 20 })
  for (let i = 0; i < 20; i += 1) world.queue({ conversation: `${i}` })
  expect(world.start(0)).toHaveLength(5)
})

test('429 pauses its organization, and no other; it is no attempt', () => {
  const world = new World(twoOrganizations)
  world.queue({ conversation: 'a' })
  world.queue({ conversation: 'b', ...second })
  world.queue({ conversation: 'b', ...second })
  expect(world.start(0)).toEqual([0, 1])
  expect(world.next(0, limited, 0)).toEqual({ attempt: 1, next: 'paused', delayMs: 60_000 })
  world.end(1, accepted, 0)
  expect([world.start(59_999), world.start(60_000)]).toEqual([[2], [0]])
  expect(world.next(0, accepted, 60_100)).toMatchObject({ attempt: 1 })
})

// ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

test('an accepted message has its receipt', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  world.start(0)
  expect(world.end(0, accepted, 10)[0]).toMatchObject({
    kind: 'publishReceipt',
    token: 0,
    receipt: {
      status: 'accepted',
      reason: null,
      channel_id: 'channel',
      external_conversation_id: 'a',
      external_message_id: 'id 0',
      business_id: 'business',
      at: endedAt,
      attempts: 1,
      http_status: 200,
      source: { topic: 'outbound', partition: 0, offset: 0 },
      partoo: null,
    },
  })
  expect([world.calls.lanes, world.calls.queued, world.calls.inFlight]).toEqual([0, 0, 0])
})

test('a rejected one is put away with what Partoo said, and its conversation goes on', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  world.queue({ conversation: 'a' })
  world.start(0)
  expect(world.end(0, rejected, 10)[0]).toMatchObject({
    kind: 'storeDeadLetter',
    token: 0,
    truncation: 'none',
    cause: {
      reason: 'rejected',
      httpStatus: 400,
      response: rejected.body,
      attempts: 1,
      firstAttemptAt: startedAt,
      lastAttemptAt: startedAt,
    },
  })
  expect(world.entry(0).stage).toMatchObject({ receipt: { status: 'rejected', reason: 'rejected', http_status: 400 } })
  expect(world.start(10)).toEqual([1])
})

/** Calls message 0 every two minutes until it has an outcome, 50 times at most; `others` succeed in between. */
function callAgain(world: World, answer: Answer, others: boolean) {
  let nowMs = 0
  let next = 'retried'
  for (let offset = 1; next === 'retried' && offset <= 50; offset += 1, nowMs += 2 * minuteMs) {
    if (others) world.queue({ conversation: 'other' })
    expect(world.start(nowMs)).toEqual(others ? expect.arrayContaining([0, offset]) : [0])
    if (others) world.end(offset, accepted, nowMs)
    next = world.next(0, answer, nowMs).next
  }
  return { next, afterMinutes: nowMs / minuteMs - 2 }
}

test('retries are exhausted after 8 attempts and 15 min, while another conversation succeeds', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  expect(callAgain(world, unavailable, true)).toEqual({ next: 'retries-exhausted', afterMinutes: 16 })
})

test('where nobody else succeeds, a message is tried for ever', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  expect(callAgain(world, timeout, false)).toEqual({ next: 'retried', afterMinutes: 98 })
})

test('403: put away when refused again after another business on the channel was accepted', () => {
  const world = new World()
  world.queue({ conversation: 'a', business: 'A' })
  world.queue({ conversation: 'b', business: 'B' })
  world.queue({ conversation: 'b', business: 'B' })
  expect(world.start(0)).toEqual([0, 1])
  world.end(1, accepted, 10)
  expect(world.next(0, forbidden, 20)).toEqual({ attempt: 1, next: 'retried', delayMs: 500 })
  expect([world.start(1_000), world.start(5_020)]).toEqual([[2], [0]])
  // Another was accepted, but before this one was refused.
  expect(world.next(0, forbidden, 5_100)).toMatchObject({ attempt: 2, next: 'retried' })
  world.end(2, accepted, 6_000)
  expect([world.start(6_100), world.start(15_100)]).toEqual([[], [0]])
  expect(world.next(0, forbidden, 15_200)).toMatchObject({ attempt: 3, next: 'rejected' })
})

// Nothing of them waits, and nothing will come for most of them: ids mistyped by a producer, one more each time (L6).
test('businesses that were forbidden are not held for ever', () => {
  const world = new World()
  let offset = 0
  for (let i = 0; i < 1_200; i += 1) {
    const nowMs = i * 10_000
    world.queue({ conversation: `a${i}`, business: `mistyped ${i}` })
    world.start(nowMs)
    world.end(offset, forbidden, nowMs)
    world.queue({ conversation: 'b', business: 'B' })
    world.start(nowMs + 500)
    world.end(offset + 1, accepted, nowMs + 500)
    expect(world.start(nowMs + 5_000)).toEqual([offset])
    expect(world.next(offset, forbidden, nowMs + 5_000).next).toBe('rejected')
    offset += 2
  }
  expect(world.calls.lanes).toBe(0)
  expect(world.calls.organizations[0]?.suspensions(12_000_000).length).toBeLessThan(1_100)
})

test('403 on a channel of one business: kept for ever', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  world.start(0)
  for (let nowMs = 0; nowMs < 86_400_000; nowMs += 10 * minuteMs) {
    expect(world.next(0, forbidden, nowMs).next).toBe('retried')
    world.start(nowMs + minuteMs)
    expect(world.start(nowMs + 10 * minuteMs)).toEqual([0])
  }
})

test('401: kept, until a probe is answered otherwise', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  world.start(0)
  expect(world.next(0, misdirected, 0)).toEqual({ attempt: 1, next: 'kept', delayMs: null })
  expect([world.start(4_999), world.start(5_000)]).toEqual([[], [0]])
  expect(world.next(0, accepted, 5_100)).toMatchObject({ attempt: 2, next: 'accepted' })
})

/** Lets 20 conversations have a message rejected, one after the other, at 0; the last one of them is kept. */
function suspendChannel(world: World): void {
  for (let i = 0; i < 20; i += 1) world.queue({ conversation: `r${i}` })
  world.start(0)
  for (let i = 0; i < 19; i += 1) expect(world.next(i, rejected, 0).next).toBe('rejected')
  expect(world.next(19, rejected, 0)).toEqual({ attempt: 1, next: 'kept', delayMs: null })
}

test('a channel that rejects everything keeps its messages; after 20 more over 15 min those that were refused are put away', () => {
  const world = new World()
  suspendChannel(world)
  for (let i = 0; i < 30; i += 1) world.queue({ conversation: `s${i}` })
  const outcomes: string[] = []
  let stored: number[] = []
  for (let nowMs = 0; outcomes.at(-1) !== 'rejected'; nowMs += 5_000) {
    const [probe, ...more] = world.start(nowMs)
    expect(more).toEqual([])
    if (probe === undefined) continue
    outcomes.push(world.next(probe, rejected, nowMs).next)
    stored = world.published.map((effect) => ('token' in effect ? effect.token : -1))
  }
  expect(outcomes).toEqual([...Array.from({ length: 19 }, () => 'kept'), 'rejected'])
  // The 20 that probed, new ones first, and the one that was kept at first; 10 were not called yet.
  expect(stored.toSorted((a, b) => a - b)).toEqual([19, ...Array.from({ length: 20 }, (_, i) => 20 + i)])
  expect(world.calls.queued).toBe(10)
})

test('a 2xx ends it: what was kept is called again', () => {
  const world = new World()
  suspendChannel(world)
  world.queue({ conversation: 'new' })
  expect([world.start(0), world.start(5_000)]).toEqual([[], [20]])
  world.end(20, accepted, 5_100)
  expect(world.start(5_100)).toEqual([19])
  expect(world.next(19, rejected, 5_200)).toMatchObject({ attempt: 2, next: 'rejected' })
})

// ── Repeated ids ─────────────────────────────────────────────────────────────────────────────────────────────────────

test('a message that a producer repeats costs no call: its receipt says duplicate', () => {
  const world = new World()
  world.queue({ conversation: 'a', id: 'same' })
  world.queue({ conversation: 'a', id: 'same' })
  world.start(0)
  world.end(0, accepted, 10)
  expect(world.start(10)).toEqual([])
  expect(world.published).toMatchObject([
    {
      kind: 'publishReceipt',
      token: 1,
      receipt: { status: 'duplicate', reason: null, attempts: 0, http_status: null, at: null },
    },
  ])
  expect(world.calls.lanes).toBe(0)
})

test('the same id with other content is called; its receipt and the log say so', () => {
  const world = new World()
  world.queue({ conversation: 'a', id: 'same' })
  world.queue({ conversation: 'a', id: 'same' }, { digest: 'other' })
  world.start(0)
  world.end(0, accepted, 10)
  expect(world.start(10)).toEqual([1])
  const effects = world.end(1, accepted, 20)
  expect(effects[0]).toMatchObject({ receipt: { status: 'accepted', reason: 'id-reused' } })
  expect(effects[1]).toMatchObject({ kind: 'tellAttempt', idReused: true })
})

test('an id that was rejected may come again, as may one on another channel', () => {
  const world = new World({ organizations: [{ name: 'org', limitPerMinute: 0, channels: ['channel', 'other'] }] })
  world.queue({ conversation: 'a', id: 'same' })
  world.queue({ conversation: 'a', id: 'same' })
  world.queue({ conversation: 'b', id: 'same', channel: 'other' })
  expect(world.start(0)).toEqual([0, 2])
  world.end(0, rejected, 10)
  world.end(2, accepted, 10)
  expect(world.start(10)).toEqual([1])
})

test('a repeated one gives its probe to the next: the suspension is probed all the same', () => {
  const world = new World()
  world.queue({ conversation: 'ok', id: 'same' })
  world.start(0)
  world.end(0, accepted, 0)
  for (const conversation of ['a', 'b']) world.queue({ conversation, id: conversation === 'a' ? 'id' : 'same' })
  world.start(0)
  world.end(1, misdirected, 0)
  world.queue({ conversation: 'c', id: 'same' })
  expect([world.start(10), world.start(5_000)]).toEqual([[], [1]])
})

// ── Another owner ────────────────────────────────────────────────────────────────────────────────────────────────────

test('what was given up is not called, and what is under way is not given up', () => {
  const world = new World()
  for (const conversation of ['a', 'a', 'b']) world.queue({ conversation })
  world.start(0, () => (world.calls.inFlight < 1 ? null : 'in-flight'))
  expect([0, 1, 2].map((offset) => world.calls.isUnderWay(world.entry(offset)))).toEqual([true, false, false])
  world.calls.giveUp([1, 2].map((offset) => world.entry(offset)))
  expect([world.dropped, world.calls.lanes]).toEqual([[1, 2], 1])
  world.end(0, accepted, 10)
  expect([world.start(10), world.calls.lanes]).toEqual([[], 0])
})

test('a call that ends without an outcome after its partition went is the new owner’s to repeat', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  world.start(0)
  world.partition.owned = false
  expect(world.next(0, unavailable, 10)).toMatchObject({ next: 'dropped' })
  expect([world.dropped, world.calls.lanes]).toEqual([[0], 0])
})

test('one that was accepted has its receipt, whoever owns the partition', () => {
  const world = new World()
  world.queue({ conversation: 'a' })
  world.start(0)
  world.partition.owned = false
  expect(world.end(0, accepted, 10)[0]).toMatchObject({ kind: 'publishReceipt', receipt: { status: 'accepted' } })
})

test('a message for a channel that is not configured, and an answer nobody waits for, are bugs', () => {
  const world = new World()
  expect(() => world.queue({ conversation: 'a', channel: 'unknown' })).toThrow('which is not configured')
  world.queue({ conversation: 'a' })
  expect(() => world.end(1, accepted, 0)).toThrow('which is not being called')
})
