// Real: the broker of this run, a second one on Java started here, processes, signals, ports. Doubled: nothing.
// Failure: a broker that does not take and give back records; a process, port, folder or container that outlives its stop
// or its owner; an abort that does not end what is under way.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import { bringUpKafka, type LocalKafka } from '@bridge/local-kafka/local-kafka'
import { localFolder } from '@bridge/local-kafka/maven'
import { isPortFree } from '@bridge/local-kafka/ports'
import { afterAll, afterEach, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { testTopics } from '../support/topics.ts'

const logFile = join(localFolder, 'logs', 'kafka-second.log')
/** Where the brokers of this file keep their data: empty again once they are gone. */
const temporary = mkdtempSync(join(tmpdir(), 'local-kafka-test-'))
process.env.TMPDIR = temporary
afterAll(() => rmSync(temporary, { recursive: true }))
const javaEnv = { ...process.env, LOCAL_KAFKA: 'java', TEST_KAFKA_BROKERS: '' }
const gone = { timeout: 10_000, interval: 50 }

async function produceAndConsume(brokers: string, topic: string, group: string): Promise<string[]> {
  const kafka = kafkaClient(brokers, 'local-kafka-test')
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 250 })
  const seen: string[] = []
  try {
    await producer.connect()
    await producer.send({
      topic,
      acks: -1,
      messages: [
        { key: 'alice', value: 'one' },
        { key: 'alice', value: 'two' },
      ],
    })
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.connect()
    await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) })
    await vi.waitFor(() => expect(seen).toHaveLength(2), gone)
    return seen
  } finally {
    await consumer.disconnect()
    await producer.disconnect()
  }
}

describe('the Kafka of this run', () => {
  test('takes records and gives them back, and its topics and groups can be removed', async () => {
    const brokers = inject('kafkaBrokers')
    const topics = await testTopics(brokers)
    expect(await produceAndConsume(brokers, topics.names.outbound, topics.group('reader'))).toEqual(['one', 'two'])
    await topics.remove()
    await withAdmin(kafkaClient(brokers), async (admin) => {
      const left = (await admin.listTopics()).filter((topic) => topic.startsWith(topics.prefix))
      const { groups } = await admin.listGroups()
      expect(left).toEqual([])
      expect(groups.filter(({ groupId }) => groupId.startsWith(topics.prefix))).toEqual([])
    })
  })

  test('the dead-letter topic takes a record of 1 MiB with its headers', async () => {
    const brokers = inject('kafkaBrokers')
    const topics = await testTopics(brokers)
    onTestFinished(() => topics.remove())
    const producer = kafkaClient(brokers).producer()
    await producer.connect()
    const message = { value: Buffer.alloc(1024 * 1024, 'x'), headers: { 'partoo-dlq-response': 'y'.repeat(1024) } }
    await producer.send({ topic: topics.names.dlq, acks: -1, messages: [message] })
    await producer.disconnect()
  })
})

describe('a broker on Java', () => {
  let kafka: LocalKafka | undefined
  afterEach(() => kafka?.stop())

  test('serves, and leaves no port and no folder when stopped', async () => {
    const brought = await bringUpKafka({ variable: 'TEST_KAFKA_BROKERS', env: javaEnv, logFile })
    if (brought.kind !== 'up') throw new Error(brought.kind === 'unavailable' ? brought.reason : brought.kind)
    kafka = brought.kafka
    expect(kafka.source).toBe('java')
    const topics = await testTopics(kafka.brokers)
    expect(await produceAndConsume(kafka.brokers, topics.names.replies, topics.group('reader'))).toEqual(['one', 'two'])
    await kafka.stop()
    await kafka.stop()
    expect(await isPortFree(portOf(kafka.brokers))).toBe(true)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('takes another port where the preferred one is taken', async () => {
    const taken = portOf(inject('kafkaBrokers'))
    const brought = await bringUpKafka({
      variable: 'TEST_KAFKA_BROKERS',
      env: javaEnv,
      preferredPort: taken,
      logFile,
    })
    if (brought.kind !== 'up') throw new Error(brought.kind)
    kafka = brought.kafka
    expect(portOf(kafka.brokers)).not.toBe(taken)
  })

  test('ends at once when aborted while it starts', async () => {
    const abort = new AbortController()
    const brought = await bringUpKafka({
      variable: 'TEST_KAFKA_BROKERS',
      env: javaEnv,
      logFile,
      signal: abort.signal,
      progress: (line) => {
        if (line.includes('starting')) setTimeout(() => abort.abort(), 1_000)
      },
    })
    expect(brought).toEqual({ kind: 'aborted' })
    expect(readdirSync(temporary)).toEqual([])
  })
})

describe.each(['java', 'docker'] as const)('a broker (%s) whose owner is killed', (way) => {
  test('ends, and its port and folder with it', async ({ skip }) => {
    const owner = startOwner(way)
    onTestFinished(() => void owner.process.kill('SIGKILL'))
    const answer = await owner.answer
    // Docker is not everywhere, and this way of starting is only worth a test where it is.
    if (way === 'docker' && !answer.startsWith('up ')) skip(answer)
    expect(answer).toMatch(/^up \S+:\d+$/)
    const port = portOf(answer)
    expect(await isPortFree(port)).toBe(false)

    owner.process.kill('SIGKILL')
    await once(owner.process, 'exit')
    await vi.waitFor(async () => expect(await isPortFree(port)).toBe(true), gone)
    await vi.waitFor(() => expect(readdirSync(temporary)).toEqual([]), gone)
  })
})

/** A process of its own that brings up a broker, prints "up <brokers>" (or the reason) and waits for ever. */
function startOwner(way: 'java' | 'docker'): { process: ChildProcess; answer: Promise<string> } {
  const module = resolve(import.meta.dirname, '../../tools/local-kafka/src/local-kafka.ts')
  expect(existsSync(module)).toBe(true)
  const script = `
    import { bringUpKafka } from ${JSON.stringify(module)}
    const brought = await bringUpKafka({ variable: 'TEST_KAFKA_BROKERS', logFile: ${JSON.stringify(logFile)} })
    console.log(brought.kind === 'up' ? 'up ' + brought.kafka.brokers : JSON.stringify(brought))
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    env: { ...javaEnv, LOCAL_KAFKA: way },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const answer = once(createInterface({ input: owner.stdout }), 'line').then(([line]) => String(line))
  return { process: owner, answer }
}

function portOf(brokers: string): number {
  return Number(brokers.split(':').at(-1))
}
