// Kafka as a producer sees it, and clients with the defects that kafkajs has been seen to have: one that failed, or that sends
// twice at a time, acknowledges records that it never wrote; an answer may lack a partition; what fails may be stored all the
// same. Time is turns of the event loop.

import type { Client } from '@bridge/runtime/safe-producer'
import { recordBytes } from '@bridge/schemas/record'
import type { Chance } from './chance.ts'
import { fail, SimulationFailure } from './failure.ts'

type SendBatch = Client['producer']['sendBatch']
type Answer = Awaited<ReturnType<SendBatch>>
type Messages = NonNullable<Parameters<SendBatch>[0]['topicMessages']>[number]['messages']
type Message = Messages[number]

/** Probabilities of one request; `batchBytesMax`: what a topic takes as one batch of one partition. */
export type ProducerMix = {
  partitions: number
  batchBytesMax: number
  connectFails: number
  metadataFails: number
  sendFails: number
  brokerRefuses: number
  answerLacksPartition: number
  turnsMax: number
}

/** As DESIGN.md promises for one batch. */
const partitionBytesMax = 900_000

export class ProducerKafka {
  readonly #mix: ProducerMix
  readonly #chance: Chance
  #faultsOn = true
  /** A rule that was broken in a send: thrown there it would look like a send that failed. */
  broken: SimulationFailure | undefined
  /** Values of what is stored, with the partition. */
  readonly stored = new Map<string, { topic: string; partition: number }>()
  readonly seen = { sends: 0, failures: 0, refusals: 0, lacks: 0, clients: 0 }

  constructor(mix: ProducerMix, chance: Chance) {
    this.#mix = mix
    this.#chance = chance
  }

  heal(): void {
    this.#faultsOn = false
  }

  createClient(): Client {
    this.seen.clients += 1
    const state = { sending: 0, hasFailed: false }
    return {
      connected: false,
      producer: {
        connect: () => this.#attempt(this.#mix.connectFails),
        disconnect: async () => {},
        sendBatch: (batch) => this.#sendBatch(batch, state).catch((error) => this.#keep(error)),
      },
      admin: {
        connect: () => this.#attempt(this.#mix.connectFails),
        disconnect: async () => {},
        fetchTopicMetadata: async (asked) => {
          await this.#attempt(this.#mix.metadataFails)
          const partitions = Array.from({ length: this.#mix.partitions }, (_, partitionId) => ({
            partitionErrorCode: 0,
            partitionId,
            leader: 0,
            replicas: [0],
            isr: [0],
          }))
          return { topics: (asked?.topics ?? []).map((name) => ({ name, partitions })) }
        },
      },
    }
  }

  #keep(error: unknown): never {
    if (error instanceof SimulationFailure) this.broken ??= error
    throw error
  }

  async #sendBatch(
    { topicMessages = [] }: Parameters<SendBatch>[0],
    state: { sending: number; hasFailed: boolean },
  ): Promise<Answer> {
    const chance = this.#chance
    this.seen.sends += 1
    state.sending += 1
    // Sequence numbers are given out twice: the broker takes one of the two for a repetition.
    const isFalse = state.hasFailed || state.sending > 1
    await this.#turns()
    state.sending -= 1
    const [batch] = topicMessages
    if (batch === undefined || topicMessages.length > 1) fail('contact', `${topicMessages.length} topics in one send`)
    const byPartition = Map.groupBy(batch.messages, ({ partition }) => partition)
    const isBroken = this.#happens(this.#mix.sendFails)
    const lacking = this.#happens(this.#mix.answerLacksPartition) ? chance.pick([...byPartition.keys()]) : undefined
    let refusal: string | undefined
    const answer: Answer = []
    for (const [partition, messages] of byPartition) {
      const bytes = this.#judge(messages, partition)
      const isTooLarge = bytes > this.#mix.batchBytesMax
      if (isTooLarge) refusal = 'MESSAGE_TOO_LARGE'
      else if (this.#happens(this.#mix.brokerRefuses)) refusal ??= 'NOT_LEADER_OR_FOLLOWER'
      else if (!isFalse && partition !== lacking && !(isBroken && chance.happens(0.5))) {
        for (const { value } of messages)
          this.stored.set(String(value), { topic: batch.topic, partition: partition as number })
      }
      if (partition !== lacking)
        answer.push({ topicName: batch.topic, partition: partition as number, errorCode: 0, baseOffset: '0' })
    }
    if (isBroken) {
      state.hasFailed = true
      this.seen.failures += 1
      throw new Error('connection reset')
    }
    if (refusal !== undefined) {
      this.seen.refusals += 1
      throw Object.assign(new Error(refusal), { type: refusal })
    }
    if (lacking !== undefined) this.seen.lacks += 1
    return answer
  }

  /** @returns the bytes of a batch of one partition */
  #judge(messages: readonly Message[], partition: number | undefined): number {
    if (partition === undefined || partition < 0 || partition >= this.#mix.partitions)
      fail('contact', `a record is sent to partition ${partition}`)
    const bytes = messages.reduce(
      (sum, { value }) => sum + recordBytes({ key: null, value: value as Buffer, headers: [] }),
      0,
    )
    if (messages.length > 1 && bytes > partitionBytesMax) fail('L6 bounds', `${bytes} bytes in one batch`)
    return bytes
  }

  async #attempt(failRate: number): Promise<void> {
    await this.#turns()
    if (this.#happens(failRate)) throw new Error('no connection')
  }

  #happens(rate: number): boolean {
    return this.#faultsOn && this.#chance.happens(rate)
  }

  async #turns(): Promise<void> {
    for (let left = this.#chance.int(0, this.#mix.turnsMax); left > 0; left -= 1) await turn()
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
