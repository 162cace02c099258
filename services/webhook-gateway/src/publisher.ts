// Makes a fact durable, or says within the deadline that it is not. The seam between the HTTP side, which only needs to
// know whether it may answer 200, and what holds the facts: today Kafka's acknowledgement alone.

import type { KafkaConnection } from '@bridge/runtime/kafka'
import type { Log } from '@bridge/runtime/log'
import { type Published, SafeProducer } from '@bridge/runtime/safe-producer'
import type { OutgoingRecord } from '@bridge/schemas/record'
import { by } from './deadline.ts'
import type { Fact } from './records.ts'

/** `refused`: the topic does not take the record at any time. `failed`: it may or may not be stored; repeat it. */
export type Durability =
  | { kind: 'durable' }
  | { kind: 'not-durable'; cause: 'refused' | 'failed' | 'late'; because: string }

/** What the HTTP side needs of a publisher. */
export type Publisher = {
  /** Never rejects; answers by `byMs`. */
  publish(fact: Fact, byMs: number): Promise<Durability>
  close(): Promise<void>
}

/** Records that may wait for Kafka; one more is answered 503. */
const waitingRecordsMax = 10_000

export class KafkaPublisher implements Publisher {
  readonly #producer: Pick<SafeProducer, 'publish' | 'close'>

  constructor(producer: Pick<SafeProducer, 'publish' | 'close'>) {
    this.#producer = producer
  }

  async publish(fact: Fact, byMs: number): Promise<Durability> {
    // A send that is late goes on and may be stored after the sender was told to repeat: both copies have the same ce_id.
    return by(byMs, this.#store(fact), { kind: 'not-durable', cause: 'late', because: 'Kafka has not answered' })
  }

  async #store(fact: Fact): Promise<Durability> {
    const published = await this.#producer.publish(fact.record)
    if (published.kind !== 'refused' || fact.whenTooLarge === undefined) return toDurability(fact.record, published)
    for (const record of fact.whenTooLarge()) {
      const durability = toDurability(record, await this.#producer.publish(record))
      if (durability.kind !== 'durable') return durability
    }
    return { kind: 'durable' }
  }

  /** Waits for what is under way. Twice is fine. */
  close(): Promise<void> {
    return this.#producer.close()
  }
}

function toDurability(record: OutgoingRecord, published: Published): Durability {
  if (published.kind === 'stored') return { kind: 'durable' }
  return { kind: 'not-durable', cause: published.kind, because: `${record.topic}: ${published.detail}` }
}

/**
 * A producer whose sends end by themselves inside the deadline: a fifth of it for a connection and twice three tenths for
 * requests, which is four fifths.
 */
export function gatewayProducer(connection: KafkaConnection, log: Log, deadlineMs: number): SafeProducer {
  return new SafeProducer({
    connection,
    log,
    connectionTimeoutMs: Math.floor(deadlineMs / 5),
    requestTimeoutMs: Math.floor((deadlineMs * 3) / 10),
    waitingMax: waitingRecordsMax,
  })
}
