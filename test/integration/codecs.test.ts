// Real: Kafka, Java's client and librdkafka's (kcat) where they are on this machine, the codecs as kafkajs uses them, the safe
// producer, the ingestor as a process of its own. Doubled: Partoo, by the simulator.
// Failure: a record of a compressed batch that comes out otherwise than it was meant, at whichever end; a batch that cannot be
// read and stops more than its own partition, or is not told.

import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findJava } from '@bridge/local-kafka/java'
import { ensureJars } from '@bridge/local-kafka/kafka-jars'
import { freePort } from '@bridge/local-kafka/ports'
import { startSimulator } from '@bridge/partoo-simulator/simulator'
import { compressions, compressionType, registerCodecs } from '@bridge/runtime/compression'
import { createLog } from '@bridge/runtime/log'
import { SafeProducer } from '@bridge/runtime/safe-producer'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { TestKafka } from '../support/kafka.ts'
import { ServiceProcess } from '../support/service.ts'
import { type TestTopics, testTopics } from '../support/topics.ts'
import { until } from '../support/wait.ts'

registerCodecs()

const brokers = inject('kafkaBrokers')
const kafka = new TestKafka(brokers)
const run = promisify(execFile)
const names = compressions.filter((name) => name !== 'none')
const programDeadlineMs = 60_000
const java = await findPrograms()
const kcat = await run('kcat', ['-V']).then(
  () => true,
  () => false,
)
const count = 500
/** The same as in Codecs.java. */
const value = (i: number) => `${i}: Votre commande est prête 😀 ${'0123456789abcdef'.repeat(i % 40)}`
const meant = Array.from({ length: count }, (_, i) => ({ key: `key-${i}`, value: value(i) }))

let topics: TestTopics

beforeAll(async () => {
  topics = await testTopics(brokers)
})

afterAll(async () => {
  await topics.remove()
})

/** Java and Kafka's jars, or why not. */
async function findPrograms() {
  const found = await findJava(process.env)
  if (found.kind === 'missing') return found
  const jars = await ensureJars(process.env, () => {}, undefined)
  return jars.kind === 'missing' ? jars : { kind: 'found' as const, command: found.command, jars: jars.folder }
}

async function runJava(...args: string[]): Promise<string> {
  if (java.kind === 'missing') throw new Error(java.why)
  const options = { timeout: programDeadlineMs, maxBuffer: 64 * 1024 * 1024 }
  const source = join(import.meta.dirname, 'java', 'Codecs.java')
  const jvm = ['-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8', '-cp', join(java.jars, '*'), source]
  return (await run(java.command, [...jvm, ...args], options)).stdout
}

async function freshTopic(name: string): Promise<string> {
  const topic = `${topics.prefix}${name}`
  await kafka.createTopic(topic)
  return topic
}

/** Everything in a topic, in order, and which codecs it took to read. */
async function read(topic: string): Promise<{ rows: { key: string | null; value: string }[]; codecs: number[] }> {
  const codecs = new Set<number>()
  const registry = kafkajs.CompressionCodecs as unknown as Record<number, () => unknown>
  const before = { ...registry }
  for (const [id, codec] of Object.entries(before)) {
    registry[Number(id)] = () => {
      codecs.add(Number(id))
      return codec()
    }
  }
  try {
    const records = await kafka.readAll(topic, topics.group(`reader-${topic}`))
    return { rows: records.map((record) => ({ key: record.key, value: String(record.value) })), codecs: [...codecs] }
  } finally {
    Object.assign(registry, before)
  }
}

test.skipIf(java.kind === 'missing')('what Java compresses with any codec is read', async () => {
  const pairs = await Promise.all(names.map(async (name) => ({ name, topic: await freshTopic(`java-${name}`) })))
  await runJava('produce', brokers, String(count), ...pairs.map(({ name, topic }) => `${topic}=${name}`))
  for (const { name, topic } of pairs) {
    const { rows, codecs } = await read(topic)
    expect(codecs, name).toEqual([compressionType(name)])
    expect(rows).toEqual(meant)
  }
})

test.skipIf(!kcat)('what librdkafka compresses with any codec is read', async () => {
  for (const name of names) {
    const topic = await freshTopic(`kcat-${name}`)
    const program = spawn('kcat', ['-P', '-b', brokers, '-t', topic, '-z', name, '-K', '\t', '-X', 'linger.ms=200'], {
      stdio: ['pipe', 'ignore', 'inherit'],
      timeout: programDeadlineMs,
    })
    const ended = new Promise((resolve) => program.on('close', resolve))
    program.stdin.end(meant.map((row) => `${row.key}\t${row.value}\n`).join(''))
    expect(await ended, name).toBe(0)
    const { rows, codecs } = await read(topic)
    expect(codecs, name).toEqual([compressionType(name)])
    expect(rows).toEqual(meant)
  }
})

