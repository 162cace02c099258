// Real: the queue. Doubled: an array. Failure: something out of order, lost or twice, or a queue that gets slower as it grows.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fifo } from './fifo.ts'

test('what came first leaves first', () => {
  const queue = new Fifo<string>()
  queue.push('a')
  queue.push('b')
  expect([queue.length, queue.first]).toEqual([2, 'a'])
  expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(['a', 'b', undefined])
  expect(queue.first).toBeUndefined()
})

test('what is not kept leaves no gap', () => {
  const queue = new Fifo<number>()
  for (const item of [1, 2, 3, 4]) queue.push(item)
  queue.shift()
  queue.filter((item) => item !== 3)
  expect([queue.length, queue.shift(), queue.shift()]).toEqual([2, 2, 4])
})

test('property: at any length it is an array with push, shift and filter', () => {
  const move = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('filter' as const), count: fc.integer({ min: 2, max: 5 }) }),
  )
  fc.assert(
    fc.property(fc.array(move, { maxLength: 20 }), (moves) => {
      const queue = new Fifo<number>()
      let array: number[] = []
      let next = 0
      for (const { kind, count } of moves) {
        if (kind === 'filter') {
          queue.filter((item) => item % count !== 0)
          array = array.filter((item) => item % count !== 0)
        }
        for (let i = 0; i < count && kind === 'push'; i += 1, next += 1) {
          queue.push(next)
          array.push(next)
        }
        for (let i = 0; i < count && kind === 'shift'; i += 1) expect(queue.shift()).toBe(array.shift())
        expect([queue.length, queue.first]).toEqual([array.length, array[0]])
      }
    }),
    { numRuns: 50 },
  )
})
