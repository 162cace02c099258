// Real: who is told what of a batch that cannot be read. Doubled: the consumer, which notes what it is asked to do; time.
// Failure: a partition that is not held back, one held back for good, a line of log for each of many fetches.

import type { Log } from '@bridge/runtime/log'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PartitionName } from '../core/facts.ts'
import { Unreadable } from './unreadable.ts'

const topic = 'outbound-messages'
const batch = { codec: 'zstd', offsets: { first: 100, last: 104 }, because: 'damaged' }
let asked: string[]
let told: Record<string, unknown>[]
let reading: (PartitionName & { cursor: number; end: number })[]
let unreadable: Unreadable

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  told = []
  reading = [
    { topic, partition: 0, cursor: 100, end: 200 },
    { topic, partition: 1, cursor: 7, end: 200 },
  ]
  unreadable = new Unreadable({
    groupId: 'partoo-ingestor',
    log: { error: (fields: Record<string, unknown>) => told.push(fields), info: () => {} } as unknown as Log,
    reading: () => reading,
    refreshEnds: () => asked.push('ends'),
    pause: ({ partition }) => asked.push(`pause ${partition}`),
    resume: ({ partition }) => asked.push(`resume ${partition}`),
  })
})

afterEach(() => {
  unreadable.clear()
  vi.useRealTimers()
})

test('the partition that would read it next waits and is asked again; it is told once a minute', () => {
  for (let i = 0; i < 25; i += 1) {
    unreadable.found(batch)
    vi.advanceTimersByTime(5_000)
  }
  expect(asked.slice(0, 4)).toEqual(['pause 0', 'resume 0', 'pause 0', 'resume 0'])
  expect(told).toHaveLength(3)
  expect(told[0]).toMatchObject({ topic, partition: 0, offset: 100, codec: 'zstd', because: 'damaged' })
  expect(told[0]?.hint).toContain(
    'kafka-consumer-groups --group partoo-ingestor --topic outbound-messages:0 --reset-offsets --to-offset 105 --execute',
  )
  expect(unreadable.because).toContain('outbound-messages, partition 0, at offset 100 (zstd) cannot be read: damaged')
})

test('one that goes on can be read again', () => {
  unreadable.found(batch)
  unreadable.passed({ topic, partition: 1 }, 500)
  unreadable.passed({ topic, partition: 0 }, 100)
  expect(unreadable.because).not.toBe('')
  unreadable.passed({ topic, partition: 0 }, 105)
  expect(unreadable.because).toBe('')
  vi.advanceTimersByTime(60_000)
  expect(asked).toEqual(['pause 0'])
})

test('of several that would read such offsets next all wait, and the one that does not get past it is told', () => {
  reading[1] = { topic, partition: 1, cursor: 102, end: 200 }
  unreadable.found(batch)
  expect([asked, told, unreadable.because]).toEqual([['pause 0', 'pause 1'], [], ''])
  vi.advanceTimersByTime(5_000)
  reading[1] = { topic, partition: 1, cursor: 104, end: 200 }
  unreadable.found(batch)
  expect(told.map(({ partition }) => partition)).toEqual([0])
  expect(unreadable.because).toContain('partition 0')
  expect(unreadable.because).not.toContain('partition 1')
})

test('one that is at its end as far as is known is not blamed before its end is asked for', () => {
  reading = [{ topic, partition: 0, cursor: 100, end: 100 }]
  unreadable.found(batch)
  expect([asked, told]).toEqual([['ends'], []])
  reading = [{ topic, partition: 0, cursor: 100, end: 105 }]
  unreadable.found(batch)
  expect(told).toHaveLength(1)
})

test('met ahead of the cursor it concerns nobody yet, unless it is met for long', () => {
  reading = [{ topic, partition: 0, cursor: 90, end: 200 }]
  unreadable.found(batch)
  vi.advanceTimersByTime(10_000)
  unreadable.found(batch)
  expect([asked, told, unreadable.because]).toEqual([[], [], ''])
  vi.advanceTimersByTime(1)
  unreadable.found(batch)
  expect(told).toEqual([{ codec: 'zstd', because: 'damaged', offset: 100 }])
})

test('without offsets it is told without a partition', () => {
  unreadable.found({ ...batch, offsets: undefined })
  expect(told).toEqual([{ codec: 'zstd', because: 'damaged' }])
})
