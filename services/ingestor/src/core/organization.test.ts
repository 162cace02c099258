// Real: the organization with its limiter, channels and queues. Doubled: time and answers, as arguments; conversations, which
// have another message whenever one is accepted. Failure: a lane out of its turn, before its time or never; more probes than
// one; something that is suspended and should not be, or the reverse.

import type { Answer } from '@bridge/partoo/answer'
import { expect, test } from 'vitest'
import { answers, laneWith, organizationWith, type Said } from '../../../../test/support/core-examples.ts'
import type { Lane } from './lane.ts'
import type { Organization, OrganizationOptions } from './organization.ts'

const { accepted, rejected, forbidden, misdirected, limited, unavailable, timeout } = answers

class World {
  readonly told: string[] = []
  readonly organization: Organization
  readonly #lanes = new Map<string, Lane>()

  constructor(options: Partial<OrganizationOptions> = {}) {
    this.organization = organizationWith({
      tell: (suspended, { scope }) => this.told.push(`${suspended ? 'suspended' : 'free'}: ${scope}`),
      ...options,
    })
  }

  lane(name: string): Lane {
    const lane = this.#lanes.get(name)
    if (lane === undefined) throw new Error(`${name} is no conversation`)
    return lane
  }

  /** Conversations that are new, and have a turn to come. */
  ready(said: Said[], options: { isBulk?: boolean } = {}): void {
    for (const one of said) {
      const lane = laneWith(this.organization, one, options)
      this.#lanes.set(one.conversation, lane)
      this.organization.ready(lane)
    }
  }

  /** Starts whatever may start; answers which conversations. */
  start(nowMs: number): string[] {
    const started: string[] = []
    for (let turn = this.organization.next(nowMs); turn.kind === 'lane'; turn = this.organization.next(nowMs)) {
      this.organization.started(turn.lane, turn.probes, nowMs)
      started.push(turn.lane.conversationId)
    }
    return started
  }

  /** A call ended; its conversation waits for its next turn. */
  answer(name: string, answer: Answer, nowMs: number): void {
    const lane = this.lane(name)
    const { business_id: business } = lane.head.stage.message
    lane.head.stage.attempts = { ...lane.head.stage.attempts, made: answer.kind === 'accepted' ? 0 : 1 }
    this.organization.answered(lane, answer, nowMs)
    if (answer.kind === 'accepted') lane.channel.accepted(business, nowMs)
    if (answer.kind === 'rejected') lane.channel.rejected(name, business, 400, nowMs)
    if (answer.kind === 'forbidden') lane.channel.forbidden(name, business, 403, nowMs)
    this.organization.ready(lane)
  }

  /** When to ask again. */
  wakesAt(nowMs: number): number {
    const turn = this.organization.next(nowMs)
    if (turn.kind === 'lane') throw new Error(`${turn.lane.conversationId} has its turn`)
    return turn.untilMs
  }

  /** The times of the next probes, each alone and answered at once. A wake in between for nobody is allowed, a few of them. */
  probe(count: number, answer: Answer, fromMs: number): number[] {
    let nowMs = fromMs
    return Array.from({ length: count }, () => {
      let started: string[] = []
      for (let wakes = 0; started.length === 0 && wakes < 5; wakes += 1) {
        nowMs = this.wakesAt(nowMs)
        started = this.start(nowMs)
      }
      expect(started).toHaveLength(1)
      this.answer(started[0] as string, answer, nowMs)
      return nowMs
    })
  }
}

const named = (prefix: string, count: number, said: Omit<Said, 'conversation'> = {}): Said[] =>
  Array.from({ length: count }, (_, i) => ({ conversation: `${prefix}${i}`, ...said }))
const names = (prefix: string, count: number) => named(prefix, count).map(({ conversation }) => conversation)
const never = Number.POSITIVE_INFINITY

// ── Turns ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('lanes take turns in the order they became ready', () => {
  const { organization } = new World()
  const [a, b] = [laneWith(organization, { conversation: 'a' }), laneWith(organization, { conversation: 'b' })]
  organization.ready(a)
  organization.ready(b)
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: a, probes: [] })
  organization.ready(a)
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: b, probes: [] })
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: a, probes: [] })
  expect(organization.next(0)).toEqual({ kind: 'wait', untilMs: never })
})

test('a lane that backs off delays nobody', () => {
  const world = new World()
  world.organization.backOff(laneWith(world.organization, { conversation: 'a' }), 1_000)
  world.ready([{ conversation: 'b' }])
  expect(world.start(0)).toEqual(['b'])
  expect(world.wakesAt(999)).toBe(1_000)
  expect(world.start(1_000)).toEqual(['a'])
})

