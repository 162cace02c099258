// Real: the metrics and the log of stuck partitions. Doubled: what the core holds. Failure: a series that is missing, that
// blames the wrong cause, or a stuck conversation that nobody hears of.

import type { Log } from '@bridge/runtime/log'
import { expect, test, vi } from 'vitest'
import type { CoreView } from './core/view.ts'
import { createMetrics } from './metrics.ts'
import { tellStuckPartitions } from './stuck.ts'

function viewWith(oldest: CoreView['partitions'][number]['oldest']): CoreView {
  const partition = { topic: 't', partition: 3, watermark: 10, cursor: 20, committed: 10, oldest }
  return {
    admitted: 4,
    admittedBytes: 400,
    inFlight: 2,
    publishing: 1,
    lanes: 3,
    organizations: [{ name: 'o', usedRatio: 0.5 }],
    partitions: [partition],
  }
}

const stuck = () => ({
  offset: 10,
  timestampMs: Date.now() - 120_000,
  sinceMs: performance.now() - 90_000,
  cause: 'backoff' as const,
  channelId: 'chat',
  conversationId: 'c',
})

test('what the core holds, how old the oldest record is, for how long it is stuck, and why', async () => {
  const text = await createMetrics(
    ['chat'],
    () => viewWith(stuck()),
    () => 25,
  ).registry.metrics()
  expect(text).toContain('partoo_in_flight 2\n')
  expect(text).toContain('partoo_lag{topic="t",partition="3"} 15\n')
  expect(text).toMatch(/partoo_oldest_unsettled_age_seconds\{topic="t",partition="3"\} 12\d/)
  expect(text).toMatch(/partoo_partition_stuck_seconds\{topic="t",partition="3",cause="backoff"\} 9\d/)
  expect(text).toContain('partoo_limit_used_ratio{organization="o"} 0.5\n')
})

test('every series of a closed set is there from the start', async () => {
  const text = await createMetrics(
    ['chat'],
    () => viewWith(null),
    () => undefined,
  ).registry.metrics()
  expect(text).toContain('partoo_calls_total{channel="chat",outcome="misdirected"} 0\n')
  expect(text).toContain('partoo_dead_letters_total{reason="retries-exhausted"} 0\n')
  expect(text).toContain('partoo_receipts_total{status="accepted"} 0\n')
  expect(text).not.toContain('partoo_partition_stuck_seconds{')
})

test('a partition that is stuck for more than a minute is told once a minute, with its conversation', () => {
  vi.useFakeTimers()
  const lines: unknown[][] = []
  const log = { warn: (...line: unknown[]) => lines.push(line) } as unknown as Log
  let oldest: CoreView['partitions'][number]['oldest'] = { ...stuck(), sinceMs: performance.now() }
  const telling = tellStuckPartitions(() => viewWith(oldest), log)
  vi.advanceTimersByTime(59_000)
  expect(lines).toEqual([])
  vi.advanceTimersByTime(61_000)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatchObject([{ external_conversation_id: 'c', cause: 'backoff', offset: 10 }, 'partition stuck'])
  oldest = null
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(2)
  telling.stop()
  vi.useRealTimers()
})
