// Owns a steady load: messages of many conversations in turn, so many a second, from the first wave until it is stopped. What
// it says was sent is in the topic, in that order within each conversation; through a failing Kafka a record may be there
// twice (it is sent again until it is acknowledged), never out of order: a wave is stored before the next one goes, and has
// no conversation twice.

import { setTimeout as pause } from 'node:timers/promises'
import { createLog } from '@bridge/runtime/log'
import { SafeProducer } from '@bridge/runtime/safe-producer'
import type { OutgoingRecord } from '@bridge/schemas/record'

/** The ids that were sent, by conversation, in order. */
export type Sent = ReadonlyMap<string, readonly string[]>

/** `waveMs`: between two waves, 50 by default. `encode`: what becomes of a message's JSON; it stays so by default. */
export type LoadOptions = {
  brokers: string
  topic: string
  conversations: number
  perSecond: number
  waveMs?: number
  encode?: (json: Buffer) => Buffer
}

/** Kafka may be away for so long; whatever a test does to it is over by then. */
const waveDeadlineMs = 60_000

export class Load {
  readonly #options: Required<LoadOptions>
  readonly #producer: SafeProducer
  readonly #sent = new Map<string, string[]>()
  readonly #running: Promise<void>
  #count = 0
  #burst = 0
  #startedMs = performance.now()
  #stopped = false
  #failed: Error | undefined

  /** Begins at once. At most as many messages a wave as there are conversations. */
  constructor({ waveMs = 50, encode = (json) => json, ...options }: LoadOptions) {
    if (options.perSecond * (waveMs / 1_000) > options.conversations) throw new Error('too few conversations')
    this.#options = { ...options, waveMs, encode }
    this.#producer = new SafeProducer({
      connection: { brokers: options.brokers.split(','), clientId: 'load', tls: undefined, sasl: undefined },
      log: createLog('load', 'silent'),
      connectionTimeoutMs: 1_000,
      requestTimeoutMs: 3_000,
      waitingMax: options.conversations,
    })
    this.#running = this.#run().catch((error: Error) => {
      this.#failed = error
    })
  }

  /** What was sent so far. */
  get sent(): Sent {
    return this.#sent
  }

  /** How many were sent so far. Throws where the load has failed. */
  get count(): number {
    if (this.#failed !== undefined) throw this.#failed
    return this.#count
  }

  /** For how long it has been on, in milliseconds. */
  get elapsedMs(): number {
    if (this.#failed !== undefined) throw this.#failed
    return performance.now() - this.#startedMs
  }

  /** Sends so many more, as fast as they can be stored. */
  burst(count: number): void {
    this.#burst += count
  }

  /** Sends no more, and answers what was sent once it is all stored. */
  async stop(): Promise<Sent> {
    this.#stopped = true
    await this.#running
    await this.#producer.close()
    if (this.#failed !== undefined) throw this.#failed
    return this.#sent
  }

  async #run(): Promise<void> {
    this.#startedMs = performance.now()
    let planned = 0
    while (!this.#stopped) {
      const steady = Math.floor(((performance.now() - this.#startedMs) / 1_000) * this.#options.perSecond)
      const due = steady + this.#burst
      const wave: { conversation: string; id: string }[] = []
      for (; planned < due && wave.length < this.#options.conversations; planned += 1) wave.push(this.#message(planned))
      await this.#store(wave)
      for (const { conversation, id } of wave) {
        const ids = this.#sent.get(conversation)
        if (ids === undefined) this.#sent.set(conversation, [id])
        else ids.push(id)
      }
      this.#count += wave.length
      await pause(this.#options.waveMs)
    }
  }

  async #store(wave: { conversation: string; id: string }[]): Promise<void> {
    const endMs = performance.now() + waveDeadlineMs
    let missing = wave
    while (missing.length > 0) {
      const published = await Promise.all(missing.map((one) => this.#producer.publish(this.#record(one))))
      missing = missing.filter((_, i) => published[i]?.kind !== 'stored')
      if (performance.now() > endMs) throw new Error(`the load could not be stored in ${waveDeadlineMs} ms`)
    }
  }

  #message(n: number): { conversation: string; id: string } {
    const conversation = `conversation-${n % this.#options.conversations}`
    return { conversation, id: `${conversation}/${Math.floor(n / this.#options.conversations)}` }
  }

  #record({ conversation, id }: { conversation: string; id: string }): OutgoingRecord {
    const { topic, encode } = this.#options
    const value = encode(Buffer.from(messageValue(conversation, id)))
    return { topic, key: Buffer.from(conversation), value, headers: [], sourcePartition: 0 }
  }
}

/** The value of an outbound message, in JSON; `more`: fields that are otherwise, or that are there too. */
export function messageValue(conversation: string, id: string, more: Record<string, string> = {}): string {
  return JSON.stringify({
    business_id: '42',
    external_conversation_id: conversation,
    external_message_id: id,
    content: `planted text ${id}`,
    sender_type: 'Consumer',
    ...more,
  })
}

/** `name`: how conversations' ids begin. `channel`: where they go, if they say. `businesses`: whose they are, in turns. */
export type WaitingOptions = { name?: string; channel?: string; businesses?: readonly string[] }

/** Messages of `conversations` in turn, `count` in all, as records for a topic, and what they are. */
export function waitingMessages(
  count: number,
  conversations: number,
  { name = 'conversation', channel, businesses = ['42'] }: WaitingOptions = {},
): { records: { key: string; value: string }[]; sent: Sent } {
  const sent = new Map<string, string[]>()
  const records = Array.from({ length: count }, (_, n) => {
    const conversation = `${name}-${n % conversations}`
    const id = `${conversation}/${Math.floor(n / conversations)}`
    const business = businesses[(n % conversations) % businesses.length] ?? ''
    const ids = sent.get(conversation)
    if (ids === undefined) sent.set(conversation, [id])
    else ids.push(id)
    const more = { business_id: business, ...(channel !== undefined && { channel_id: channel }) }
    return { key: conversation, value: messageValue(conversation, id, more) }
  })
  return { records, sent }
}
