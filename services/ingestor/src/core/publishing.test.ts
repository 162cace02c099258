// Real: the way of dead letters and receipts. Doubled: Kafka, as what became of each publication. Failure: a record that is
// settled without what it needs, or one that is published no more.

import { expect, test } from 'vitest'
import { recordAt } from '../../../../test/support/core-examples.ts'
import type { Entry } from './entry.ts'
import type { ReceiptDraft } from './facts.ts'
import { PartitionState } from './partition.ts'
import { type PublishEffect, Publishing } from './publishing.ts'

const cause = {
  reason: 'invalid' as const,
  detail: 'no',
  httpStatus: null,
  response: null,
  attempts: 0,
  firstAttemptAt: null,
  lastAttemptAt: null,
}
const receipt: ReceiptDraft = {
  status: 'accepted',
  reason: null,
  channel_id: 'channel',
  external_conversation_id: 'a',
  external_message_id: 'id',
  business_id: 'business',
  at: null,
  attempts: 1,
  http_status: 200,
  source: { topic: 'outbound', partition: 0, offset: 10 },
  partoo: null,
}

function world() {
  const emitted: PublishEffect[] = []
  const publishing = new Publishing((effect) => emitted.push(effect))
  const partition = new PartitionState('outbound', 0, 10, 0)
  const entry: Entry = { token: 1, partition, record: recordAt(10), bytes: 66, stage: { kind: 'decoding' } }
  /** What was asked for since it was asked last. */
  const asked = () => emitted.splice(0).map((effect) => ('truncation' in effect ? effect.truncation : 'receipt'))
  return { publishing, entry, asked }
}

test('a receipt is published once, and then its record has all it needs', () => {
  const { publishing, entry, asked } = world()
  publishing.report(entry, receipt)
  expect([asked(), publishing.count, publishing.receipts]).toEqual([['receipt'], 1, 1])
  expect(publishing.ended(entry, 'stored', 0)).toBe('done')
  expect([publishing.count, publishing.receipts]).toEqual([0, 0])
})

test('the dead letter comes first, and the receipt only when it is stored', () => {
  const { publishing, entry, asked } = world()
  publishing.store(entry, cause, receipt)
  expect([asked(), publishing.count, publishing.receipts]).toEqual([['none'], 1, 0])
  expect(publishing.ended(entry, 'stored', 0)).toBe('under way')
  expect([asked(), publishing.count, publishing.receipts]).toEqual([['receipt'], 1, 1])
  expect(publishing.ended(entry, 'stored', 0)).toBe('done')
})

test('a dead letter that is too large loses its value, then key and headers, and then waits', () => {
  const { publishing, entry, asked } = world()
  publishing.store(entry, cause, receipt)
  for (let i = 0; i < 3; i += 1) publishing.ended(entry, 'refused', 0)
  expect(asked()).toEqual(['none', 'value', 'value,key,headers'])
  expect(publishing.nextMs).toBe(200)
  publishing.repeat(200)
  expect(asked()).toEqual(['value,key,headers'])
})

test('what Kafka does not take is published again, after 0.2 s, 0.4 s … 5 s, for as long as it takes', () => {
  const { publishing, entry, asked } = world()
  publishing.report(entry, receipt)
  const delaysMs: number[] = []
  for (let nowMs = 0; delaysMs.length < 8; nowMs = publishing.nextMs) {
    publishing.repeat(nowMs)
    expect(asked()).toEqual(['receipt'])
    expect(publishing.ended(entry, 'failed', nowMs)).toBe('under way')
    delaysMs.push(publishing.nextMs - nowMs)
  }
  expect(delaysMs).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
  expect(publishing.receipts).toBe(1)
})

test('the end of what is not being published is a bug', () => {
  const { publishing, entry } = world()
  expect(() => publishing.ended(entry, 'stored', 0)).toThrow('publication of record 1 ended')
})
