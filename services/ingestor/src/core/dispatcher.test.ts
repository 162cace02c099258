// Real: the core. Doubled: the driver, by hand: facts with literal times go in, effects are compared. Failure: an effect too
// many, too few or too early. What a thousand worlds teach is in test/sim; here is how to read it.

import { expect, test } from 'vitest'
import { answers, coreOptions, outbound, recordAt, type Said, workOf } from '../../../../test/support/core-examples.ts'
import { type CoreOptions, Dispatcher } from './dispatcher.ts'
import type { Decoded, Effect, PartitionName } from './facts.ts'
import { decodeSettled, encodeSettled } from './settled-offsets.ts'

const name = outbound
const other = { ...outbound, partition: 1 }
const at = '2026-01-01T00:00:00.000Z'

/** Gives partitions to the core, each at offset 10 of a log that ends at 100. */
function assign(
  core: Dispatcher,
  generation: number,
  nowMs: number,
  partitions: PartitionName[] = [name],
  share = 1,
): Effect[] {
  const positions = partitions.map((partition) => ({ ...partition, offsetNext: 10, metadata: '', low: 0, end: 100 }))
  core.handle({ kind: 'assigned', generation, partitions, share }, nowMs)
  const effects = core.handle({ kind: 'positioned', generation, partitions: positions }, nowMs)
  core.handle({ kind: 'committed', generation, ok: true }, nowMs)
  return effects
}

/** Reads so many records of a partition, from where reading goes on; answers what the core asks for. */
function read(
  core: Dispatcher,
  generation: number,
  count: number,
  nowMs: number,
  from: PartitionName = name,
): Effect[] {
  const offset = core.cursor(generation, from) ?? 10
  const records = Array.from({ length: count }, (_, i) => recordAt(offset + i, from))
  return core.handle({ kind: 'admitted', generation, ...from, records, offsetNext: offset + count }, nowMs)
}

/** A core that owns the partition from offset 10, with a record of each conversation admitted and decoded at 5,000 ms. */
function coreWith(conversations: string[], changed: Partial<CoreOptions> = {}) {
  const core = new Dispatcher({ ...coreOptions, ...changed })
  assign(core, 1, 0)
  core.handle({ kind: 'heartbeat', ageMs: 0 }, 5_000)
  const decoding = read(core, 1, conversations.length, 5_000)
  return { core, effects: decode(core, decoding, 5_000, conversations) }
}

/** Answers what was to be decoded: one conversation a record. */
function decode(core: Dispatcher, effects: Effect[], nowMs: number, conversations: string[] = []): Effect[] {
  const tokens = effects.flatMap((effect) => (effect.kind === 'decode' ? effect.records.map(({ token }) => token) : []))
  const results = tokens.map((token, i) => ({
    token,
    decoded: work({ conversation: conversations[i] ?? `c${token}` }, token),
  }))
  return core.handle({ kind: 'decoded', results }, nowMs)
}
const work = (said: Said, token: number): Decoded => workOf({ id: `id ${token}`, ...said })

const kinds = (effects: Effect[]) => effects.map(({ kind }) => kind)
const called = (effects: Effect[]) => effects.flatMap((effect) => (effect.kind === 'call' ? [effect.token] : []))
const offsetsToDecode = (effects: Effect[]) =>
  effects.flatMap((effect) => (effect.kind === 'decode' ? effect.records.map(({ record }) => record.offset) : []))
const paused = (effects: Effect[], kind: 'pause' | 'resume' = 'pause') =>
  effects.flatMap((effect) => (effect.kind === kind ? effect.partitions.map(({ partition }) => partition) : []))
const committed = (effects: Effect[]) =>
  effects.flatMap((effect) => (effect.kind === 'commit' ? effect.offsets.map(({ offsetNext }) => offsetNext) : []))
const end = (token: number, answer: (typeof answers)[keyof typeof answers] = answers.accepted) =>
  ({ kind: 'called', token, answer, startedAt: at, endedAt: at, durationMs: 1 }) as const
const stored = (token: number) => ({ kind: 'published', token, stored: 'stored' }) as const

