// Real: the publisher. Doubled: the producer, which answers what the test says. Failure: "durable" for what is not stored,
// an answer after the deadline.

import type { Published } from '@bridge/runtime/safe-producer'
import type { OutgoingRecord } from '@bridge/schemas/record'
import { expect, test } from 'vitest'
import { KafkaPublisher } from './publisher.ts'
import type { Fact } from './records.ts'

const record = (topic: string): OutgoingRecord => ({
  topic,
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: [],
  sourcePartition: 0,
})
const instead = [record('events'), record('replies-short')]
const reply: Fact = { kind: 'reply', foreign: false, record: record('replies'), whenTooLarge: () => instead }
const event: Fact = { kind: 'event', foreign: false, record: record('events'), whenTooLarge: undefined }

/** A producer that answers by topic; `never` leaves the record waiting. */
function publisherOver(answers: Record<string, Published['kind'] | 'never'>) {
  const sent: string[] = []
  const publisher = new KafkaPublisher({
    publish({ topic }) {
      sent.push(topic)
      const kind = answers[topic] ?? 'stored'
      if (kind === 'never') return new Promise(() => {})
      return Promise.resolve(kind === 'stored' ? { kind } : { kind, detail: 'as the test says' })
    },
    close: () => Promise.resolve(),
  })
  const publish = (fact: Fact, ms = 5_000) => publisher.publish(fact, performance.now() + ms)
  return { sent, publish }
}

test('stored is durable, failed is not', async () => {
  expect(await publisherOver({}).publish(reply)).toEqual({ kind: 'durable' })
  const failed = await publisherOver({ replies: 'failed' }).publish(reply)
  expect(failed).toEqual({ kind: 'not-durable', cause: 'failed', because: 'replies: as the test says' })
})

test('a reply that is too large is durable once all that stands for it is stored', async () => {
  const { sent, publish } = publisherOver({ replies: 'refused' })
  expect(await publish(reply)).toEqual({ kind: 'durable' })
  expect(sent).toEqual(['replies', 'events', 'replies-short'])
})

test.each([
  ['the original', { replies: 'refused', events: 'failed' }, 'failed', ['replies', 'events']],
  ['the rest', { replies: 'refused', 'replies-short': 'refused' }, 'refused', ['replies', 'events', 'replies-short']],
] as const)(
  'a reply that is too large and of which %s is not stored is not durable',
  async (_, answers, cause, topics) => {
    const { sent, publish } = publisherOver(answers)
    expect(await publish(reply)).toMatchObject({ kind: 'not-durable', cause })
    expect(sent).toEqual(topics)
  },
)

test('an event that the topic refuses is not durable', async () => {
  expect(await publisherOver({ events: 'refused' }).publish(event)).toMatchObject({
    kind: 'not-durable',
    cause: 'refused',
  })
})

test('a producer that does not answer is late at the deadline, and a deadline in the past is one', async () => {
  const { publish } = publisherOver({ replies: 'never' })
  const startMs = performance.now()
  expect(await publish(reply, 50)).toMatchObject({ kind: 'not-durable', cause: 'late' })
  expect(performance.now() - startMs).toBeLessThan(1_000)
  expect(await publish(reply, -1)).toMatchObject({ kind: 'not-durable', cause: 'late' })
})
