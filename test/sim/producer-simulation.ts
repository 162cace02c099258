// One seed of the safe producer: records are published in heaps, from a client that fails in all the ways that are known, then
// the faults stop and what failed is published again, as the core does. What is told as stored must be stored.

import { SafeProducer } from '@bridge/runtime/safe-producer'
import type { OutgoingRecord } from '@bridge/schemas/record'
import { recordBytes } from '@bridge/schemas/record'
import { Chance } from './chance.ts'
import { fail, SimulationFailure } from './failure.ts'
import { ProducerKafka, type ProducerMix, turn } from './producer-model.ts'

/** What happened, to see that the faults really happen. */
export type ProducerSeen = ProducerKafka['seen'] & { records: number; repeats: number }

const topics = ['receipts', 'dlq']
/** Turns of the event loop until what is published is answered. */
const turnsMax = 20_000
const repeatsMax = 20
const quiet = () => {}
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet } as never

/** Runs the producer of a seed. @throws SimulationFailure naming the seed, if it does not keep its word */
export async function simulateProducer(seed: number): Promise<ProducerSeen> {
  const chance = new Chance(seed)
  try {
    return await new ProducerSimulation(chance).run()
  } catch (error) {
    const oracle = error instanceof SimulationFailure ? error.oracle : 'contact'
    const message = error instanceof SimulationFailure ? error.message : String((error as Error).stack)
    throw new SimulationFailure(oracle, `seed ${seed}: ${oracle}: producer: ${message}`)
  }
}

class ProducerSimulation {
  readonly #chance: Chance
  readonly #mix: ProducerMix
  readonly #kafka: ProducerKafka
  readonly #producer: SafeProducer
  readonly #partitionOfKey = new Map<string, number>()
  #records = 0
  #answered = 0
  #published = 0
  #repeats = 0
  #broken: unknown

  constructor(chance: Chance) {
    this.#chance = chance
    this.#mix = drawMix(chance)
    this.#kafka = new ProducerKafka(this.#mix, chance.stream())
    const connection = { brokers: ['one:9092', 'two:9092'], clientId: 'simulated', tls: undefined, sasl: undefined }
    const options = { connection, log, connectionTimeoutMs: 1_000, requestTimeoutMs: 1_000, waitingMax: 10_000 }
    this.#producer = new SafeProducer(options, () => this.#kafka.createClient())
  }

  async run(): Promise<ProducerSeen> {
    let failed = await this.#publishAll(Array.from({ length: this.#chance.int(20, 200) }, () => this.#draw()))
    this.#kafka.heal()
    for (let tries = 0; failed.length > 0; tries += 1) {
      if (tries === repeatsMax) fail('liveness', `${failed.length} records are not stored, though nothing is wrong`)
      this.#repeats += failed.length
      failed = await this.#publishAll(failed)
    }
    await this.#producer.close()
    if (this.#producer.pending !== 0) fail('L6 bounds', `${this.#producer.pending} records wait after the end`)
    if ((await this.#producer.publish(this.#draw())).kind !== 'failed') fail('contact', 'it publishes after its end')
    return { ...this.#kafka.seen, records: this.#records, repeats: this.#repeats }
  }

  /** In heaps, as they come; @returns those that were answered `failed` */
  async #publishAll(records: OutgoingRecord[]): Promise<OutgoingRecord[]> {
    const failed: OutgoingRecord[] = []
    for (const record of records) {
      this.#published += 1
      void this.#producer.publish(record).then(({ kind }) => {
        this.#answered += 1
        if (kind === 'failed') failed.push(record)
        else this.#judge(record, kind)
      })
      if (this.#chance.happens(0.2)) for (let left = this.#chance.int(1, 20); left > 0; left -= 1) await turn()
    }
    for (let turns = 0; this.#answered < this.#published; turns += 1) {
      this.#throwBroken()
      if (turns > turnsMax) fail('liveness', `${this.#published - this.#answered} records have no answer`)
      await turn()
    }
    this.#throwBroken()
    return failed
  }

  #throwBroken(): void {
    const broken = this.#broken ?? this.#kafka.broken
    if (broken !== undefined) throw broken
  }

  /** A failure in an answer is kept for whoever waits. */
  #judge(record: OutgoingRecord, kind: 'stored' | 'refused'): void {
    try {
      if (kind === 'refused') this.#judgeRefused(record)
      else this.#judgeStored(record)
    } catch (error) {
      this.#broken ??= error
    }
  }

  #judgeRefused(record: OutgoingRecord): void {
    const bytes = recordBytes({ key: null, value: record.value, headers: [] })
    if (bytes <= this.#mix.batchBytesMax) fail('answers', `a record of ${bytes} bytes is refused as too large`)
  }

  /** Laws L1 and L2: it is there, and where its key belongs. */
  #judgeStored(record: OutgoingRecord): void {
    const stored = this.#kafka.stored.get(String(record.value))
    if (stored === undefined || stored.topic !== record.topic)
      fail('L1 no loss', `a record of ${record.topic} is told to be stored, and is not there`)
    if (record.key === null) {
      if (stored.partition !== record.sourcePartition % this.#mix.partitions)
        fail('L2 order', `a record without a key goes from ${record.sourcePartition} to ${stored.partition}`)
      return
    }
    const key = String(record.key)
    const before = this.#partitionOfKey.get(key) ?? stored.partition
    if (before !== stored.partition) fail('L2 order', `one key goes to ${before} and ${stored.partition}`)
    this.#partitionOfKey.set(key, before)
  }

  #draw(): OutgoingRecord {
    const chance = this.#chance
    this.#records += 1
    const padding = chance.happens(0.05) ? this.#mix.batchBytesMax : chance.int(0, 200)
    return {
      topic: chance.pick(topics),
      key: chance.happens(0.7) ? Buffer.from(`key ${chance.int(0, 9)}`) : null,
      value: Buffer.from(`${this.#records} ${'x'.repeat(padding)}`),
      headers: [],
      sourcePartition: chance.int(0, 7),
    }
  }
}

function drawMix(chance: Chance): ProducerMix {
  const maybe = (rate: number) => (chance.happens(0.5) ? rate : 0)
  return {
    partitions: chance.pick([1, 2, 6]),
    batchBytesMax: chance.pick([1_000, 1_000_000]),
    connectFails: maybe(0.2),
    metadataFails: maybe(0.2),
    sendFails: maybe(chance.pick([0.1, 0.5])),
    brokerRefuses: maybe(0.1),
    answerLacksPartition: maybe(0.2),
    turnsMax: chance.pick([0, 3, 20]),
  }
}
