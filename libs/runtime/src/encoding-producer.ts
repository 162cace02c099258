// A producer in front of the safe producer, for what is published through a schema registry: it puts records of some topics into
// the wire format, and passes all others on as they are.
//
// A record cannot be written before the registry has said which id its topic's schema has. Until then it is answered `failed`, as
// for a Kafka that is away, so that nothing is lost and nothing overtakes; the registry is asked again all the while. Ids never
// change, so once known they are not asked for again.

import { setTimeout as pause } from 'node:timers/promises'
import { type Encoder, encoderOf, type PublishedContract } from '@bridge/schemas/encoding'
import type { OutgoingRecord } from '@bridge/schemas/record'
import type { LookedUp, Registered, Registry } from '@bridge/schemas/registry'
import { writeFrame } from '@bridge/schemas/wire-format'
import type { Log } from './log.ts'
import type { Output } from './output-variables.ts'
import type { Published, SafeProducer } from './safe-producer.ts'

/** What publishes records: the safe producer, or this in front of it. */
export type RecordProducer = Pick<SafeProducer, 'publish' | 'close'>

const defaultPaces = { againFirstMs: 1_000, againMaxMs: 30_000 }
const tellEveryMs = 60_000

export type EncodingProducerOptions = {
  /** Where what is encoded goes. */
  producer: RecordProducer
  registry: Pick<Registry, 'lookUp' | 'register'>
  /** By the topic's name. */
  encoders: ReadonlyMap<string, Encoder>
  /** Registers what is not registered, instead of waiting until somebody does. */
  registers: boolean
  log: Log
}

/**
 * What the output format asks for in front of a producer; null for plain JSON.
 *
 * @param contracts what is published to which topic, by its name
 */
export async function encodingProducer(
  { format, registers }: Output,
  contracts: Readonly<Record<string, PublishedContract>>,
  options: Omit<EncodingProducerOptions, 'encoders' | 'registers' | 'registry'> & { registry: Registry | null },
): Promise<EncodingProducer | null> {
  const { registry } = options
  if (format === 'json' || registry === null) return null
  const encoders = new Map<string, Encoder>()
  for (const [topic, contract] of Object.entries(contracts)) encoders.set(topic, await encoderOf(contract, format))
  return new EncodingProducer({ ...options, registry, encoders, registers })
}

type State = { kind: 'known'; id: number } | { kind: 'unknown'; because: string }

export class EncodingProducer implements RecordProducer {
  readonly #options: EncodingProducerOptions
  readonly #paces: typeof defaultPaces
  readonly #states = new Map<string, State>()
  readonly #closing = new AbortController()

  /** Begins to ask for the ids at once. @param paces a test may give shorter ones */
  constructor(options: EncodingProducerOptions, paces = defaultPaces) {
    this.#options = options
    this.#paces = paces
    for (const topic of options.encoders.keys()) {
      this.#states.set(topic, { kind: 'unknown', because: `the schema id of topic ${topic} is not known yet` })
      // A rejection is a bug: the process ends on it.
      void this.#findId(topic)
    }
  }

  /** What keeps records from being published, in words; empty where nothing does. */
  get problems(): string[] {
    return [...this.#states.values()].flatMap((state) => (state.kind === 'unknown' ? [state.because] : []))
  }

  /** As of the safe producer. Records of one topic are handed on in the order of the calls. */
  publish(record: OutgoingRecord): Promise<Published> {
    const encoder = this.#options.encoders.get(record.topic)
    const state = this.#states.get(record.topic)
    if (encoder === undefined || state === undefined || record.value === null) {
      return this.#options.producer.publish(record)
    }
    if (state.kind === 'unknown') return Promise.resolve({ kind: 'failed', detail: state.because })
    return this.#options.producer.publish({
      ...record,
      value: writeFrame(state.id, encoder.encode(record.value)),
      headers: record.headers.map(([name, value]) => [
        name,
        name === 'content-type' ? Buffer.from(encoder.contentType) : value,
      ]),
    })
  }

  /** Ends with the producer behind it. Twice is fine. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#options.producer.close()
  }

  async #findId(topic: string): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#closing
    let toldMs = Number.NEGATIVE_INFINITY
    for (let ms = this.#paces.againFirstMs; !signal.aborted; ms = Math.min(ms * 2, this.#paces.againMaxMs)) {
      const state = await this.#ask(topic)
      if (signal.aborted) return
      this.#states.set(topic, state)
      if (state.kind === 'known') {
        log.info({ topic, schemaId: state.id }, 'the schema of the topic is registered')
        return
      }
      if (performance.now() - toldMs >= tellEveryMs) {
        toldMs = performance.now()
        log.error({ topic, because: state.because }, 'nothing can be published to the topic yet')
      }
      // The only rejection is the abort, which ends the pause.
      await pause(ms, undefined, { signal }).catch(() => {})
    }
  }

  async #ask(topic: string): Promise<State> {
    const { registry, encoders, registers } = this.#options
    const schema = encoders.get(topic)?.schema
    if (schema === undefined) throw new Error(`topic ${topic} has no encoder`)
    const subject = `${topic}-value`
    const answer = registers ? await registry.register(subject, schema) : await registry.lookUp(subject, schema)
    if (answer.kind === 'registered') return { kind: 'known', id: answer.id }
    return { kind: 'unknown', because: becauseOf(answer, subject) }
  }
}

function becauseOf(answer: Exclude<LookedUp | Registered, { kind: 'registered' }>, subject: string): string {
  switch (answer.kind) {
    case 'not-registered':
      return `the schema registry does not have the schema as ${subject}: register it with \`npm run schemas -- register\``
    case 'incompatible':
      return `the schema registry refuses the schema as ${subject}, as it does not fit the one before: ${answer.because.join('; ')}`
    case 'refused':
      return `the schema registry refuses the schema as ${subject}: ${answer.because}`
    case 'unavailable':
      return `the schema registry does not tell the schema id of ${subject}: ${answer.because}`
  }
}
