// Real: the core. Doubled: the driver, by hand: facts with literal times go in, effects are compared. Failure: an effect too
// many, too few or too early. What a thousand worlds teach is in test/sim; here is how to read it.

import { expect, test } from 'vitest'
import { type CoreOptions, Dispatcher } from './dispatcher.ts'
import type { Decoded, Effect } from './facts.ts'

const name = { topic: 'outbound', partition: 0 }
const at = '2026-01-01T00:00:00.000Z'
const accepted = { kind: 'accepted', status: 200 } as const
const options: CoreOptions = {
  organizations: [{ name: 'org', limitPerMinute: 0 }],
  burst: 20,
  inFlightMax: 64,
  admittedMax: 100,
  admittedBytesMax: 1 << 20,
  spanMax: 100,
  reportingMax: 100,
  commitIntervalMs: 1_000,
  retry: { attemptsMax: 8, ageMinMs: 900_000 },
  membershipMsMax: 4_000,
  random: () => 0.5,
}

function work(conversation: string): Decoded {
  const message = {
    business_id: 'business',
    external_conversation_id: conversation,
    external_message_id: 'id',
    content: 'text',
    sender_type: 'User' as const,
    consumer_name: null,
    consumer_image: null,
    channel_id: null,
  }
  return { kind: 'work', message, channelId: 'channel', organization: 'org' }
}

/** Gives the partition to the core, at offset 10 of a log that ends at 100. */
function assign(core: Dispatcher, generation: number, nowMs: number): void {
  core.handle({ kind: 'assigned', generation, partitions: [name] }, nowMs)
  core.handle({ kind: 'positioned', generation, partitions: [{ ...name, offsetNext: 10, end: 100 }] }, nowMs)
}

/** A core that owns the partition from offset 10, with a record of each conversation admitted and decoded at 0 ms. */
function coreWith(conversations: string[], changed: Partial<CoreOptions> = {}) {
  const core = new Dispatcher({ ...options, ...changed })
  assign(core, 1, 0)
  const bytes = { timestampMs: 0, key: null, value: Buffer.from('{}'), headers: [] }
  const records = conversations.map((_, index) => ({ ...name, offset: 10 + index, ...bytes }))
  core.handle({ kind: 'admitted', generation: 1, ...name, records, offsetNext: 10 + records.length }, 0)
  const results = conversations.map((conversation, index) => ({ token: index + 1, decoded: work(conversation) }))
  return { core, effects: core.handle({ kind: 'decoded', results }, 0) }
}

const kinds = (effects: Effect[]) => effects.map(({ kind }) => kind)
const called = (effects: Effect[]) => effects.flatMap((effect) => (effect.kind === 'call' ? [effect.token] : []))
const end = (token: number) =>
  ({ kind: 'called', token, answer: accepted, startedAt: at, endedAt: at, durationMs: 1 }) as const

test('a record is called, its receipt is published, and only then its offset is committed', () => {
  const { core, effects } = coreWith(['a'])
  expect(kinds(effects)).toEqual(['call'])
  expect(kinds(core.handle(end(1), 100))).toEqual(['publishReceipt', 'tellAttempt'])
  const settled = core.handle({ kind: 'published', token: 1, stored: 'stored' }, 110)
  expect(settled).toEqual([{ kind: 'commit', generation: 1, offsets: [{ ...name, offsetNext: 11 }] }])
})

test('one conversation is called one message at a time, two at once', () => {
  const { core, effects } = coreWith(['a', 'a', 'b'])
  expect(called(effects)).toEqual([1, 3])
  expect(called(core.handle(end(1), 100))).toEqual([2])
})

test('a message that fails keeps its place until its backoff has passed', () => {
  const { core } = coreWith(['a', 'a'])
  const answer = { kind: 'unavailable', status: 503, detail: 'HTTP 503', retryAfterMs: null, body: null } as const
  const failed = core.handle({ kind: 'called', token: 1, answer, startedAt: at, endedAt: at, durationMs: 1 }, 100)
  expect(failed).toContainEqual({ kind: 'wake', atMs: 600 })
  expect(called(core.handle({ kind: 'woke' }, 600))).toEqual([1])
})

test('an offset is not committed past one that is unsettled', () => {
  const { core } = coreWith(['a', 'b'])
  core.handle(end(2), 100)
  expect(kinds(core.handle({ kind: 'published', token: 2, stored: 'stored' }, 110))).not.toContain('commit')
  core.handle(end(1), 200)
  const settled = core.handle({ kind: 'published', token: 1, stored: 'stored' }, 210)
  expect(settled).toContainEqual({ kind: 'commit', generation: 1, offsets: [{ ...name, offsetNext: 12 }] })
})

test('nothing is called when the last heartbeat is too old', () => {
  const { core } = coreWith(['a', 'a'])
  expect(called(core.handle(end(1), 4_001))).toEqual([])
  expect(called(core.handle({ kind: 'heartbeat', ageMs: 0 }, 4_500))).toEqual([2])
})

