// Real: the limiter, in literal times. Doubled: nothing. Failure: a window over the limit, or a limit left unused.

import { expect, test } from 'vitest'
import { Limiter } from './limiter.ts'

/** Starts calls as soon as they may, each answered after `latencyMs`, until `untilMs`; answers the times of the starts. */
function saturate(limiter: Limiter, latencyMs: number, untilMs: number): number[] {
  const starts: number[] = []
  const ends: number[] = []
  for (let nowMs = 0; nowMs < untilMs; ) {
    while ((ends[0] ?? Number.POSITIVE_INFINITY) <= nowMs) limiter.ended(ends.shift() as number)
    const permission = limiter.permission(nowMs)
    if (permission.kind === 'now') {
      limiter.started(nowMs)
      starts.push(nowMs)
      ends.push(nowMs + latencyMs)
    } else {
      nowMs = Math.min(permission.untilMs ?? Number.POSITIVE_INFINITY, ends[0] ?? Number.POSITIVE_INFINITY)
    }
  }
  return starts
}

function mostInAnyMinute(times: number[]): number {
  let most = 0
  for (let first = 0, last = 0; last < times.length; last += 1) {
    while ((times[last] as number) - (times[first] as number) >= 60_000) first += 1
    most = Math.max(most, last - first + 1)
  }
  return most
}

test('a burst goes out at once, the next call when its turn comes', () => {
  const limiter = new Limiter({ limitPerMinute: 300, burst: 20 })
  for (let i = 0; i < 20; i += 1) {
    expect(limiter.permission(1000)).toEqual({ kind: 'now' })
    limiter.started(1000)
  }
  expect(limiter.permission(1000)).toEqual({ kind: 'wait', untilMs: 1200 })
  expect(limiter.permission(1200)).toEqual({ kind: 'now' })
})

test('at latency 0.5 s at least 97 % of the limit is used, and no minute holds more', () => {
  const starts = saturate(new Limiter({ limitPerMinute: 300, burst: 20 }), 500, 600_000)
  expect(mostInAnyMinute(starts)).toBeLessThanOrEqual(300)
  expect(starts.length).toBeGreaterThanOrEqual(0.97 * 3000)
})

test('calls that hang occupy the window until 60 s after their answer', () => {
  const limiter = new Limiter({ limitPerMinute: 2, burst: 2 })
  limiter.started(0)
  limiter.started(0)
  expect(limiter.permission(100_000)).toEqual({ kind: 'wait', untilMs: null })
  limiter.ended(100_000)
  limiter.ended(101_000)
  expect(limiter.permission(102_000)).toEqual({ kind: 'wait', untilMs: 160_001 })
  expect(limiter.permission(160_001)).toEqual({ kind: 'now' })
})

test('limit 0 is no limit', () => {
  const limiter = new Limiter({ limitPerMinute: 0, burst: 1 })
  for (let i = 0; i < 1000; i += 1) {
    expect(limiter.permission(0)).toEqual({ kind: 'now' })
    limiter.started(0)
  }
})
