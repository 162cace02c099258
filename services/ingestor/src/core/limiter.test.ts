// Real: the limiter, in literal times. Doubled: servers that count in windows or with a token bucket, and the calls between.
// Failure: a window over the limit, a bucket that runs dry, or a limit left unused.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueQueue } from './due-queue.ts'
import { Limiter } from './limiter.ts'
import { seededRandom } from './retry.ts'

type Limit = { limitPerMinute: number; burst: number }

/** A limiter whose share was assigned long ago: its burst is there. */
function rested(limitPerMinute = 300, burst = 20): Limiter {
  const limiter = new Limiter({ limitPerMinute, burst })
  limiter.assign(1, -600_000)
  return limiter
}

/** Starts as many calls as may start at `nowMs`; answers how many. */
function startAll(limiter: Limiter, nowMs: number): number {
  let started = 0
  for (; limiter.permission(nowMs).kind === 'now'; started += 1) limiter.started(nowMs)
  return started
}

/** `share`: the one that was assigned last when the call started. */
type Call = { startMs: number; endMs: number; share: number }
type Plan = {
  untilMs: number
  latencyMs: () => number
  /** At 0 and later. With a new limiter where the process restarts: what was sent before is not known to it. */
  changes: { atMs: number; share: number; restarts?: boolean }[]
  /** No call is to be made from … to … */
  quiet?: { fromMs: number; toMs: number }
}

/** Starts calls as soon as they may, from 0 on, as a driver does that waits exactly as long as it is told to. */
function drive(options: Limit, { untilMs, latencyMs, changes, quiet }: Plan): Call[] {
  let limiter = new Limiter(options)
  let share = 0
  const calls: Call[] = []
  const due = new DueQueue<Plan['changes'][number] | 'ended'>()
  for (const change of changes) due.add(change.atMs, change)
  for (let nowMs = 0; nowMs < untilMs; ) {
    for (let event = due.take(nowMs); event !== undefined; event = due.take(nowMs)) {
      if (event === 'ended') limiter.ended(nowMs)
      else {
        if (event.restarts) {
          limiter = new Limiter(options)
          due.filter((left) => left !== 'ended')
        }
        share = event.share
        limiter.assign(share, nowMs)
      }
    }
    const isQuiet = quiet !== undefined && nowMs >= quiet.fromMs && nowMs < quiet.toMs
    const permission = isQuiet ? ({ kind: 'wait', untilMs: quiet.toMs } as const) : limiter.permission(nowMs)
    if (permission.kind === 'now') {
      limiter.started(nowMs)
      const endMs = nowMs + latencyMs()
      due.add(endMs, 'ended')
      calls.push({ startMs: nowMs, endMs, share })
    } else {
      const nextMs = Math.min(permission.untilMs ?? Number.POSITIVE_INFINITY, due.nextMs)
      if (nextMs <= nowMs) throw new Error(`told at ${nowMs} to come back at ${nextMs}`)
      nowMs = nextMs
    }
  }
  return calls
}

/** The most of these times within any 60 s, both ends included: what a server's worst window sees. */
function mostInAnyMinute(times: number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  let most = 0
  for (let first = 0, last = 0; last < sorted.length; last += 1) {
    while ((sorted[last] as number) - (sorted[first] as number) > 60_000) first += 1
    most = Math.max(most, last - first + 1)
  }
  return most
}

/** What is left at worst in a server's token bucket of `capacity`, full at first; below 0 it would have answered 429. */
function leastInBucket(times: number[], capacity: number, limitPerMinute: number): number {
  let tokens = capacity
  let least = capacity
  let beforeMs = Number.NEGATIVE_INFINITY
  for (const atMs of [...times].sort((a, b) => a - b)) {
    tokens = Math.min(capacity, tokens + ((atMs - beforeMs) * limitPerMinute) / 60_000) - 1
    beforeMs = atMs
    least = Math.min(least, tokens)
  }
  return least
}

test('a burst goes out at once, the next call when its turn comes', () => {
  const limiter = rested()
  expect(startAll(limiter, 1_000)).toBe(20)
  expect(limiter.permission(1_000)).toEqual({ kind: 'wait', untilMs: 1_200 })
  expect(limiter.permission(1_200)).toEqual({ kind: 'now' })
  limiter.started(1_200)
  expect(limiter.permission(1_200)).toEqual({ kind: 'wait', untilMs: 1_400 })
})

test('a call occupies the window from its start until 60 s after its answer', () => {
  const limiter = rested(2, 2)
  limiter.started(0)
  limiter.started(0)
  expect(limiter.permission(100_000)).toEqual({ kind: 'wait', untilMs: null })
  limiter.ended(100_000)
  limiter.ended(101_000)
  expect(limiter.permission(102_000)).toEqual({ kind: 'wait', untilMs: 160_001 })
  expect(limiter.permission(160_001)).toEqual({ kind: 'now' })
})

