// Real: the queue and its timer. Doubled: what is created, a list of names. Failure: creation out of order, within the
// acceptance, before its time, or after the end.

import { expect, test } from 'vitest'
import { CreationQueue, creationQueueMax } from './creation-queue.ts'
import { until } from './test-world.ts'

test('creation in the order of acceptance, never within it and never early', async () => {
  const created: { item: number; atMs: number }[] = []
  const queue = new CreationQueue<number>(15, (item) => created.push({ item, atMs: performance.now() }))
  const startedMs = performance.now()
  for (let n = 0; n < 2_000; n += 1) queue.add(n)
  expect([created.length, queue.size]).toEqual([0, 2_000])
  await until('all of them', () => created.length === 2_000)
  expect(created.map(({ item }) => item)).toEqual(Array.from({ length: 2_000 }, (_, n) => n))
  expect((created[0]?.atMs ?? 0) - startedMs).toBeGreaterThanOrEqual(15)
  expect(queue.size).toBe(0)
})

test('a delay of 0 is soon, not now; what is added meanwhile follows', async () => {
  const created: string[] = []
  const queue: CreationQueue<string> = new CreationQueue(0, (item) => {
    created.push(item)
    if (item === 'first') queue.add('third')
  })
  queue.add('first')
  queue.add('second')
  expect(created).toEqual([])
  await until('all three', () => created.length === 3)
  expect(created).toEqual(['first', 'second', 'third'])
})

test('the queue has a bound, and after clear() nothing is created', async () => {
  const created: number[] = []
  const queue = new CreationQueue<number>(1, (item) => created.push(item))
  expect(queue.full).toBe(false)
  for (let n = 0; n < creationQueueMax; n += 1) queue.add(n)
  expect(queue.full).toBe(true)
  queue.clear()
  queue.add(-1)
  await until('the one after clear()', () => created.length > 0)
  expect(created).toEqual([-1])
})