test('what the safe producer compresses with any codec is read by Java and librdkafka', async () => {
  const produced: string[] = []
  for (const compression of compressions) {
    const topic = await freshTopic(`ours-${compression}`)
    const producer = new SafeProducer({
      connection: { brokers: brokers.split(','), clientId: 'test', tls: undefined, sasl: undefined, compression },
      log: createLog('test', 'silent'),
      connectionTimeoutMs: 1_000,
      requestTimeoutMs: 5_000,
      waitingMax: count,
    })
    onTestFinished(() => producer.close())
    const record = (row: { key: string; value: string }) => ({
      topic,
      key: Buffer.from(row.key),
      value: Buffer.from(row.value),
      headers: [],
      sourcePartition: 0,
    })
    const ends = await Promise.all(meant.map((row) => producer.publish(record(row))))
    expect(ends.filter(({ kind }) => kind !== 'stored')).toEqual([])
    expect((await read(topic)).codecs, compression).toEqual(
      compression === 'none' ? [] : [compressionType(compression)],
    )
    produced.push(topic)
  }
  if (java.kind === 'found') {
    const lines = (await runJava('consume', brokers, String(count), ...produced)).split('\n').slice(0, -1)
    expect(lines).toEqual(produced.flatMap((topic) => meant.map((row) => `${topic}\t${row.key}\t${row.value}`)))
  }
  for (const topic of kcat ? produced : []) {
    const args = ['-C', '-b', brokers, '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%k\t%s\n']
    const { stdout } = await run('kcat', args, { timeout: programDeadlineMs, maxBuffer: 64 * 1024 * 1024 })
    expect(stdout.split('\n').slice(0, -1)).toEqual(meant.map((row) => `${row.key}\t${row.value}`))
  }
})

test('a batch that would be too large stops its partition, is told, and stops nothing else', async () => {
  const simulator = await startSimulator({
    organizations: [
      {
        org_id: 1,
        name: 'Test',
        rate_limit_per_minute: 0,
        rate_limit_kind: 'sliding-window',
        api_keys: [{ key: 'planted-api-key', role: 'ORG_ADMIN' }],
        channels: [{ channel_id: 'chat', name: 'Chat' }],
        webhooks: [],
      },
    ],
  })
  onTestFinished(() => simulator.close())
  const outbound = `${topics.prefix}bomb`
  await kafka.createTopic(outbound, {}, 2)
  const message = (id: string) =>
    JSON.stringify({
      business_id: '42',
      external_conversation_id: id,
      external_message_id: id,
      content: 'planted text',
      sender_type: 'User',
    })
  await kafka.produce(outbound, [{ partition: 0, value: message('before') }])
  await produceCompressed(
    outbound,
    0,
    Array.from({ length: 7 }, () => Buffer.alloc(10 * 1024 * 1024)),
  )
  await kafka.produce(outbound, [
    { partition: 0, value: message('behind') },
    { partition: 1, value: message('beside') },
  ])
  const env = {
    KAFKA_BROKERS: brokers,
    OUTBOUND_TOPIC: outbound,
    DLQ_TOPIC: topics.names.dlq,
    RECEIPTS_TOPIC: topics.names.receipts,
    INGESTOR_GROUP_ID: topics.group('ingestor'),
    PARTOO_BASE_URL: simulator.apiBase,
    PARTOO_API_KEY: 'planted-api-key',
    PARTOO_CHANNEL_ID: 'chat',
    PARTOO_ORG_ID: '1',
  }
  const ingestor = new ServiceProcess('ingestor', env, await freePort())
  onTestFinished(async () => void (await ingestor.end('SIGTERM')))
  const created = () =>
    simulator.state
      .messages()
      .map((each) => each.external_message_id)
      .sort()
  await until('the messages before and beside it created', () => created().length === 2)
  const unready = await until('it says that it is not ready', async () => {
    const { status, text } = await ingestor.readiness()
    return status === 503 && text.includes('cannot be read') && text
  })
  expect(unready).toContain(`${outbound}, partition 0, at offset 1 (zstd) cannot be read`)
  const told = ingestor.log.filter(({ msg }) => String(msg).startsWith('a batch of records cannot be read'))
  expect(told).toHaveLength(1)
  expect(told[0]).toMatchObject({ level: 'error', topic: outbound, partition: 0, offset: 1, codec: 'zstd' })
  expect(told[0]?.hint).toContain(`--topic ${outbound}:0 --reset-offsets --to-offset 8 `)
  await kafka.produce(outbound, [{ partition: 1, value: message('later') }])
  await until('what comes later beside it created', () => created().length === 3)
  expect(ingestor.log.filter(({ msg }) => msg === 'not reading')).toEqual([])

  // As the hint says.
  expect(await ingestor.end('SIGTERM')).toBe(0)
  await setOffset(topics.group('ingestor'), outbound, 0, 8)
  const again = new ServiceProcess('ingestor', env, await freePort())
  onTestFinished(async () => void (await again.end('SIGTERM')))
  await again.ready()
  await until('the message behind it created', () => created().length === 4)
  expect(created()).toEqual(['before', 'behind', 'beside', 'later'])
})

/** One batch, compressed with zstd: the broker's limit is for what it is then. */
async function produceCompressed(topic: string, partition: number, values: Buffer[]): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    const messages = values.map((bytes) => ({ key: null, partition, value: bytes }))
    await producer.send({ topic, compression: kafkajs.CompressionTypes.ZSTD, messages })
  } finally {
    await producer.disconnect()
  }
}

async function setOffset(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  try {
    await admin.setOffsets({ groupId, topic, partitions: [{ partition, offset: String(offset) }] })
  } finally {
    await admin.disconnect()
  }
}