test('a call under way when its partition comes back is adopted', () => {
  const { core } = coreWith(['a'])
  core.handle({ kind: 'assigned', generation: 2, partitions: [] }, 100)
  assign(core, 3, 200)
  const record = { ...name, offset: 10, timestampMs: 0, key: null, value: Buffer.from('{}'), headers: [] }
  expect(core.handle({ kind: 'admitted', generation: 3, ...name, records: [record], offsetNext: 11 }, 300)).toEqual([])
  expect(kinds(core.handle(end(1), 400))).toEqual(['publishReceipt', 'tellAttempt'])
})

test('a full replica pauses its partitions, and resumes them when a tenth is free', () => {
  const { core } = coreWith(['a', 'b'], { admittedMax: 2 })
  core.handle(end(1), 100)
  expect(kinds(core.handle({ kind: 'published', token: 1, stored: 'stored' }, 110))).toContain('resume')
})

test('a dead letter that cannot be stored keeps nobody from being called', () => {
  const { core } = coreWith(['a'], { reportingMax: 1 })
  core.handle(end(1), 10)
  core.handle({ kind: 'published', token: 1, stored: 'stored' }, 20)
  const more = ['poison', 'b'].map((_, i) => ({
    ...name,
    offset: 11 + i,
    timestampMs: 0,
    key: null,
    value: Buffer.from(''),
    headers: [],
  }))
  core.handle({ kind: 'admitted', generation: 1, ...name, records: more, offsetNext: 13 }, 30)
  const ids = { channel_id: null, business_id: null, external_conversation_id: null, external_message_id: null }
  const poison = { kind: 'poison', reason: 'invalid', detail: 'no', ids } as const
  core.handle({ kind: 'decoded', results: [{ token: 2, decoded: poison }] }, 40)
  core.handle({ kind: 'published', token: 2, stored: 'failed' }, 50)
  expect(called(core.handle({ kind: 'decoded', results: [{ token: 3, decoded: work('b') }] }, 60))).toEqual([3])
})

test('no call starts for a lost partition, nor before it is known where the others stand', () => {
  const { core } = coreWith(['a', 'a'])
  core.handle({ kind: 'assigned', generation: 2, partitions: [name] }, 100)
  expect(called(core.handle(end(1), 110))).toEqual([])
  const at = { ...name, offsetNext: 10, end: 100 }
  expect(called(core.handle({ kind: 'positioned', generation: 2, partitions: [at] }, 120))).toEqual([2])
})

test('what is settled behind one that is stuck is not called again when the partition goes and comes back', () => {
  const answer = { kind: 'unavailable', status: 503, detail: 'HTTP 503', retryAfterMs: null, body: null } as const
  const { core } = coreWith(['stuck', 'b'])
  core.handle(end(2), 100)
  core.handle({ kind: 'published', token: 2, stored: 'stored' }, 110)
  core.handle({ ...end(1), answer }, 120)
  core.handle({ kind: 'assigned', generation: 2, partitions: [] }, 200)
  assign(core, 3, 300)
  const records = [10, 11].map((offset) => ({
    ...name,
    offset,
    timestampMs: 0,
    key: null,
    value: Buffer.from('{}'),
    headers: [],
  }))
  const read = core.handle({ kind: 'admitted', generation: 3, ...name, records, offsetNext: 12 }, 400)
  expect(
    read.flatMap((effect) => (effect.kind === 'decode' ? effect.records.map(({ record }) => record.offset) : [])),
  ).toEqual([10])
})

test('a log that ends before what was read of it is another log: nothing of the old one counts', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 100)
  core.handle({ kind: 'published', token: 1, stored: 'stored' }, 110)
  core.handle({ kind: 'assigned', generation: 2, partitions: [name] }, 200)
  core.handle({ kind: 'positioned', generation: 2, partitions: [{ ...name, offsetNext: 0, end: 5 }] }, 210)
  expect(core.cursor(2, name)).toBe(0)
})

test('stopping starts nothing more, finishes what is under way, commits, and says so', () => {
  const { core } = coreWith(['a', 'a'])
  expect(kinds(core.handle({ kind: 'stopping' }, 50))).toEqual(['pause'])
  expect(called(core.handle(end(1), 100))).toEqual([])
  expect(kinds(core.handle({ kind: 'published', token: 1, stored: 'stored' }, 110))).toEqual(['commit'])
  expect(kinds(core.handle({ kind: 'committed', generation: 1, ok: true }, 120))).toEqual(['tellDrained'])
})

test('a record that was settled while its partition was away is committed when it is read again', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 100)
  core.handle({ kind: 'assigned', generation: 2, partitions: [] }, 200)
  assign(core, 3, 300)
  core.handle({ kind: 'published', token: 1, stored: 'stored' }, 400)
  const record = { ...name, offset: 10, timestampMs: 0, key: null, value: Buffer.from('{}'), headers: [] }
  const read = core.handle({ kind: 'admitted', generation: 3, ...name, records: [record], offsetNext: 11 }, 500)
  expect(read).toEqual([{ kind: 'commit', generation: 3, offsets: [{ ...name, offsetNext: 11 }] }])
})

test('a receipt that was not stored is published again by itself, 200 ms later', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 100)
  expect(core.handle({ kind: 'published', token: 1, stored: 'failed' }, 110)).toEqual([{ kind: 'wake', atMs: 310 }])
  expect(kinds(core.handle({ kind: 'woke' }, 310))).toEqual(['publishReceipt'])
})
