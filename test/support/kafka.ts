// Kafka from a test's side: a producer for messages and garbage, everything that a topic holds, a group's lag.

import kafkajs, { type Admin, type IHeaders, type Kafka } from 'kafkajs'
import { keepText } from './kept-output.ts'
import { until } from './wait.ts'

export type Read = {
  partition: number
  offset: number
  key: string | null
  value: Buffer | null
  headers: Record<string, string>
}

export type TestRecord = {
  key?: Buffer | string | null
  value: Buffer | string | null
  headers?: IHeaders
  partition?: number
}

const { logLevel, Partitioners } = kafkajs

export class TestKafka {
  readonly #kafka: Kafka

  constructor(brokers: string) {
    this.#kafka = new kafkajs.Kafka({ clientId: 'test', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  }

  /** Creates a topic, of one partition by default; give it the test's prefix, so that it is deleted with the others. */
  createTopic(topic: string, config: Record<string, string> = {}, partitions = 1): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    return this.#asAdmin(async (admin) => {
      // kafkajs's own wait for the leaders fails where the broker does not know the topic at once.
      await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: false })
      await until(`topic ${topic}`, () =>
        admin.fetchTopicMetadata({ topics: [topic] }).then(
          () => true,
          () => false,
        ),
      )
    })
  }

  /** Deletes a topic, and waits until it is gone. */
  deleteTopic(topic: string): Promise<void> {
    return this.#asAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [topic] })
      await until(`topic ${topic} gone`, async () => !(await admin.listTopics()).includes(topic))
    })
  }

  async produce(topic: string, messages: TestRecord[]): Promise<void> {
    const producer = this.#kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
    })
    await producer.connect()
    try {
      await producer.send({ topic, messages: messages.map((message) => ({ key: null, ...message })) })
    } finally {
      await producer.disconnect()
    }
  }

  /** Everything in a topic, from the beginning to the end that it has now, in order within each partition. */
  async readAll(topic: string, group: string): Promise<Read[]> {
    const ends = await this.#asAdmin((admin) => admin.fetchTopicOffsets(topic))
    const missing = new Map(
      ends.filter((end) => Number(end.high) > Number(end.low)).map((end) => [end.partition, Number(end.high)]),
    )
    if (missing.size === 0) return []
    const reads: Read[] = []
    const consumer = this.#kafka.consumer({ groupId: group, maxWaitTimeInMs: 100, retry: { retries: 5 } })
    const done = Promise.withResolvers<void>()
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { offset, key, value, headers } of batch.messages) {
          const texts = Object.entries(headers ?? {}).map(([name, header]): [string, string] => [name, String(header)])
          for (const [name, text] of texts) if (isOurs(name)) keepText('headers', `${topic} ${offset} ${name}: ${text}`)
          // A receipt says what became of a message, never what it said.
          if (topic.endsWith('receipts')) keepText('receipts', `${topic} ${offset} ${value}`)
          reads.push({
            partition: batch.partition,
            offset: Number(offset),
            key: key?.toString() ?? null,
            value,
            headers: Object.fromEntries(texts),
          })
        }
        if (Number(batch.lastOffset()) + 1 >= (missing.get(batch.partition) ?? 0)) missing.delete(batch.partition)
        if (missing.size === 0) done.resolve()
      },
    })
    const late = setTimeout(() => done.reject(new Error(`${topic} could not be read to its end in 20 s`)), 20_000)
    try {
      await done.promise
    } finally {
      clearTimeout(late)
      await consumer.disconnect()
    }
    return reads
  }

  /** Records of a topic beyond what the group committed; Infinity where a partition with records has no commit. */
  lag(topic: string, group: string): Promise<number> {
    return this.#asAdmin(async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic)
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      let lag = 0
      for (const { partition, high } of ends) {
        const offset = Number(committed?.partitions.find((p) => p.partition === partition)?.offset ?? -1)
        lag += offset < 0 ? (Number(high) === 0 ? 0 : Number.POSITIVE_INFINITY) : Number(high) - offset
      }
      return lag
    })
  }

  async #asAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin()
    await admin.connect()
    try {
      return await work(admin)
    } finally {
      await admin.disconnect()
    }
  }
}

/** Whether a header is made by the bridge: a dead letter has those of the original too, byte for byte. */
function isOurs(header: string): boolean {
  return /^(partoo-|ce_)/.test(header)
}

/** The JSON value of a record. */
export function json(read: Read): Record<string, unknown> {
  return JSON.parse(read.value?.toString() ?? 'null') as Record<string, unknown>
}