// ── One record ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('a record is called, its receipt is published, and only then its offset is committed', () => {
  const { core, effects } = coreWith(['a'])
  expect(kinds(effects)).toEqual(['call'])
  expect(kinds(core.handle(end(1), 5_100))).toEqual(['publishReceipt', 'tellAttempt'])
  const settled = core.handle(stored(1), 5_110)
  expect(settled).toEqual([{ kind: 'commit', generation: 1, offsets: [{ ...name, offsetNext: 11, metadata: '' }] }])
})

test('one conversation is called one message at a time, two at once', () => {
  const { core, effects } = coreWith(['a', 'a', 'b'])
  expect(called(effects)).toEqual([1, 3])
  expect(called(core.handle(end(1), 5_100))).toEqual([2])
})

test('a message that fails keeps its place until its backoff has passed', () => {
  const { core } = coreWith(['a', 'a'])
  expect(core.handle(end(1, answers.unavailable), 5_100)).toContainEqual({ kind: 'wake', atMs: 5_600 })
  expect(called(core.handle({ kind: 'woke' }, 5_600))).toEqual([1])
})

test('a null value is told and settled, poison is put away: neither is called', () => {
  const core = new Dispatcher(coreOptions)
  assign(core, 1, 0)
  read(core, 1, 2, 0)
  const ids = { channel_id: null, business_id: null, external_conversation_id: null, external_message_id: null }
  const poison = { kind: 'poison', reason: 'invalid', detail: 'no', ids } as const
  const results = [
    { token: 1, decoded: { kind: 'tombstone' } as const },
    { token: 2, decoded: poison },
  ]
  const effects = core.handle({ kind: 'decoded', results }, 10)
  expect(kinds(effects).slice(0, 2)).toEqual(['tellTombstone', 'storeDeadLetter'])
  expect(kinds(core.handle(stored(2), 20))).toContain('publishReceipt')
  expect(committed(core.handle(stored(2), 1_030))).toEqual([12])
})

test('a receipt that was not stored is published again by itself, 200 ms later', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 5_100)
  expect(core.handle({ kind: 'published', token: 1, stored: 'failed' }, 5_110)).toEqual([{ kind: 'wake', atMs: 5_310 }])
  expect(kinds(core.handle({ kind: 'woke' }, 5_310))).toEqual(['publishReceipt'])
})

// ── What is committed ────────────────────────────────────────────────────────────────────────────────────────────────

test('an offset is not committed past one that is unsettled; what is settled beyond is in the metadata', () => {
  const { core } = coreWith(['a', 'b'])
  core.handle(end(2), 5_100)
  const [commit] = core.handle(stored(2), 5_110)
  if (commit?.kind !== 'commit') throw new Error('no commit')
  expect(commit.offsets).toMatchObject([{ offsetNext: 10 }])
  expect(decodeSettled(commit.offsets[0]?.metadata ?? '', 10)).toEqual([{ from: 11, to: 12 }])
  core.handle({ kind: 'committed', generation: 1, ok: true }, 5_120)
  core.handle(end(1), 5_200)
  const settled = core.handle(stored(1), 6_110)
  expect(settled).toContainEqual({
    kind: 'commit',
    generation: 1,
    offsets: [{ ...name, offsetNext: 12, metadata: '' }],
  })
})

test('what a commit says to be settled is not read again', () => {
  const { core } = coreWith(['stuck', 'b', 'c'])
  core.handle(end(2), 5_100)
  const [commit] = core.handle(stored(2), 5_110)
  if (commit?.kind !== 'commit') throw new Error('no commit')
  const next = new Dispatcher(coreOptions)
  next.handle({ kind: 'assigned', generation: 1, partitions: [name], share: 1 }, 0)
  const partitions = commit.offsets.map((offset) => ({ ...offset, low: 0, end: 100 }))
  next.handle({ kind: 'positioned', generation: 1, partitions }, 0)
  expect(offsetsToDecode(read(next, 1, 3, 0))).toEqual([10, 12])
})