test('a pause holds everybody; a shorter one does not end it', () => {
  const world = new World()
  world.ready([{ conversation: 'a' }])
  world.organization.pause(60_000)
  world.organization.pause(5_000)
  expect(world.wakesAt(59_999)).toBe(60_000)
  expect(world.start(60_000)).toEqual(['a'])
})

test('the limit says when the next turn is', () => {
  const world = new World({ limitPerMinute: 300, burst: 1 })
  world.ready(named('c', 2))
  expect(world.start(0)).toEqual(['c0'])
  expect(world.wakesAt(0)).toBe(200)
})

test('no more calls are in flight than its own part of them', () => {
  const world = new World({ inFlightMax: 2 })
  world.ready(named('c', 3))
  expect(world.start(0)).toEqual(['c0', 'c1'])
  expect(world.wakesAt(0)).toBe(never)
  world.answer('c0', accepted, 10)
  expect(world.start(10)).toEqual(['c2'])
})

test('bulk gets what the others leave, but a tenth at least', () => {
  const world = new World({ inFlightMax: 1 })
  world.ready(named('bulk', 3), { isBulk: true })
  world.ready(named('c', 3))
  const order = Array.from({ length: 30 }, () => {
    const [name] = world.start(0) as [string]
    world.answer(name, accepted, 0)
    return name.startsWith('bulk') ? 'b' : 'n'
  })
  expect(order.join('')).toBe('nnnnnnnnnbnnnnnnnnnbnnnnnnnnnb')
})

test('alone, bulk gets everything', () => {
  const world = new World()
  world.ready(named('bulk', 3), { isBulk: true })
  expect(world.start(0)).toEqual(names('bulk', 3))
})

test('conversations whose last call timed out hold a quarter of the calls at most, and take turns with the others', () => {
  const world = new World({ inFlightMax: 8 })
  world.ready(named('slow', 8))
  world.start(0)
  for (const name of names('slow', 8)) world.answer(name, timeout, 30_000)
  world.ready(named('c', 8))
  const started = world.start(30_000)
  expect([started.length, started.filter((name) => name.startsWith('slow'))]).toEqual([8, ['slow0', 'slow1']])
  const next = ['slow0', 'slow1', 'c0', 'c1', 'c2', 'c3'].flatMap((name) => {
    world.answer(name, name === 'slow1' ? timeout : accepted, 60_000)
    return world.start(60_000)
  })
  expect(next.filter((name) => name.startsWith('slow')).toSorted()).toEqual(['slow0', 'slow2', 'slow3'])
})

test('lanes that were given up are swept out, wherever they wait', () => {
  const world = new World()
  world.ready([{ conversation: 'ready' }, { conversation: 'backoff' }, { conversation: 'stays' }])
  world.organization.backOff(world.lane('backoff'), 1_000)
  for (const name of ['ready', 'backoff']) world.lane(name).state = { kind: 'idle' }
  world.organization.sweep()
  expect([world.start(0), world.wakesAt(0)]).toEqual([['stays'], never])
})

// ── The key, the address or the network is wrong ─────────────────────────────────────────────────────────────────────

test('401 suspends the organization: probes after 5 s, then 10 s, 20 s … 5 min', () => {
  const world = new World()
  world.ready(named('c', 3))
  world.start(0)
  for (const name of names('c', 3)) world.answer(name, misdirected, 0)
  expect(world.told).toEqual(['suspended: credential'])
  expect(world.probe(8, misdirected, 0)).toEqual([5, 15, 35, 75, 155, 315, 615, 915].map((s) => s * 1_000))
})

test('one probe at a time; new arrivals first, then all conversations in turns', () => {
  const world = new World()
  world.ready([...named('a', 2, { business: 'A' }), ...named('b', 1, { business: 'B' })])
  world.start(0)
  for (const name of ['a0', 'a1', 'b0']) world.answer(name, misdirected, 0)
  expect([world.start(5_000), world.start(60_000)]).toEqual([['a0'], []])
  world.answer('a0', misdirected, 60_000)
  world.ready(named('new', 1, { business: 'A' }))
  expect(world.start(70_000)).toEqual(['new0'])
  world.answer('new0', misdirected, 70_000)
  const order = Array.from({ length: 6 }, () => {
    const [name] = world.start(world.wakesAt(70_000)) as [string]
    world.answer(name, limited, 70_000)
    return name
  })
  expect(new Set(order)).toEqual(new Set(['a0', 'a1', 'b0', 'new0']))
})

test('a probe that is answered otherwise ends it, and all have their turns again', () => {
  const world = new World()
  world.ready(named('c', 4))
  world.start(0)
  for (const name of names('c', 4)) world.answer(name, misdirected, 10)
  const [probe] = world.start(5_010) as [string]
  world.answer(probe, rejected, 5_020)
  expect(world.told).toEqual(['suspended: credential', 'free: credential'])
  expect(world.start(5_020).toSorted()).toEqual(names('c', 4))
})

