// Real: the check. Doubled: Kafka's answers. Failure: a topic that is too small or missing and not told, trouble that ends it.

import { createLog, type Log } from '@bridge/runtime/log'
import type { TopicSize } from '@bridge/runtime/topic-sizes'
import { expect, test, vi } from 'vitest'
import { TopicCheck } from './topic-check.ts'

const topics = { replies: 'replies', receipts: 'receipts', events: 'events' }

const paces = { againFirstMs: 1, againMaxMs: 2, problemsMs: 1 }

function checkOver(read: () => Promise<Map<string, TopicSize>>) {
  const lines: string[] = []
  const log = createLog('test', 'silent')
  log.info = ((message: string) => lines.push(message)) as unknown as Log['info']
  for (const level of ['warn', 'error'] as const) {
    log[level] = ((fields: { topic?: string }) =>
      lines.push(`${level} ${fields.topic ?? ''}`)) as unknown as Log['warn']
  }
  return { lines, check: new TopicCheck({ topics, bodyBytesMax: 262_144, read, log }, paces) }
}

const takes = (bytesMax: number): TopicSize => ({ kind: 'takes', bytesMax })

test('a topic that is too small or missing is told once, and named for readiness; receipts are small', async () => {
  const sizes = new Map([
    ['replies', takes(3 * 262_144 + 65_535)],
    ['receipts', takes(100_000)],
    ['events', { kind: 'missing' } as const],
  ])
  let reads = 0
  const { lines, check } = checkOver(async () => {
    reads += 1
    return sizes
  })
  await vi.waitFor(() => expect(reads).toBeGreaterThan(2))
  expect(check.problems).toEqual(['topic replies takes records of 851967 bytes only', 'topic events does not exist'])
  expect(lines).toEqual(['error replies', 'error events'])
  check.close()
})

test('a topic that may not even be seen is a problem: nothing could be written to it', async () => {
  const because = 'Describe on topic events is not allowed'
  const { lines, check } = checkOver(async () => new Map<string, TopicSize>([['events', { kind: 'denied', because }]]))
  await vi.waitFor(() => expect(check.problems).toEqual([because]))
  expect(lines).toEqual(['error events'])
  check.close()
})

test('what is put right is seen without a restart', async () => {
  const sizes = new Map<string, TopicSize>([['events', { kind: 'missing' }]])
  const { lines, check } = checkOver(async () => sizes)
  await vi.waitFor(() => expect(check.problems).toEqual(['topic events does not exist']))
  sizes.set('events', takes(1_048_588))
  await vi.waitFor(() => expect(check.problems).toEqual([]))
  expect(lines).toEqual(['error events', 'all topics are there, and large enough'])
  check.close()
})

test('large enough topics are no news; one whose size is not told is a warning', async () => {
  const sizes = new Map<string, TopicSize>([
    ['replies', takes(3 * 262_144 + 65_536)],
    ['receipts', takes(1_048_588)],
    ['events', { kind: 'untold', because: 'not authorized' }],
  ])
  const { lines, check } = checkOver(async () => sizes)
  await vi.waitFor(() => expect(lines).toEqual(['warn events']))
  expect(check.problems).toEqual([])
  check.close()
})

test('while Kafka is away it tries again, and ends when asked to', async () => {
  let reads = 0
  const { lines, check } = checkOver(async () => {
    reads += 1
    throw new Error('away')
  })
  await vi.waitFor(() => expect(reads).toBeGreaterThan(2))
  check.close()
  expect(new Set(lines)).toEqual(new Set(['warn ']))
})