test('one commit at a time, a second apart; one that failed is made again', () => {
  const { core } = coreWith(['a', 'b', 'c'])
  for (const token of [1, 2, 3]) core.handle(end(token), 5_100)
  expect(committed(core.handle(stored(1), 5_110))).toEqual([11])
  expect(committed(core.handle(stored(2), 7_000))).toEqual([])
  expect(core.handle({ kind: 'committed', generation: 1, ok: false }, 5_900)).toEqual([{ kind: 'wake', atMs: 6_110 }])
  expect(committed(core.handle({ kind: 'woke' }, 6_110))).toEqual([12])
  core.handle({ kind: 'committed', generation: 1, ok: true }, 6_120)
  expect(committed(core.handle(stored(3), 7_110))).toEqual([13])
})

// ── Bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────────

test('of what was read only the beginning is taken when there is no more room; reading goes on behind it', () => {
  const core = new Dispatcher({ ...coreOptions, admittedMax: 9 })
  assign(core, 1, 0)
  const effects = read(core, 1, 20, 0)
  expect([offsetsToDecode(effects), paused(effects), core.cursor(1, name)]).toEqual([[10, 11, 12, 13, 14, 15], [0], 16])
  decode(core, effects, 0)
  for (let token = 1; token <= 6; token += 1) core.handle(end(token), 10)
  const resumed = [1, 2, 3].flatMap((token) => paused(core.handle(stored(token), 20), 'resume'))
  expect(resumed).toEqual([0])
})

test('a partition that is full leaves room for another', () => {
  const core = new Dispatcher({ ...coreOptions, admittedMax: 9 })
  assign(core, 1, 0, [name, other])
  read(core, 1, 20, 0)
  expect(offsetsToDecode(read(core, 1, 20, 0, other))).toEqual([10, 11])
})

test('a partition whose next record is too large for what is free is not resumed before something was settled', () => {
  const core = new Dispatcher({ ...coreOptions, admittedBytesMax: 1_000 })
  assign(core, 1, 0)
  const records = [100, 800].map((bytes, i) => recordAt(10 + i, name, Buffer.alloc(bytes)))
  const effects = core.handle({ kind: 'admitted', generation: 1, ...name, records, offsetNext: 12 }, 0)
  expect([offsetsToDecode(effects), paused(effects), paused(effects, 'resume')]).toEqual([[10], [0], []])
})

test('a partition with one that is stuck goes as far as its span, and on when that is free again', () => {
  const { core } = coreWith(['stuck', ...Array.from({ length: 19 }, (_, i) => `c${i}`)], { spanMax: 20 })
  const last = Array.from({ length: 19 }, (_, i) => {
    core.handle(end(i + 2), 5_100)
    return core.handle(stored(i + 2), 5_100)
  }).flat()
  expect(paused(last)).toEqual([])
  const full = read(core, 1, 5, 5_200)
  expect([offsetsToDecode(full), paused(full)]).toEqual([[], [0]])
  core.handle(end(1), 5_300)
  expect(paused(core.handle(stored(1), 5_300), 'resume')).toEqual([0])
})

test('a dead letter that cannot be stored keeps nobody from being called, receipts that Kafka does not take do', () => {
  const core = new Dispatcher({ ...coreOptions, reportingMax: 1 })
  assign(core, 1, 0)
  read(core, 1, 3, 0)
  const ids = { channel_id: null, business_id: null, external_conversation_id: null, external_message_id: null }
  const poison = { kind: 'poison', reason: 'invalid', detail: 'no', ids } as const
  core.handle({ kind: 'decoded', results: [{ token: 1, decoded: poison }] }, 40)
  core.handle({ kind: 'published', token: 1, stored: 'failed' }, 50)
  expect(
    called(core.handle({ kind: 'decoded', results: [{ token: 2, decoded: work({ conversation: 'b' }, 2) }] }, 60)),
  ).toEqual([2])
  core.handle(end(2), 70)
  core.handle({ kind: 'published', token: 2, stored: 'failed' }, 80)
  expect(
    called(core.handle({ kind: 'decoded', results: [{ token: 3, decoded: work({ conversation: 'c' }, 3) }] }, 90)),
  ).toEqual([])
  expect(called(core.handle(stored(2), 100))).toEqual([3])
})

