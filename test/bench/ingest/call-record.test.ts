// Real: the record of the benchmark's server. Doubled: time and calls. Failure: a repeated, overtaking or doubly created
// message that the report does not tell, or a right one that it blames.

import { expect, test } from 'vitest'
import { CallRecord, type Ingested } from './call-record.ts'

const message = (conversation: string, number: number): Ingested => ({
  external_conversation_id: conversation,
  external_message_id: `${conversation}/${number}`,
  content: `${conversation}/${number} and so on`,
})

test('two conversations in order: nothing to blame', () => {
  const record = new CallRecord()
  let nowMs = 0
  for (const one of [message('a', 0), message('b', 0), message('a', 1)]) {
    nowMs += 10
    record.answered(record.arrived(one, nowMs), one, 200, nowMs + 5)
  }
  expect(record.report()).toEqual({
    calls: 3,
    accepted: 3,
    created: 3,
    createdTwice: 0,
    repeated: 0,
    outOfOrder: 0,
    statuses: { 200: 3 },
    fullestMinute: 3,
    firstCallMs: 10,
    lastAcceptedMs: 35,
    inFlight: 0,
  })
  expect(record.rows()[2]).toEqual(['a/1', 30, 35, 200])
})

test('a message is out of order before the one before it is accepted, not while it is tried again', () => {
  const record = new CallRecord()
  record.answered(record.arrived(message('a', 0), 0), message('a', 0), 503, 1)
  const again = record.arrived(message('a', 0), 2)
  expect(record.report()).toMatchObject({ outOfOrder: 0, repeated: 1, inFlight: 1 })
  record.arrived(message('a', 1), 3)
  expect(record.report().outOfOrder).toBe(1)
  record.answered(again, message('a', 0), 200, 4)
  expect(record.report()).toMatchObject({ created: 1, statuses: { 200: 1, 503: 1 } })
})

test('a message that was left out is out of order', () => {
  const record = new CallRecord()
  record.arrived(message('a', 1), 0)
  expect(record.report().outOfOrder).toBe(1)
})

test('accepted twice under one id is created once; under two ids twice', () => {
  const record = new CallRecord()
  for (const one of [message('a', 0), message('a', 0), { ...message('a', 1), content: 'a/0 and so on' }]) {
    record.answered(record.arrived(one, 0), one, 200, 1)
  }
  expect(record.report()).toMatchObject({ accepted: 3, created: 2, createdTwice: 1, repeated: 1 })
})