test('so does any other call that was under way', () => {
  const world = new World()
  world.ready(named('c', 2))
  world.start(0)
  world.answer('c0', misdirected, 10)
  world.answer('c1', accepted, 20)
  expect(world.told).toEqual(['suspended: credential', 'free: credential'])
})

test('429 and 5xx say nothing about it: the same interval again, or what Partoo asks for', () => {
  const world = new World()
  world.ready([{ conversation: 'a' }])
  world.start(0)
  world.answer('a', misdirected, 0)
  expect(world.probe(2, unavailable, 0)).toEqual([5_000, 10_000])
  expect(world.probe(1, limited, 10_000)).toEqual([15_000])
  expect([world.wakesAt(15_000), world.told]).toEqual([75_000, ['suspended: credential']])
})

// ── Partoo is out ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Lets so many calls of so many conversations fail at `nowMs`, as many at once. */
function fail(world: World, calls: number, conversations: number, nowMs: number): void {
  world.ready(named('f', conversations))
  for (let i = 0; i < calls; i += 1) {
    world.start(nowMs)
    world.answer(`f${i % conversations}`, unavailable, nowMs)
  }
}

test('20 failures in a row of 10 conversations are an outage: probes after 1 s, then 2 s, 4 s … 30 s, until one succeeds', () => {
  const world = new World()
  fail(world, 20, 10, 0)
  expect([world.told, world.organization.isOut]).toEqual([['suspended: outage'], true])
  // Those that were under way end, which changes nothing.
  for (const name of names('f', 10)) {
    if (world.lane(name).state.kind === 'calling') world.answer(name, unavailable, 0)
  }
  expect(world.probe(7, unavailable, 0)).toEqual([1_000, 3_000, 7_000, 15_000, 31_000, 61_000, 91_000])
  expect(world.probe(1, accepted, 91_000)).toEqual([121_000])
  expect([world.told.at(-1), world.start(121_000).toSorted()]).toEqual(['free: outage', names('f', 10)])
})

test('19 failures, or of 9 conversations, or with one answer between: no outage', () => {
  const few = new World()
  fail(few, 19, 10, 0)
  const ofNine = new World()
  fail(ofNine, 100, 9, 0)
  const between = new World()
  fail(between, 19, 10, 0)
  between.ready([{ conversation: 'ok' }])
  between.start(0)
  between.answer('ok', accepted, 0)
  fail(between, 19, 10, 10_000)
  expect([few, ofNine, between].map(({ told }) => told)).toEqual([[], [], []])
})

test('nor within 2 s of a success', () => {
  const world = new World()
  world.ready([{ conversation: 'ok' }])
  world.start(0)
  world.answer('ok', accepted, 0)
  fail(world, 25, 10, 1_999)
  expect(world.told).toEqual([])
  world.start(2_000)
  world.answer('f5', unavailable, 2_000)
  expect(world.told).toEqual(['suspended: outage'])
})

// An id names a conversation in its channel only.
test('conversations of two channels with the same id are two', () => {
  const world = new World()
  world.ready([...named('c', 5), ...named('d', 5)])
  world.start(0)
  const lanes = ['channel', 'other'].flatMap((channel) => {
    return named('x', 5, { channel }).map((said) => laneWith(world.organization, said))
  })
  for (let i = 0; i < 20; i += 1) {
    const lane = lanes[i % 10] as Lane
    world.organization.started(lane, [], 0)
    world.organization.answered(lane, unavailable, 0)
  }
  expect(world.told).toEqual(['suspended: outage'])
})

// ── One in another ───────────────────────────────────────────────────────────────────────────────────────────────────

test('a business that is forbidden waits for its own probe; the others go on', () => {
  const world = new World()
  world.ready([
    { conversation: 'a', business: 'A' },
    { conversation: 'b', business: 'B' },
  ])
  world.start(0)
  world.answer('a', forbidden, 0)
  world.answer('b', accepted, 10)
  expect([world.told, world.start(10)]).toEqual([['suspended: business'], ['b']])
  world.answer('b', accepted, 20)
  expect([world.start(4_999), world.start(5_000)]).toEqual([['b'], ['a']])
  world.answer('a', accepted, 5_010)
  expect(world.told.at(-1)).toBe('free: business')
})

/** Suspends the channel for what it rejects, with nothing of its own under way. */
function suspendChannel(world: World, nowMs: number): void {
  const channel = world.organization.channels.get('channel')
  for (let i = 0; i < 20; i += 1) channel?.rejected(`r${i}`, 'business', 400, nowMs)
}