// ── Membership ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('nothing is called when the last heartbeat is too old', () => {
  const { core } = coreWith(['a', 'a'])
  expect(called(core.handle(end(1), 9_001))).toEqual([])
  expect(called(core.handle({ kind: 'heartbeat', ageMs: 1_000 }, 9_500))).toEqual([2])
})

test('a heartbeat counts from when it was sent', () => {
  const { core } = coreWith(['a', 'a'])
  core.handle({ kind: 'heartbeat', ageMs: 3_000 }, 8_500)
  expect(called(core.handle(end(1), 9_500))).toEqual([])
})

test('without a share nothing is called; a larger one counts from burst ÷ rate after it was assigned', () => {
  const organizations = [{ name: 'org', limitPerMinute: 300, channels: ['channel'] }]
  const core = new Dispatcher({ ...coreOptions, organizations, membershipMsMax: 60_000 })
  assign(core, 1, 0, [], 0)
  assign(core, 2, 1_000)
  const effects = decode(core, read(core, 2, 1, 1_000), 1_000)
  expect([called(effects), effects.at(-1)]).toEqual([[], { kind: 'wake', atMs: 5_000 }])
  expect(core.handle({ kind: 'woke' }, 5_000)).toEqual([{ kind: 'wake', atMs: 5_200 }])
  expect(called(core.handle({ kind: 'woke' }, 5_200))).toEqual([1])
})

test('a replica that was not heard of for too long has its share as from nothing, the same one too', () => {
  const organizations = [{ name: 'org', limitPerMinute: 300, channels: ['channel'] }]
  const core = new Dispatcher({ ...coreOptions, organizations })
  assign(core, 1, 0)
  assign(core, 2, 3_999)
  expect([core.view(4_000).organizations[0]?.share, core.view(4_000).shareAssigned]).toEqual([1, 1])
  assign(core, 3, 7_999)
  expect([7_999, 11_998, 11_999].map((nowMs) => core.view(nowMs).organizations[0]?.share)).toEqual([0, 0, 1])
})

test('no call starts for a lost partition, nor before it is known where the others stand', () => {
  const { core } = coreWith(['a', 'a'])
  core.handle({ kind: 'assigned', generation: 2, partitions: [name], share: 1 }, 5_100)
  expect(called(core.handle(end(1), 5_110))).toEqual([])
  const position = { ...name, offsetNext: 10, metadata: '', low: 0, end: 100 }
  expect(called(core.handle({ kind: 'positioned', generation: 2, partitions: [position] }, 5_120))).toEqual([2])
})

test('a call under way when its partition comes back is adopted', () => {
  const { core } = coreWith(['a'])
  core.handle({ kind: 'assigned', generation: 2, partitions: [], share: 0 }, 5_100)
  assign(core, 3, 5_200)
  expect(kinds(read(core, 3, 1, 5_300))).not.toContain('decode')
  expect(kinds(core.handle(end(1), 5_400))).toEqual(['publishReceipt', 'tellAttempt'])
})

test('what is settled behind one that is stuck is not called again when the partition goes and comes back', () => {
  const { core } = coreWith(['stuck', 'b'])
  core.handle(end(2), 5_100)
  core.handle(stored(2), 5_110)
  core.handle(end(1, answers.unavailable), 5_120)
  core.handle({ kind: 'assigned', generation: 2, partitions: [], share: 0 }, 5_200)
  assign(core, 3, 5_300)
  expect(offsetsToDecode(read(core, 3, 2, 5_400))).toEqual([10])
})

/** Tells the core that the partition stayed, where another owner, of which it knew nothing, had committed this meanwhile. */
function stay(core: Dispatcher, offsetNext: number, metadata: string, nowMs: number): Effect[] {
  core.handle({ kind: 'assigned', generation: 2, partitions: [name], share: 1 }, nowMs)
  const partitions = [{ ...name, offsetNext, metadata, low: 0, end: 100 }]
  return core.handle({ kind: 'positioned', generation: 2, partitions }, nowMs)
}

test('what another owner settled meanwhile is not called here', () => {
  const { core } = coreWith(['a', 'a', 'a'])
  stay(core, 12, '', 5_100)
  expect(called(core.handle(end(1), 5_110))).toEqual([3])
})

