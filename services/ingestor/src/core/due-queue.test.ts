// Real: the queue. Doubled: nothing. Failure: something leaves before it is due, or out of order.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueQueue } from './due-queue.ts'

test('what is due leaves, the earliest first, equals in the order they came', () => {
  const queue = new DueQueue<string>()
  queue.add(200, 'late')
  queue.add(100, 'first')
  queue.add(100, 'second')
  expect(queue.nextMs).toBe(100)
  expect([queue.take(99), queue.take(100), queue.take(100), queue.take(100)]).toEqual([
    undefined,
    'first',
    'second',
    undefined,
  ])
  expect(queue.size).toBe(1)
  expect(queue.take(1_000)).toBe('late')
  expect(queue.nextMs).toBe(Number.POSITIVE_INFINITY)
})

test('what is not kept is gone, the rest is due as before', () => {
  const queue = new DueQueue<string>()
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) queue.add(100 * (i % 2), name)
  queue.filter((name, atMs) => name !== 'a' && !(name === 'b' && atMs === 100))
  expect(queue.size).toBe(2)
  expect([queue.take(0), queue.nextMs, queue.take(100)]).toEqual(['c', 100, 'd'])
})

test('any times leave sorted, and stably', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
      const queue = new DueQueue<{ atMs: number; index: number }>()
      for (const [index, atMs] of times.entries()) queue.add(atMs, { atMs, index })
      const left = times.map(() => queue.take(20)!)
      expect(left).toEqual([...left].sort((a, b) => a.atMs - b.atMs || a.index - b.index))
    }),
  )
})
