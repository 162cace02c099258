// Real: the publisher and its pipelines, without a spool. Doubled: the producer, which answers what the test says. Failure:
// "durable" for what is not stored, an answer after the deadline, a destination that holds up another.

import { createLog } from '@bridge/runtime/log'
import type { Published } from '@bridge/runtime/safe-producer'
import { expect, test } from 'vitest'
import { type EventFields, messageEvent } from '../../../test/support/webhooks.ts'
import { KafkaPublisher } from './publisher.ts'
import { type Fact, toFact } from './records.ts'
import { Verified } from './verify.ts'

const options = {
  orgIds: new Set(['42']),
  topics: { replies: 'replies', receipts: 'receipts', events: 'events' },
}

function factOf(fields: EventFields = {}): Fact {
  const verified = Verified.fromSpool(Buffer.from(JSON.stringify(messageEvent(fields))))
  return toFact(verified, { tryout: false, traceparent: undefined, receivedAt: '2026-11-22T12:00:00.000Z' }, options)
}

const reply = factOf()
const event = factOf({ type: 'lead_received' })

/** A producer that answers by topic, and for a reply without its original as `short`; `never` leaves the record waiting. */
function publisherOver(answers: Record<string, Published['kind'] | 'never'>) {
  const sent: string[] = []
  const publisher = new KafkaPublisher({
    producer: {
      publish({ topic, headers }) {
        const name = headers.some(([header]) => header === 'partoo-event-omitted') ? 'short' : topic
        sent.push(name)
        const kind = answers[name] ?? 'stored'
        if (kind === 'never') return new Promise(() => {})
        return Promise.resolve(kind === 'stored' ? { kind } : { kind, detail: 'as the test says' })
      },
      close: () => Promise.resolve(),
    },
    spool: undefined,
    remake: () => reply,
    patienceMs: 1_000,
    log: createLog('test', 'silent'),
    quarantined: () => {},
  })
  const publish = (fact: Fact, ms = 5_000) => publisher.publish(fact, performance.now() + ms)
  return { sent, publish, publisher }
}

test('stored is durable, failed is not', async () => {
  expect(await publisherOver({}).publish(reply)).toEqual({ kind: 'durable', by: 'kafka' })
  const failed = await publisherOver({ replies: 'failed' }).publish(reply)
  expect(failed).toEqual({ kind: 'not-durable', cause: 'failed', because: 'as the test says' })
})

test('a reply that is too large is durable once all that stands for it is stored', async () => {
  const { sent, publish } = publisherOver({ replies: 'refused' })
  expect(await publish(reply)).toEqual({ kind: 'durable', by: 'kafka' })
  expect(sent).toEqual(['replies', 'events', 'short'])
})

test.each([
  ['the original', { replies: 'refused', events: 'failed' }, 'failed', ['replies', 'events']],
  ['the rest', { replies: 'refused', short: 'refused' }, 'refused', ['replies', 'events', 'short']],
] as const)(
  'a reply that is too large and of which %s is not stored is not durable',
  async (_, answers, cause, names) => {
    const { sent, publish } = publisherOver(answers)
    expect(await publish(reply)).toMatchObject({ kind: 'not-durable', cause })
    expect(sent).toEqual(names)
  },
)

test('an event that the topic refuses is not durable', async () => {
  expect(await publisherOver({ events: 'refused' }).publish(event)).toMatchObject({
    kind: 'not-durable',
    cause: 'refused',
  })
})

test('a destination that does not answer is late at the deadline, and holds up no other', async () => {
  const { publish } = publisherOver({ replies: 'never' })
  const startMs = performance.now()
  const late = publish(reply, 50)
  expect(await publish(event)).toEqual({ kind: 'durable', by: 'kafka' })
  expect(await late).toMatchObject({ kind: 'not-durable', cause: 'late' })
  expect(performance.now() - startMs).toBeLessThan(1_000)
  expect(await publish(reply, -1)).toMatchObject({ kind: 'not-durable', cause: 'late' })
})

test('what was told to be repeated before it was sent is not sent any more', async () => {
  const { sent, publish } = publisherOver({ replies: 'never' })
  await Promise.all([publish(reply, 50), publish(factOf({ message: { content: 'another' } }), 20)])
  await publish(factOf({ message: { content: 'a third' } }), 20)
  expect(sent).toEqual(['replies', 'replies'])
})

test('closed, nothing is durable any more', async () => {
  const { publish, publisher } = publisherOver({})
  await publisher.close()
  await publisher.close()
  expect(await publish(reply)).toMatchObject({ kind: 'not-durable', because: 'the gateway is stopping' })
})