test('limit 0 is no limit, but a replica without a share still waits', () => {
  const limiter = new Limiter({ limitPerMinute: 0, burst: 1 })
  expect(limiter.permission(0)).toEqual({ kind: 'wait', untilMs: null })
  limiter.assign(1, 0)
  for (let i = 0; i < 1_000; i += 1) {
    expect(limiter.permission(0)).toEqual({ kind: 'now' })
    limiter.started(0)
  }
})

test('after a start the share counts from burst ÷ rate on, and without a burst: what was sent before is not known', () => {
  const limiter = new Limiter({ limitPerMinute: 300, burst: 20 })
  limiter.assign(1, 10_000)
  expect(limiter.permission(10_000)).toEqual({ kind: 'wait', untilMs: 14_000 })
  expect(limiter.share(13_999)).toBe(0)
  expect(limiter.share(14_000)).toBe(1)
  expect(limiter.permission(14_000)).toEqual({ kind: 'wait', untilMs: 14_200 })
  expect(limiter.permission(14_200)).toEqual({ kind: 'now' })
})

test('a smaller share counts at once, a larger one from burst ÷ rate on; the same one again changes nothing', () => {
  const limiter = rested()
  limiter.assign(0.5, 0)
  expect(limiter.share(0)).toBe(0.5)
  expect(startAll(limiter, 0)).toBe(10)
  limiter.assign(1, 1_000)
  limiter.assign(1, 4_999)
  expect([4_999, 5_000].map((nowMs) => limiter.share(nowMs))).toEqual([0.5, 1])
  limiter.assign(0, 6_000)
  expect(limiter.permission(6_000)).toEqual({ kind: 'wait', untilMs: null })
})

test('where shares are small each replica may start one call at once: it is waited for as many', () => {
  const limiter = new Limiter({ limitPerMinute: 60, burst: 2 })
  limiter.assign(0.25, 0, 1 / 4)
  expect([3_999, 4_000].map((nowMs) => limiter.share(nowMs))).toEqual([0, 0.25])
})

test('a larger share that is taken back before its time never counts', () => {
  const limiter = rested()
  limiter.assign(0.25, 0)
  limiter.assign(1, 1_000)
  limiter.assign(0.5, 2_000)
  expect([4_999, 5_000, 9_000].map((nowMs) => limiter.share(nowMs))).toEqual([0.25, 0.5, 0.5])
})

test('a share that went away and comes back begins without a burst: another replica may have sent one', () => {
  const limiter = rested()
  limiter.assign(0, 0)
  limiter.assign(1, 10_000)
  expect(startAll(limiter, 14_000)).toBe(0)
  expect(startAll(limiter, 15_000)).toBe(5)
})

test('a stand-by and a call in flight when the share goes: its end is still counted', () => {
  const limiter = rested(2, 2)
  limiter.started(0)
  limiter.assign(0, 10)
  limiter.ended(1_000)
  expect(limiter.usedRatio(2_000)).toBe(0.5)
  expect(limiter.usedRatio(61_001)).toBe(0)
})

test('more ends than starts are a bug', () => {
  expect(() => rested().ended(0)).toThrow('more calls ended than started')
})

test('with a backlog and a latency of 0.5 s at least 97 % of the limit is used, and no minute holds more', () => {
  const changes = [{ atMs: 0, share: 1 }]
  const calls = drive({ limitPerMinute: 300, burst: 20 }, { untilMs: 600_000, latencyMs: () => 500, changes })
  const starts = calls.map(({ startMs }) => startMs)
  expect(mostInAnyMinute(starts)).toBeLessThanOrEqual(300)
  expect(starts.filter((atMs) => atMs >= 300_000).length).toBeGreaterThanOrEqual(0.97 * 1_500)
})

const limits: fc.Arbitrary<Limit> = fc
  .record({ limitPerMinute: fc.constantFrom(4, 30, 60, 120), burst: fc.integer({ min: 1, max: 20 }) })
  .map(({ limitPerMinute, burst }) => ({ limitPerMinute, burst: Math.min(burst, limitPerMinute / 2) }))
