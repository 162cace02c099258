// Real: one partition's books with its ledger. Doubled: its records, as offsets. Failure: a partition that stops sooner than
// 20,000 records past one that is stuck, or one that goes further than a commit can tell.

import { expect, test } from 'vitest'
import { recordAt } from '../../../../test/support/core-examples.ts'
import { PartitionState } from './partition.ts'
import { bitmapOffsetsMax, decodeSettled, runsMax } from './settled-offsets.ts'

const spanMax = 65_536

/** Admits offsets for as long as it may; all of them are settled at once but those that are `stuck`. Answers where it ends. */
function fill(state: PartitionState, isStuck: (offset: number) => boolean, every = 1): number {
  let offset = state.ledger.cursor
  for (; state.maySpan(offset, spanMax); offset += every) {
    state.ledger.admit(offset)
    if (isStuck(offset)) {
      const entry = {
        token: offset,
        partition: state,
        record: recordAt(offset),
        bytes: 1,
        stage: { kind: 'decoding' } as const,
      }
      state.entries.set(offset, entry)
    } else state.ledger.settle(offset)
  }
  return offset
}

/** Whether the metadata says all that is settled. */
function tellsAll(state: PartitionState, end: number, isStuck: (offset: number) => boolean, every = 1): boolean {
  const ranges = decodeSettled(state.ledger.metadata(), state.ledger.watermark)
  let told = 0
  for (const { from, to } of ranges) {
    for (let offset = from; offset < Math.min(to, end); offset += 1) {
      if (offset % every !== 0) continue
      if (isStuck(offset)) return false
      told += 1
    }
  }
  return told === state.ledger.settledBeyond
}

test('one conversation that is stuck: the partition goes 65,536 records past it', () => {
  const state = new PartitionState('outbound', 0, 0, 0)
  const isStuck = (offset: number) => offset === 0
  const end = fill(state, isStuck)
  expect(end).toBe(spanMax)
  expect(tellsAll(state, end, isStuck)).toBe(true)
})

test('every second message stuck: it goes 20,000 records and more past the first, and the commit tells all that is settled', () => {
  const state = new PartitionState('outbound', 0, 0, 0)
  const isStuck = (offset: number) => offset % 2 === 0
  const end = fill(state, isStuck)
  expect(end).toBe(bitmapOffsetsMax)
  expect(end).toBeGreaterThanOrEqual(20_000)
  expect(tellsAll(state, end, isStuck)).toBe(true)
})

test('a few hundred stuck among many: as far as with one', () => {
  const state = new PartitionState('outbound', 0, 0, 0)
  const isStuck = (offset: number) => offset % 200 === 0
  const end = fill(state, isStuck)
  expect([end, state.entries.size < runsMax]).toEqual([spanMax, true])
  expect(tellsAll(state, end, isStuck)).toBe(true)
})

test('offsets with gaps, as transactions leave them, take no more room', () => {
  const state = new PartitionState('outbound', 0, 0, 0)
  const isStuck = (offset: number) => offset % 400 === 0
  const end = fill(state, isStuck, 2)
  expect(end).toBe(2 * spanMax)
  expect(tellsAll(state, end, isStuck, 2)).toBe(true)
})

test('it goes on when a tenth of its span is free again', () => {
  const state = new PartitionState('outbound', 0, 0, 0)
  fill(state, (offset) => offset % 10_000 === 0)
  expect(state.mayResumeSpan(spanMax)).toBe(false)
  state.ledger.settle(0)
  expect([state.ledger.watermark, state.mayResumeSpan(spanMax)]).toEqual([10_000, true])
})

test('a record behind a gap that does not fit keeps its partition paused, though little was read', () => {
  const state = new PartitionState('outbound', 0, 0, 0)
  for (let offset = 0; offset < 1_000; offset += 1) {
    state.ledger.admit(offset)
    const entry = {
      token: offset,
      partition: state,
      record: recordAt(offset),
      bytes: 1,
      stage: { kind: 'decoding' } as const,
    }
    state.entries.set(offset, entry)
  }
  const offset = 1_000 + bitmapOffsetsMax
  expect([state.maySpan(offset, spanMax), state.mayResumeSpan(spanMax, offset)]).toEqual([false, false])
})