test('nor what it settled beyond its watermark', () => {
  const { core } = coreWith(['a', 'a', 'a'])
  stay(core, 10, encodeSettled(10, [{ from: 11, to: 12 }]), 5_100)
  expect(called(core.handle(end(1), 5_110))).toEqual([3])
})

test('nor repeated, where it was under way', () => {
  const { core } = coreWith(['stuck', 'b', 'b'])
  stay(core, 10, encodeSettled(10, [{ from: 11, to: 12 }]), 5_100)
  expect(called(core.handle(end(2, answers.unavailable), 5_110))).toEqual([3])
})

test('a record that was settled while its partition was away is committed when it is read again', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 5_100)
  core.handle({ kind: 'assigned', generation: 2, partitions: [], share: 0 }, 5_200)
  assign(core, 3, 5_300)
  core.handle(stored(1), 5_400)
  expect(core.cursor(3, name)).toBe(10)
  const [commit] = core.handle({ kind: 'woke' }, 6_300)
  expect(commit).toMatchObject({
    kind: 'commit',
    offsets: [{ offsetNext: 10, metadata: expect.stringMatching(/^1:10:/) }],
  })
  core.handle({ kind: 'committed', generation: 3, ok: true }, 6_310)
  expect(committed(read(core, 3, 1, 7_500))).toEqual([11])
})

test('what belongs to another generation is dropped: records, positions, commits', () => {
  const { core } = coreWith(['a'])
  core.handle({ kind: 'assigned', generation: 2, partitions: [name], share: 1 }, 5_100)
  expect(core.cursor(1, name)).toBeUndefined()
  const records = [recordAt(11)]
  expect(
    offsetsToDecode(core.handle({ kind: 'admitted', generation: 1, ...name, records, offsetNext: 12 }, 5_110)),
  ).toEqual([])
  const position = { ...name, offsetNext: 50, metadata: '', low: 0, end: 100 }
  core.handle({ kind: 'positioned', generation: 1, partitions: [position] }, 5_120)
  core.handle({ kind: 'committed', generation: 1, ok: true }, 5_130)
  expect(core.cursor(2, name)).toBe(11)
})

test('a log that ends before what was read of it is another log: nothing of the old one counts', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 5_100)
  core.handle(stored(1), 5_110)
  core.handle({ kind: 'assigned', generation: 2, partitions: [name], share: 1 }, 5_200)
  core.handle(
    { kind: 'positioned', generation: 2, partitions: [{ ...name, offsetNext: 0, metadata: '', low: 0, end: 5 }] },
    5_210,
  )
  expect(core.cursor(2, name)).toBe(0)
})

test('a partition that comes back full is paused anew', () => {
  const core = new Dispatcher({ ...coreOptions, admittedMax: 9 })
  assign(core, 1, 0)
  read(core, 1, 20, 0)
  expect(paused(assign(core, 2, 100))).toEqual([0])
})

// ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('stopping starts nothing more, finishes what is under way, commits, and says so', () => {
  const { core } = coreWith(['a', 'a'])
  expect(paused(core.handle({ kind: 'stopping' }, 5_050))).toEqual([0])
  expect(called(core.handle(end(1), 5_100))).toEqual([])
  expect(committed(core.handle(stored(1), 5_110))).toEqual([11])
  expect(kinds(core.handle({ kind: 'committed', generation: 1, ok: true }, 5_120))).toEqual(['tellDrained'])
})

test('while stopping one commit is tried, and one drained is told', () => {
  const { core } = coreWith(['a'])
  core.handle(end(1), 5_100)
  core.handle({ kind: 'stopping' }, 5_105)
  expect(committed(core.handle(stored(1), 5_110))).toEqual([11])
  expect(kinds(core.handle({ kind: 'committed', generation: 1, ok: false }, 5_120))).toEqual(['tellDrained'])
  expect(core.handle({ kind: 'stopping' }, 5_130)).toEqual([])
})

