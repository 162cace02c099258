// Real: the record. Doubled: time, which is a literal. Failure: a call in the wrong place, a window counted wrongly, a
// record that grows without end.

import { expect, test } from 'vitest'
import { BoundedRecord } from './bounded-record.ts'
import { busiestWindow, CallRecord } from './calls.ts'

const path = '/v2/messages'

test('windows are half open: [t, t + ms)', () => {
  expect(busiestWindow([], 100)).toEqual({ most: 0, fromMs: null })
  expect(busiestWindow([0, 100], 100)).toEqual({ most: 1, fromMs: 0 })
  expect(busiestWindow([0, 99.9], 100)).toEqual({ most: 2, fromMs: 0 })
  expect(busiestWindow([0, 50, 90, 120, 149, 300], 100)).toEqual({ most: 4, fromMs: 50 })
})

test('the most that arrived, and the most that counted at the moment it counted', () => {
  const record = new CallRecord(100)
  // A refused one, one that a fault spared from the limit, and two that counted: the first of them late, after the second.
  for (const [atMs, countedMs] of [
    [0, null],
    [10, null],
    [20, 130],
    [40, 41],
  ] as const) {
    const call = record.open('POST', path, atMs)
    call.org_id = 1
    call.counted_ms = countedMs
    // A fault after the effect does not spare a request from the limit.
    call.fault_id = 'fault-1'
  }
  expect(record.mostInWindow(50)).toEqual({ ms: 50, most: 4, most_admitted: 1, from_ms: 0, counted: 4 })
  expect(record.mostInWindow(100)).toMatchObject({ most: 4, most_admitted: 2 })
  expect(record.mostInWindow(50, 2)).toMatchObject({ most: 0, most_admitted: 0, from_ms: null })
})

test('calls are listed in order of arrival, by every given field, above a number and up to a limit', () => {
  const record = new CallRecord(100)
  for (let n = 1; n <= 6; n += 1) {
    const call = record.open('POST', path, n)
    call.org_id = n % 2
    call.status = n === 6 ? null : 200
    call.effect = n < 3 ? 'accepted' : 'duplicate'
  }
  const numbers = (filter: Parameters<CallRecord['list']>[0]) => record.list(filter).map((call) => call.n)
  expect(numbers({})).toEqual([1, 2, 3, 4, 5, 6])
  expect(numbers({ org_id: 0 })).toEqual([2, 4, 6])
  expect(numbers({ org_id: 0, status: null })).toEqual([6])
  expect(numbers({ effect: 'accepted', org_id: 1 })).toEqual([1])
  expect(numbers({ since: 2, limit: 2 })).toEqual([3, 4])
  expect(numbers({ limit: 0 })).toEqual([])
})

test('the record keeps the newest, counts what it dropped, and never uses a number again', () => {
  const record = new CallRecord(3)
  for (let n = 1; n <= 5_000; n += 1) record.open('GET', path, n)
  expect(record.list().map((call) => call.n)).toEqual([4_998, 4_999, 5_000])
  expect([record.size, record.dropped]).toEqual([3, 4_997])
  expect(record.list({ since: 1 })).toHaveLength(3)
})

test('large bodies push older entries out, also when their weight is known late', () => {
  const record = new BoundedRecord<number>(100, 1_000)
  for (let n = 0; n < 5; n += 1) record.add((number) => number, 200)
  expect([...record.after()]).toEqual([1, 2, 3, 4, 5])
  record.weigh(4, 300)
  expect([...record.after()]).toEqual([3, 4, 5])
  // One that is gone already weighs nothing; one that is too large alone is kept alone.
  record.weigh(1, 5_000)
  expect(record.size).toBe(3)
  record.weigh(5, 5_000)
  expect([...record.after()]).toEqual([5])
})
