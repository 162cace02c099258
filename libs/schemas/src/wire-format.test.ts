// Real: framing. Doubled: nothing. Failure: bytes read beyond the value, an index that was not written, a throw.

import { expect, test } from 'vitest'
import { isFramed, readFrame, readMessageIndexes, writeFrame, writeMessageIndexes } from './wire-format.ts'

test('a frame is a zero byte, four bytes of id, and the payload', () => {
  const value = writeFrame(0x01020304, Buffer.from('hi'))
  expect(value).toEqual(Buffer.from([0, 1, 2, 3, 4, 0x68, 0x69]))
  expect(readFrame(value)).toEqual({ schemaId: 0x01020304, payload: Buffer.from('hi') })
  expect(readFrame(writeFrame(0xffffffff, Buffer.alloc(0)))).toEqual({ schemaId: 0xffffffff, payload: Buffer.alloc(0) })
})

test('what breaks off in the head, or begins otherwise, is none', () => {
  expect([[], [0], [0, 0, 0, 1], [1, 0, 0, 0, 1, 2]].map((bytes) => readFrame(Buffer.from(bytes)))).toEqual(
    Array(4).fill(undefined),
  )
  expect([Buffer.alloc(0), Buffer.from('{}'), Buffer.from([0])].map(isFramed)).toEqual([false, false, true])
})

test('message indexes as Confluent’s serializers write them', () => {
  const cases: [number[], number[]][] = [
    [[0], [0]],
    [[0], [2, 0]],
    [[1], [2, 2]],
    [
      [2, 1, 0],
      [6, 4, 2, 0],
    ],
    [[100], [2, 0xc8, 1]],
  ]
  for (const [indexes, bytes] of cases) {
    const payload = Buffer.from([...bytes, 9, 9])
    expect(readMessageIndexes(payload)).toEqual({ indexes, message: Buffer.from([9, 9]) })
  }
  for (const indexes of [[0], [1], [2, 1, 0], [0, 0], [70_000, 3]]) {
    expect(readMessageIndexes(writeMessageIndexes(indexes))?.indexes).toEqual(indexes)
  }
  expect(writeMessageIndexes([0])).toEqual(Buffer.from([0]))
  expect(writeMessageIndexes([100])).toEqual(Buffer.from([2, 0xc8, 1]))
})

test('a list that breaks off, is negative, or longer than types are nested is none', () => {
  const broken = [
    [],
    [2],
    [4, 2],
    [1],
    [2, 1],
    [0x80],
    [0xff, 0xff, 0xff, 0xff, 0xff, 1],
    [0xc8, 1, ...Array(100).fill(0)],
  ]
  for (const bytes of broken) expect(readMessageIndexes(Buffer.from(bytes)), `${bytes}`).toBeUndefined()
})