/** Some calls are answered at once, some after a second, a few hang. */
const latencies = fc.array(fc.oneof(fc.nat(0), fc.nat(1_000), fc.nat(90_000)), { minLength: 1, maxLength: 20 })
const shares: fc.Arbitrary<Plan['changes']> = fc
  .array(
    fc.record({
      afterMs: fc.oneof(fc.nat(3_000), fc.nat(30_000), fc.nat(90_000)),
      share: fc.constantFrom(0, 0.25, 0.5, 0.75, 1),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((list) => {
    let atMs = 0
    return list.map(({ afterMs, share }) => {
      atMs += afterMs
      return { atMs, share }
    })
  })

function inTurns(values: readonly number[]): () => number {
  let i = 0
  return () => values[i++ % values.length] as number
}

/** How many calls occupy the window when the one at `index` starts, itself included. */
function occupied(calls: Call[], index: number): number {
  const atMs = calls[index]?.startMs ?? 0
  return calls.filter(({ endMs }, i) => i <= index && atMs <= endMs + 60_000).length
}

test('property (M1): whatever the latencies, no window holds more than the share of the limit', () => {
  fc.assert(
    fc.property(limits, latencies, fc.constantFrom(0.25, 0.5, 1), (options, latenciesMs, share) => {
      const changes = [{ atMs: 0, share }]
      const calls = drive(options, { untilMs: 300_000, latencyMs: inTurns(latenciesMs), changes })
      for (const i of calls.keys()) expect(occupied(calls, i)).toBeLessThanOrEqual(options.limitPerMinute * share)
    }),
    { numRuns: 60 },
  )
})

/** A call a second, all of them answered at 109 s; a second later the share goes and comes back. */
const hung: [Limit, number[], Plan['changes']] = [
  { limitPerMinute: 60, burst: 1 },
  Array.from({ length: 60 }, (_, i) => 107_000 - i * 1_000).map((ms) => Math.max(0, ms)),
  [0, 1, 2].map((i) => ({ atMs: i === 0 ? 0 : 110_000, share: i === 1 ? 0 : 1 })),
]

test('property (M1): whatever the shares, none holds more than the limit', () => {
  fc.assert(
    fc.property(limits, latencies, shares, (options, latenciesMs, changes) => {
      const calls = drive(options, { untilMs: 300_000, latencyMs: inTurns(latenciesMs), changes })
      for (const i of calls.keys()) expect(occupied(calls, i)).toBeLessThanOrEqual(options.limitPerMinute)
    }),
    { numRuns: 60, examples: [hung] },
  )
})

test('property (M2): a token bucket of twice the burst never runs dry while latencies vary by burst ÷ rate at most', () => {
  fc.assert(
    fc.property(limits, fc.nat(), shares, (options, seed, changes) => {
      const random = seededRandom(seed)
      const variesMs = (options.burst * 60_000) / options.limitPerMinute
      const latencyMs = () => (random() < 0.1 ? 0 : random() * variesMs)
      const arrived = drive(options, { untilMs: 240_000, latencyMs, changes }).map(({ endMs }) => endMs)
      expect(leastInBucket(arrived, 2 * options.burst, options.limitPerMinute)).toBeGreaterThan(-0.01)
    }),
    { numRuns: 60 },
  )
})

/** Two replicas, each quiet for a while. */
type Pair = { options: Limit; changes: Plan['changes']; quiet: NonNullable<Plan['quiet']>[]; restartAt: number }
const quiet = fc.tuple(fc.nat(120_000), fc.nat(120_000)).map(([fromMs, forMs]) => ({ fromMs, toMs: fromMs + forMs }))
const pair: fc.Arbitrary<Pair> = fc.record({
  options: limits,
  changes: shares,
  quiet: fc.array(quiet, { minLength: 2, maxLength: 2 }),
  restartAt: fc.nat(8),
})
/** One takes over the other's half, and both bursts are in the same minute. */
const takeOver: Pair = {
  options: { limitPerMinute: 300, burst: 20 },
  changes: [
    { atMs: 0, share: 0.5 },
    { atMs: 130_000, share: 0 },
  ],
  quiet: [0, 1].map(() => ({ fromMs: 0, toMs: 100_000 })),
  restartAt: 8,
}

test('property (M3): two replicas whose shares change together stay inside the limit, through restarts too', () => {
  fc.assert(
    fc.property(pair, ({ options, changes, quiet, restartAt }) => {
      const mirrored = changes.map(({ atMs, share }) => ({ atMs, share: 1 - share }))
      const restarted = changes.map((change, i) => ({ ...change, restarts: i === restartAt }))
      const calls = [restarted, mirrored].flatMap((own, i) =>
        drive(options, { untilMs: 240_000, latencyMs: () => 0, changes: own, ...(quiet[i] && { quiet: quiet[i] }) }),
      )
      const starts = calls.map(({ startMs }) => startMs)
      expect(mostInAnyMinute(starts)).toBeLessThanOrEqual(options.limitPerMinute)
      expect(leastInBucket(starts, 2 * options.burst, options.limitPerMinute)).toBeGreaterThan(-0.01)
    }),
    { numRuns: 200, examples: [[takeOver]] },
  )
})
