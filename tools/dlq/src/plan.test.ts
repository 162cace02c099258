// Real: what would be redriven and in which order, filters, portions. Doubled: the dead letters, as values. Failure: a letter sent that
// was sent before, sent twice, out of its order, or without a reason told why it stays.

import { expect, test } from 'vitest'
import { type Filter, isEmpty, meant } from './filter.ts'
import type { Letter } from './letter.ts'
import { plan, portions } from './plan.ts'

const all: Filter = { reasons: [], channels: [], conversations: [], places: [], sinceMs: null, untilMs: null }

function letter(offset: number, source: string, more: Partial<Letter> = {}): Letter {
  const [topic = '', partition, sourceOffset] = source.split('/')
  const coordinates = { topic, partition: Number(partition), offset: Number(sourceOffset) }
  return {
    partition: 0,
    offset,
    reason: 'rejected',
    detail: '',
    httpStatus: 422,
    attempts: 1,
    firstAttemptAt: null,
    lastAttemptAt: null,
    source: coordinates,
    sourceTimestampMs: 0,
    truncation: 'none',
    putAwayMs: 1_000 + offset,
    first: coordinates,
    redrives: 0,
    isRedriven: false,
    ids: { channel_id: 'chat', business_id: '1', external_conversation_id: 'c', external_message_id: source },
    bytes: 100,
    ...more,
  }
}

function planned(letters: Letter[], { filter = all, again = false }: { filter?: Filter; again?: boolean } = {}) {
  const { going, staying } = plan(letters, meant(filter), ['out', 'bulk'], again)
  const offsets = Object.entries(staying).map(([why, those]) => [why, those.map(({ offset }) => offset)])
  return {
    going: going.map(({ letter: { offset }, copies }) => [offset, ...copies.map((copy) => copy.offset)]),
    ...Object.fromEntries(offsets.filter(([, those]) => those?.length !== 0)),
  }
}

test('the order is that of the source, wherever the letters are, and however often they went', () => {
  const first = { topic: 'out', partition: 0, offset: 5 }
  const letters = [
    letter(0, 'out/1/3'),
    letter(1, 'out/0/9'),
    letter(2, 'out/0/7', { partition: 4 }),
    letter(3, 'bulk/0/1'),
    letter(4, 'out/0/100', { first, redrives: 1 }),
  ]
  expect(planned(letters, { again: true })).toEqual({ going: [[3], [4], [2], [1], [0]] })
  expect(planned(letters)).toEqual({ going: [[3], [2], [1], [0]], 'came-back': [4] })
})

test('what was put away twice goes once, also where only one of the two is meant', () => {
  const letters = [letter(0, 'out/0/7'), letter(1, 'out/0/7')]
  expect(planned(letters)).toEqual({ going: [[0, 1]] })
  expect(planned(letters, { filter: { ...all, places: [{ partition: 0, offset: 1 }] } })).toEqual({ going: [[0, 1]] })
  const noted = [letter(0, 'out/0/7', { isRedriven: true }), letter(1, 'out/0/7')]
  expect(planned(noted)).toEqual({ going: [], redriven: [0, 1] })
})

test('what went and came back is another letter than the one that went', () => {
  const first = { topic: 'out', partition: 0, offset: 7 }
  const letters = [letter(0, 'out/0/7', { isRedriven: true }), letter(1, 'out/0/50', { first, redrives: 1 })]
  expect(planned(letters)).toEqual({ going: [], redriven: [0], 'came-back': [1] })
  expect(planned(letters, { again: true })).toEqual({ going: [[1]], redriven: [0] })
})

test('what is not whole, or of another topic, stays', () => {
  const letters = [letter(0, 'out/0/1', { truncation: 'value' }), letter(1, 'other/0/1'), letter(2, 'out/0/2')]
  expect(planned(letters)).toEqual({ going: [[2]], truncated: [0], elsewhere: [1] })
  // One of two is whole.
  expect(planned([letter(0, 'out/0/1', { truncation: 'value' }), letter(1, 'out/0/1')])).toEqual({ going: [[1, 0]] })
})

test('all conditions hold, of each one value', () => {
  const noIds = { channel_id: null, business_id: null, external_conversation_id: null, external_message_id: null }
  const letters = [
    letter(0, 'out/0/0'),
    letter(1, 'out/0/1', { reason: 'invalid' }),
    letter(2, 'out/0/2', { ids: { ...noIds, channel_id: 'other', external_conversation_id: 'd' } }),
    letter(3, 'out/0/3', { ids: noIds, reason: 'undecodable' }),
  ]
  const chosen = (filter: Partial<Filter>) => letters.filter(meant({ ...all, ...filter })).map(({ offset }) => offset)
  expect(chosen({})).toEqual([0, 1, 2, 3])
  expect(chosen({ reasons: ['invalid', 'undecodable'] })).toEqual([1, 3])
  expect(chosen({ channels: ['chat'] })).toEqual([0, 1])
  expect(chosen({ channels: ['chat', 'other'], reasons: ['rejected'] })).toEqual([0, 2])
  expect(chosen({ conversations: ['d'] })).toEqual([2])
  expect(chosen({ sinceMs: 1_001, untilMs: 1_003 })).toEqual([1, 2])
  expect(
    chosen({
      places: [
        { partition: 0, offset: 3 },
        { partition: 1, offset: 0 },
      ],
    }),
  ).toEqual([3])
  expect(isEmpty(all)).toBe(true)
  expect(isEmpty({ ...all, untilMs: 0 })).toBe(false)
})

test('portions are small, in order, and leave nothing out', () => {
  const large = Array.from({ length: 25 }, (_, i) =>
    letter(i, `out/0/${i}`, { bytes: i === 3 ? 90_000_000 : 10_000_000 }),
  )
  const { going } = plan(large, () => true, ['out'], false)
  const parts = [...portions(going)]
  expect(parts.flat()).toEqual(going)
  for (const part of parts) {
    const bytes = part.reduce((sum, { letter: { bytes } }) => sum + bytes, 0)
    expect(part.length === 1 || bytes <= 64_000_000).toBe(true)
  }
  const many = Array.from({ length: 20_001 }, (_, i) => letter(i, `out/0/${i}`))
  expect([...portions(plan(many, () => true, ['out'], false).going)].map(({ length }) => length)).toEqual([
    10_000, 10_000, 1,
  ])
  expect([...portions([])]).toEqual([])
})
