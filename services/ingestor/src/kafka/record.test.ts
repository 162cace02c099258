// Real: the records, Node's memory and garbage collector. Doubled: what kafkajs hands over. Failure: a byte that is not as it
// came, a record that keeps the whole fetch in memory, or one that costs more than it says.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { KafkaMessage } from 'kafkajs'
import { expect, test } from 'vitest'
import { toRecord } from './record.ts'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

function message(more: Partial<KafkaMessage>): KafkaMessage {
  const plain = {
    key: null,
    value: null,
    timestamp: '1790000000123',
    offset: '9007199254740991',
    attributes: 0,
    size: 0,
  }
  return { ...plain, headers: {}, ...more } as KafkaMessage
}

test('coordinates and time', () => {
  expect(toRecord('t', 3, message({}))).toMatchObject({
    topic: 't',
    partition: 3,
    offset: 9_007_199_254_740_991,
    timestampMs: 1_790_000_000_123,
    key: null,
    value: null,
    headers: [],
  })
})

test('every byte of key, value and headers; nothing, null and repeated headers are told apart', () => {
  const record = toRecord(
    't',
    0,
    message({
      key: everyByte,
      value: Buffer.concat([everyByte, everyByte]),
      headers: { a: everyByte, b: [Buffer.from('1'), null as never, Buffer.alloc(0)], 'ü€😀': Buffer.alloc(0) },
    }),
  )
  expect(record.key).toEqual(everyByte)
  expect(record.value).toEqual(Buffer.concat([everyByte, everyByte]))
  expect(record.headers).toEqual([
    ['a', everyByte],
    ['b', Buffer.from('1')],
    ['b', null],
    ['b', Buffer.alloc(0)],
    ['ü€😀', Buffer.alloc(0)],
  ])
  expect(toRecord('t', 0, message({ key: Buffer.alloc(0), value: Buffer.alloc(0) }))).toMatchObject({
    key: Buffer.alloc(0),
    value: Buffer.alloc(0),
  })
})

test('it has its own bytes', () => {
  const fetched = Buffer.from('key value')
  const record = toRecord('t', 0, message({ key: fetched.subarray(0, 3), value: fetched.subarray(4) }))
  fetched.fill('x')
  record.value?.fill('y')
  expect(String(record.key)).toBe('key')
  expect(String(record.value)).toBe('value')
})

test('20,000 records cost no more memory than they say, and 200 bytes beside their content', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = () => {
    collect()
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const fetched = Buffer.alloc(1_000_000, 'Is the terrace open? ')
  const contentBytes = 316
  const records: unknown[] = Array.from({ length: 20_000 }, () => null)
  const before = used()
  for (let i = 0; i < records.length; i += 1) {
    const at = (i * 317) % 900_000
    records[i] = toRecord(
      't',
      0,
      message({
        key: fetched.subarray(at, at + 16),
        value: fetched.subarray(at + 16, at + contentBytes),
        offset: `${i}`,
      }),
    )
  }
  const each = (used() - before) / records.length
  const { memoryBytes } = records[0] as { memoryBytes: number }
  expect(each).toBeLessThan(contentBytes + 200)
  expect(memoryBytes).toBeGreaterThan(each)
})

test('a header whose name every object has is as it came', () => {
  // As kafkajs's decoder makes them: it takes what `{}` inherits under the name for a first value.
  const headers = { constructor: [Object, Buffer.from('a')], toString: [Object.prototype.toString, Buffer.from('b')] }
  const record = toRecord('t', 0, message({ headers: headers as unknown as KafkaMessage['headers'] & {} }))
  expect(record.headers).toEqual([
    ['constructor', Buffer.from('a')],
    ['toString', Buffer.from('b')],
  ])
})