test('while a channel is suspended the other ones go on', () => {
  const world = new World()
  suspendChannel(world, 0)
  world.ready([...named('c', 2), ...named('o', 2, { channel: 'other' })])
  expect([world.start(0), world.wakesAt(0), world.start(5_000)]).toEqual([names('o', 2), 5_000, ['c0']])
})

test('while the organization is suspended, its probes are the only ones: of what is free if there is any', () => {
  const world = new World()
  world.ready([{ conversation: 'o', channel: 'other' }])
  world.start(0)
  suspendChannel(world, 0)
  world.ready(named('c', 2))
  expect(world.start(0)).toEqual([])
  world.answer('o', misdirected, 4_000)
  expect([world.start(8_999), world.start(9_000)]).toEqual([[], ['o']])
  world.answer('o', accepted, 9_100)
  // The channel is suspended still, and its probe is due.
  expect(world.start(9_100).toSorted()).toEqual(['c0', 'o'])
})

test('where all belong to what is suspended within, the probe is one of both', () => {
  const world = new World()
  world.ready([{ conversation: 'o', channel: 'other' }])
  world.start(0)
  suspendChannel(world, 0)
  world.ready(named('c', 2))
  world.start(0)
  world.organization.answered(world.lane('o'), misdirected, 1_000)
  expect(world.start(6_000)).toEqual(['c0'])
  world.answer('c0', accepted, 6_100)
  expect(world.told).toEqual(['suspended: channel', 'suspended: credential', 'free: credential', 'free: channel'])
  expect(world.start(6_100)).toEqual(['c1', 'c0'])
})

test('the probe of both waits until both are due; refused within, the channel has its next one to come', () => {
  const world = new World()
  suspendChannel(world, 0)
  world.ready([...named('c', 2), { conversation: 'o', channel: 'other' }])
  expect(world.start(0)).toEqual(['o'])
  expect(world.probe(2, rejected, 0)).toEqual([5_000, 15_000])
  world.organization.answered(world.lane('o'), misdirected, 20_000)
  expect(world.probe(1, rejected, 20_000)).toEqual([35_000])
  expect([world.told.at(-1), world.start(35_000)]).toEqual(['free: credential', []])
  expect(world.probe(1, accepted, 35_000)).toEqual([75_000])
})

// Its probe waits for the channel's then, and whoever comes meanwhile waits with it: up to 5 min.
test('a new arrival that belongs to nothing else suspended is the organization’s next probe at once', () => {
  const world = new World()
  suspendChannel(world, 0)
  world.ready(named('c', 2))
  world.start(0)
  expect(world.probe(2, rejected, 0)).toEqual([5_000, 15_000])
  expect(world.probe(1, misdirected, 15_000)).toEqual([35_000])
  expect([35_000, 40_000].map((nowMs) => world.start(nowMs))).toEqual([[], []])
  world.ready([{ conversation: 'new', channel: 'other' }])
  expect(world.start(42_000)).toEqual(['new'])
})

test('what is suspended within has one probe at a time too', () => {
  const world = new World()
  world.ready([
    ...named('a', 2, { business: 'A' }),
    { conversation: 'c', business: 'C' },
    { conversation: 'b', business: 'B' },
  ])
  world.start(0)
  for (const name of names('a', 2)) world.answer(name, forbidden, 0)
  world.answer('c', accepted, 1_000)
  world.answer('b', forbidden, 2_000)
  expect([world.start(2_000), world.start(5_000)]).toEqual([['c'], ['a0']])
  world.answer('c', misdirected, 6_000)
  expect([6_000, 7_000, 11_000].map((nowMs) => world.start(nowMs))).toEqual([[], [], ['c']])
  world.answer('c', limited, 11_000)
  world.lane('c').state = { kind: 'idle' }
  world.organization.sweep()
  expect(world.start(71_000)).toEqual(['b'])
})

test('a replica that stands by forgets what was suspended: another one speaks with Partoo, and learns anew', () => {
  const world = new World()
  suspendChannel(world, 0)
  world.ready([{ conversation: 'o', channel: 'other', business: 'B' }])
  world.start(0)
  world.answer('o', misdirected, 0)
  world.organization.standBy(1_000)
  expect([world.organization.suspensions(1_000), world.start(1_000)]).toEqual([[], ['o']])
})

test('what waits is counted by cause', () => {
  const world = new World({ limitPerMinute: 300, burst: 1 })
  world.ready(named('c', 3))
  world.organization.backOff(laneWith(world.organization, { conversation: 'b' }), 1_000)
  world.start(0)
  const waiting = {}
  world.organization.countWaiting(waiting, null, 0)
  expect(waiting).toEqual({ backoff: 1, limit: 2 })
  world.organization.pause(5_000)
  const paused = {}
  world.organization.countWaiting(paused, null, 0)
  expect(paused).toEqual({ backoff: 1, 'retry-after': 2 })
})
