// Real: the bytes that members and leader exchange. Doubled: nothing. Failure: something told that is not read back, or
// garbage that is believed or throws.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignmentData, memberData, readAssignmentData, readMemberData } from './user-data.ts'

const wish = { mode: 'spread', settings: 'burst=1' } as const
const decision = { epoch: 7, mode: 'single', settings: 'burst=2', owner: 'a', partitions: 8 } as const
const owned = [
  { topic: 'normal', partition: 0 },
  { topic: 'normal', partition: 5 },
  { topic: 'bulk', partition: 1 },
]

test('what is told is read back', () => {
  expect(readMemberData(memberData(wish, undefined))).toEqual({ wish })
  expect(readMemberData(memberData(wish, { decision, owned }))).toEqual({ wish, claim: { decision, owned } })
  expect(readAssignmentData(assignmentData(decision))).toEqual(decision)
})

test('fields that a later release adds are passed over, another version is not read', () => {
  const told = JSON.parse(memberData(wish, undefined).toString()) as Record<string, unknown>
  expect(readMemberData(Buffer.from(JSON.stringify({ ...told, more: true })))).toEqual({ wish })
  expect(readMemberData(Buffer.from(JSON.stringify({ ...told, version: 2 })))).toEqual({})
})

test('garbage is not told', () => {
  for (const data of [null, Buffer.alloc(0), Buffer.from('null'), Buffer.from('{"version":1}'), Buffer.from([0xff])]) {
    expect(readMemberData(data)).toEqual({})
    expect(readAssignmentData(data)).toBeUndefined()
  }
  const endless = JSON.stringify({ version: 1, decision: { ...decision, epoch: 1e300 } })
  expect(readAssignmentData(Buffer.from(endless))).toBeUndefined()
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), (bytes) => {
      expect(readMemberData(Buffer.from(bytes))).toEqual({})
      expect(readAssignmentData(Buffer.from(bytes))).toBeUndefined()
    }),
  )
})
