// Real: the hash. Doubled: Java's producer, by kafkajs's partitioner, which computes the same. Failure: another partition than
// Java's for any key: a conversation's receipts would part.

import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { partitionOfKey } from './murmur2.ts'

const partitionMetadata = Array.from({ length: 997 }, (_, partitionId) => ({
  partitionId,
  leader: 1,
  partitionErrorCode: 0,
  replicas: [1],
  isr: [1],
}))
const theirs = kafkajs.Partitioners.DefaultPartitioner()

test('any key goes where Java puts it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), (bytes) => {
      const key = Buffer.from(bytes)
      expect(partitionOfKey(key, 997)).toBe(theirs({ topic: 't', partitionMetadata, message: { key, value: null } }))
    }),
    { numRuns: 2_000 },
  )
})
