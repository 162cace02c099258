// Makes a fact durable, or says within the deadline that it is not: a pipeline for each destination, one producer and one
// spool for all. A destination that its brokers do not take (a topic that is missing, or not allowed) holds up no other.

import type { KafkaConnection } from '@bridge/runtime/kafka-variables'
import type { Log } from '@bridge/runtime/log'
import { SafeProducer } from '@bridge/runtime/safe-producer'
import { by } from './deadline.ts'
import { type Destination, destinationNames } from './destination.ts'
import { type Durability, Pipeline, type PipelineOptions } from './pipeline.ts'
import type { Fact } from './records.ts'

/** What the HTTP side needs of a publisher. */
export type Publisher = {
  /** Never rejects; answers by `byMs`. */
  publish(fact: Fact, byMs: number): Promise<Durability>
}

export type KafkaPublisherOptions = Omit<PipelineOptions, 'destination' | 'producer'> & {
  producer: Pick<SafeProducer, 'publish' | 'close'>
}

export class KafkaPublisher implements Publisher {
  readonly #producer: KafkaPublisherOptions['producer']
  readonly #pipelines: Readonly<Record<Destination, Pipeline>>

  constructor(options: KafkaPublisherOptions) {
    this.#producer = options.producer
    const pipeline = (destination: Destination) => new Pipeline({ ...options, destination })
    this.#pipelines = { replies: pipeline('replies'), receipts: pipeline('receipts'), events: pipeline('events') }
  }

  /** The destinations whose webhooks go into the spool, as Kafka does not take them or older ones still wait. */
  get spooling(): Destination[] {
    return destinationNames.filter((destination) => this.#pipelines[destination].spooling)
  }

  async publish(fact: Fact, byMs: number): Promise<Durability> {
    const { durability, withdraw } = this.#pipelines[fact.kept.destination].publish(fact)
    const outcome = await by(byMs, durability, 'late')
    if (outcome !== 'late') return outcome
    // What is on its way may be stored after the sender was told to repeat it: both copies have the same ce_id.
    withdraw()
    return { kind: 'not-durable', cause: 'late', because: 'Kafka has not answered' }
  }

  /** Ends with what is on its way to Kafka. Twice is fine. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#pipelines).map((pipeline) => pipeline.close()))
    await this.#producer.close()
  }
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
    // More than the pipelines hand over, a batch each.
    waitingMax: 10_000,
  })
}
