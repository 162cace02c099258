// Real: the memory of accepted ids. Doubled: nothing. Failure: a repeated message that is called again within the memory, one
// that is taken for a repetition and is none, or more remembered than may be.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recordAt } from '../../../../test/support/core-examples.ts'
import { RememberedIds } from './remembered-ids.ts'

const message = (offset: number, messageId: string, digest = 'hello', channelId = 'channel') => ({
  channelId,
  messageId,
  digest,
  record: recordAt(offset),
})

test('the same message in another record was accepted before', () => {
  const ids = new RememberedIds(10)
  expect(ids.recognise(message(1, 'a'))).toBe('new')
  ids.remember(message(1, 'a'))
  expect(ids.recognise(message(2, 'a'))).toBe('repeated')
  expect(ids.recognise(message(2, 'b'))).toBe('new')
})

test('the same record, read again, is no repetition: its receipt is still due', () => {
  const ids = new RememberedIds(10)
  ids.remember(message(1, 'a'))
  expect(ids.recognise(message(1, 'a'))).toBe('new')
  expect(ids.recognise({ ...message(1, 'a'), record: { ...recordAt(1), partition: 1 } })).toBe('repeated')
})

test('the same id with other content is another message; the one that was accepted first stays', () => {
  const ids = new RememberedIds(10)
  ids.remember(message(1, 'a', 'hello'))
  expect(ids.recognise(message(2, 'a', 'good-bye'))).toBe('reused')
  ids.remember(message(2, 'a', 'good-bye'))
  expect(ids.recognise(message(3, 'a', 'good-bye'))).toBe('reused')
  expect(ids.recognise(message(3, 'a', 'hello'))).toBe('repeated')
})

test('an id is one of its channel', () => {
  const ids = new RememberedIds(10)
  ids.remember(message(1, 'b/c', 'hello', 'a'))
  expect(ids.recognise(message(2, 'c', 'hello', 'a/b'))).toBe('new')
  expect(ids.recognise(message(2, 'b/c', 'hello', 'z'))).toBe('new')
})

test('what has not been seen for long is forgotten, and then called again; what is seen again stays', () => {
  const ids = new RememberedIds(4)
  for (const [offset, id] of ['a', 'b', 'c', 'a', 'd'].entries()) ids.remember(message(offset, id))
  expect(['a', 'b', 'd'].map((id) => ids.recognise(message(9, id)))).toEqual(['repeated', 'new', 'repeated'])
})

test('what is seen again after long is still the message that was accepted first', () => {
  const ids = new RememberedIds(4)
  for (const [offset, id] of ['a', 'b'].entries()) ids.remember(message(offset, id))
  ids.remember(message(2, 'a', 'good-bye'))
  expect(['hello', 'good-bye'].map((digest) => ids.recognise(message(9, 'a', digest)))).toEqual(['repeated', 'reused'])
})

test('property: at least half as many as may be remembered are, those seen last, and never more than may be', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(12), { maxLength: 60 }), (max, accepted) => {
      const ids = new RememberedIds(max)
      for (const [offset, id] of accepted.entries()) {
        ids.remember(message(offset, `${id}`))
        expect(ids.size).toBeLessThanOrEqual(max)
      }
      const last = [...new Set(accepted.toReversed())].slice(0, Math.ceil(max / 2))
      expect(last.filter((id) => ids.recognise(message(1_000, `${id}`)) !== 'repeated')).toEqual([])
      const never = Array.from({ length: 13 }, (_, id) => id).filter((id) => !accepted.includes(id))
      expect(never.filter((id) => ids.recognise(message(1_000, `${id}`)) !== 'new')).toEqual([])
    }),
  )
})
