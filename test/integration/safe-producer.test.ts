// Real: Kafka, the safe producer. Doubled: nothing; Kafka's absence is an address where nobody listens.
// Failure: a record reported as stored that is not in its topic, one refused that fits, order lost within a partition, an
// answer that does not come.

import { freePort } from '@bridge/local-kafka/ports'
import { createLog } from '@bridge/runtime/log'
import { SafeProducer } from '@bridge/runtime/safe-producer'
import type { OutgoingRecord } from '@bridge/schemas/record'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { TestKafka } from '../support/kafka.ts'
import { type TestTopics, testTopics } from '../support/topics.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const kafka = new TestKafka(brokers)
let topics: TestTopics
let producer: SafeProducer

function start(to: string, waitingMax = 10_000): SafeProducer {
  return new SafeProducer({
    connection: { brokers: to.split(','), clientId: 'test', tls: undefined, sasl: undefined },
    log: createLog('test', 'silent'),
    connectionTimeoutMs: 500,
    requestTimeoutMs: 2_000,
    waitingMax,
  })
}

beforeEach(async () => {
  topics = await testTopics(brokers)
  producer = start(brokers)
})

afterEach(async () => {
  await producer.close()
  await topics.remove()
})

function record(topic: string, key: string | null, value: string, sourcePartition = 0): OutgoingRecord {
  return { topic, key: key === null ? null : Buffer.from(key), value: Buffer.from(value), headers: [], sourcePartition }
}

test('2,000 records published at once are stored, in order within each key', async () => {
  const all = Array.from({ length: 2000 }, (_, i) => record(topics.names.receipts, `key-${i % 20}`, String(i)))
  const ends = await Promise.all(all.map((one) => producer.publish(one)))
  expect(ends.every(({ kind }) => kind === 'stored')).toBe(true)
  expect(producer.pending).toBe(0)
  const read = await kafka.readAll(topics.names.receipts, topics.group('reader'))
  expect(read).toHaveLength(2000)
  for (let key = 0; key < 20; key += 1) {
    const values = read.filter((one) => one.key === `key-${key}`).map((one) => Number(one.value))
    expect(values).toEqual(values.toSorted((a, b) => a - b))
  }
})

test('keys go where Java’s default partitioner puts them; records without a key to their source partition', async () => {
  // org.apache.kafka.common.utils.Utils.toPositive(murmur2(key)) of kafka-clients 4.3.0, modulo 6.
  const java: Record<string, number> = {
    '21': 0,
    foobar: 0,
    'a-little-bit-long-string': 2,
    'conversation-1': 0,
    Zoë: 4,
    '': 3,
  }
  for (const key of Object.keys(java)) await producer.publish(record(topics.names.outbound, key, key))
  await producer.publish(record(topics.names.outbound, null, 'no key', 4))
  await producer.publish(record(topics.names.replies, null, 'no key', 4))
  const read = await kafka.readAll(topics.names.outbound, topics.group('reader'))
  for (const { key, partition } of read) if (key !== null) expect([key, partition]).toEqual([key, java[key]])
  expect(read.find(({ key }) => key === null)?.partition).toBe(4)
  const [fewer] = await kafka.readAll(topics.names.replies, topics.group('reader-2'))
  expect(fewer?.partition).toBe(4 % 3)
})

test('a record that is too large is refused, and takes none of its batch along', async () => {
  const sizes = Array.from({ length: 30 }, (_, i) => (i === 13 ? 1_500_000 : 2_000))
  const ends = await Promise.all(
    sizes.map((size, i) => producer.publish(record(topics.names.receipts, 'k', `${i}:`.padEnd(size, 'x')))),
  )
  ends.forEach((end, i) => {
    expect(end.kind).toBe(i === 13 ? 'refused' : 'stored')
  })
  const read = await kafka.readAll(topics.names.receipts, topics.group('reader'))
  const stored = new Set(read.map((one) => Number(one.value?.toString().split(':')[0])))
  expect([...stored].toSorted((a, b) => a - b)).toEqual(sizes.map((_, i) => i).filter((i) => i !== 13))
})

test('a topic that is missing fails by name and keeps nothing else from being stored; it is served once it is there', async () => {
  const missing = `${topics.prefix}missing`
  const [bad, good] = await Promise.all([
    producer.publish(record(missing, 'k', 'v')),
    producer.publish(record(topics.names.receipts, 'k', 'v')),
  ])
  expect(bad).toMatchObject({ kind: 'failed', detail: expect.stringContaining(`topic ${missing} does not exist`) })
  expect(good).toEqual({ kind: 'stored' })
  await kafka.createTopic(missing)
  expect(await producer.publish(record(missing, 'k', 'v'))).toEqual({ kind: 'stored' })
})

test('without Kafka every record is answered in time, and beyond the bound at once', async () => {
  const alone = start(`127.0.0.1:${await freePort()}`, 10)
  const startedMs = performance.now()
  const ends = await Promise.all(Array.from({ length: 20 }, (_, i) => alone.publish(record('t', 'k', String(i)))))
  expect(performance.now() - startedMs).toBeLessThan(5_000)
  expect(ends.every(({ kind }) => kind === 'failed')).toBe(true)
  expect(ends.filter((end) => end.kind === 'failed' && end.detail === '10 records are waiting for Kafka')).toHaveLength(
    10,
  )
  await alone.close()
  expect(await alone.publish(record('t', 'k', 'v'))).toEqual({ kind: 'failed', detail: 'the producer is closed' })
})

test('a first broker that is away keeps nothing from being stored', async () => {
  const some = start(`127.0.0.1:${await freePort()},${brokers}`)
  await until(
    'a record stored',
    async () => (await some.publish(record(topics.names.receipts, 'k', 'v'))).kind === 'stored',
  )
  await some.close()
})