test('retention overtakes the commit: what is held is still sent, what was settled is no loss, the rest is told', () => {
  const { core } = coreWith(['a', 'b', 'c'])
  const position = { ...name, offsetNext: 10, end: 100 }
  core.handle({ kind: 'assigned', generation: 2, partitions: [name], share: 1 }, 6_000)
  const kept = core.handle(
    { kind: 'positioned', generation: 2, partitions: [{ ...position, metadata: '', low: 20 }] },
    6_000,
  )
  expect(kept).toContainEqual({ kind: 'tellDeleted', ...name, count: 7 })
  expect(core.view(6_000).partitions).toMatchObject([{ watermark: 10, cursor: 20, held: 3 }])
  const next = new Dispatcher(coreOptions)
  next.handle({ kind: 'assigned', generation: 1, partitions: [name], share: 1 }, 0)
  const metadata = encodeSettled(10, [
    { from: 12, to: 15 },
    { from: 18, to: 25 },
  ])
  const effects = next.handle(
    { kind: 'positioned', generation: 1, partitions: [{ ...position, metadata, low: 20 }] },
    0,
  )
  expect(effects).toContainEqual({ kind: 'tellDeleted', ...name, count: 5 })
  expect(offsetsToDecode(read(next, 1, 7, 0))).toEqual([25, 26])
})

test('retention overtakes the cursor while reading: reading goes on at the beginning of the log', () => {
  const { core } = coreWith([])
  const effects = core.handle({ kind: 'truncated', generation: 1, ...name, low: 30 }, 5_000)
  expect(effects).toContainEqual({ kind: 'tellDeleted', ...name, count: 20 })
  expect(core.cursor(1, name)).toBe(30)
  expect(core.handle({ kind: 'truncated', generation: 0, ...name, low: 40 }, 5_000)).not.toContainEqual(
    expect.objectContaining({ kind: 'tellDeleted' }),
  )
})

test('a join that was asked for long ago permits calls for as much less', () => {
  const core = new Dispatcher(coreOptions)
  const partitions = [{ ...name, offsetNext: 10, metadata: '', low: 0, end: 100 }]
  core.handle({ kind: 'assigned', generation: 1, partitions: [name], share: 1, ageMs: 3_000 }, 10_000)
  core.handle({ kind: 'positioned', generation: 1, partitions }, 10_000)
  const decoding = read(core, 1, 1, 11_000)
  expect(decode(core, decoding, 11_000)).not.toContainEqual(expect.objectContaining({ kind: 'call' }))
})

test('the commit that fails while stopping is not the last one, if more was settled meanwhile', () => {
  const { core } = coreWith(['a', 'b'])
  const settle = (token: number, nowMs: number) => {
    core.handle({ kind: 'called', token, answer: answers.accepted, startedAt: at, endedAt: at, durationMs: 1 }, nowMs)
    return core.handle({ kind: 'published', token, stored: 'stored' }, nowMs)
  }
  expect(settle(1, 7_000)).toContainEqual(expect.objectContaining({ kind: 'commit' }))
  settle(2, 7_010)
  core.handle({ kind: 'stopping' }, 7_020)
  const effects = core.handle({ kind: 'committed', generation: 1, ok: false }, 7_030)
  expect(effects).toContainEqual(
    expect.objectContaining({ kind: 'commit', offsets: [expect.objectContaining({ offsetNext: 12 })] }),
  )
  expect(effects).not.toContainEqual({ kind: 'tellDrained' })
})

test('a message is not kept waiting for what the one before it waited for, once another owner has settled that', () => {
  const { core } = coreWith(['a', 'a'])
  const answer = { ...answers.unavailable, retryAfterMs: 3_600_000 }
  core.handle({ kind: 'called', token: 1, answer, startedAt: at, endedAt: at, durationMs: 1 }, 5_100)
  core.handle({ kind: 'assigned', generation: 2, partitions: [name], share: 1 }, 6_000)
  const partitions = [{ ...name, offsetNext: 11, metadata: '', low: 0, end: 100 }]
  const effects = core.handle({ kind: 'positioned', generation: 2, partitions }, 6_000)
  expect(effects).toContainEqual(expect.objectContaining({ kind: 'call', token: 2 }))
})
