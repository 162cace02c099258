// Real: the messages of the benchmark. Failure: one that the ingestor would refuse, that is not as large as said, or that is
// not where its conversation is.

import { readOutboundMessage } from '@bridge/schemas/outbound-message'
import { expect, test } from 'vitest'
import { outboundRecord, outboundRecords, partitionCount, placements } from './messages.ts'

test('a message is one that the contract takes, of about 300 bytes', () => {
  const { value } = outboundRecord(1_234, 56, 'even')
  expect(readOutboundMessage(JSON.parse(value)).kind).toBe('valid')
  expect(value.length).toBeGreaterThan(270)
  expect(value.length).toBeLessThan(330)
})

test('conversations take turns, and their messages count up', () => {
  const ids = [...outboundRecords({ count: 5, conversations: 2, first: 7 })].map(({ id }) => id)
  expect(ids).toEqual([
    'conversation-7/0',
    'conversation-8/0',
    'conversation-7/1',
    'conversation-8/1',
    'conversation-7/2',
  ])
})

test('skewed: half of the conversations in the first partition, and every partition has some', () => {
  const counts = Array.from({ length: partitionCount }, () => 0)
  for (let i = 0; i < 128; i += 1) {
    const partition = placements.skewed(i)
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  expect(counts).toEqual([64, 32, 16, 8, 4, 4])
})
