// Real: the producer. Doubled: kafkajs's client, which answers what the test says. Failure: a record that overtakes one that was
// published before it and failed.

import type { OutgoingRecord } from '@bridge/schemas/record'
import type { ProducerBatch } from 'kafkajs'
import { expect, test } from 'vitest'
import { createLog } from './log.ts'
import { type Client, SafeProducer } from './safe-producer.ts'

const record = (value: string): OutgoingRecord => ({
  topic: 't',
  key: Buffer.from('k'),
  value: Buffer.from(value),
  headers: [],
  sourcePartition: 0,
})

/** A producer over a client that answers as it is told, and what it was sent. */
function producerOver(answer: () => { errorCode: number }[]): { producer: SafeProducer; sent: string[][] } {
  const sent: string[][] = []
  const client = {
    connected: true,
    producer: {
      connect: async () => {},
      disconnect: async () => {},
      sendBatch: async ({ topicMessages }: ProducerBatch) => {
        sent.push((topicMessages?.[0]?.messages ?? []).map(({ value }) => String(value).slice(0, 1)))
        return answer().map((row) => ({ topicName: 't', partition: 0, ...row }))
      },
    },
    admin: {
      connect: async () => {},
      disconnect: async () => {},
      fetchTopicMetadata: async () => ({ topics: [{ name: 't', partitions: [{ partitionId: 0 }] }] }),
    },
  } as unknown as Client
  const producer = new SafeProducer(
    {
      connection: { brokers: ['kafka:9092'], clientId: 'test', tls: undefined, sasl: undefined },
      log: createLog('test', 'silent'),
      connectionTimeoutMs: 1_000,
      requestTimeoutMs: 1_000,
      waitingMax: 10,
    },
    () => client,
  )
  return { producer, sent }
}

test('where half of a batch that was too large fails, the other half is not sent (P9)', async () => {
  const answers = [{ type: 'MESSAGE_TOO_LARGE' }, { type: 'NOT_LEADER_FOR_PARTITION' }]
  const { producer, sent } = producerOver(() => {
    const answer = answers.shift()
    if (answer !== undefined) throw Object.assign(new Error('as the test says'), answer)
    return [{ errorCode: 0 }]
  })
  const published = await Promise.all(['1', '2', '3', '4'].map((value) => producer.publish(record(value))))
  expect(published.map(({ kind }) => kind)).toEqual(['failed', 'failed', 'failed', 'failed'])
  expect(sent).toEqual([
    ['1', '2', '3', '4'],
    ['1', '2'],
  ])
  expect(await producer.publish(record('5'))).toEqual({ kind: 'stored' })
  await producer.close()
})

test('where the answer leaves a partition out, what waits behind is not sent (P3, P9)', async () => {
  const { producer, sent } = producerOver(() => [])
  const large = 'x'.repeat(500_000)
  const published = await Promise.all(['1', '2'].map((value) => producer.publish(record(value + large))))
  expect(published.map(({ kind }) => kind)).toEqual(['failed', 'failed'])
  expect(sent).toEqual([['1']])
  await producer.close()
})
