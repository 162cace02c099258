// Real: the pipeline. Doubled: Kafka and the spool, by models that fail as a seed says, lose answers, and outlive the crash of a
// gateway; a gateway that crashes is a pipeline that is left behind. Failure: an event that was acknowledged and is not in
// Kafka in the end, one that overtakes an earlier one, more copies than a crash explains, an answer that never comes.

import { setImmediate as turn } from 'node:timers/promises'
import { createLog } from '@bridge/runtime/log'
import type { Published } from '@bridge/runtime/safe-producer'
import type { OutgoingRecord } from '@bridge/schemas/record'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { messageEvent } from '../../../test/support/webhooks.ts'
import { type Durability, Pipeline, type PipelineOptions } from './pipeline.ts'
import { type Fact, toFact } from './records.ts'
import type { Appended, Kept, KeptRow, Spool } from './spool.ts'
import { Verified } from './verify.ts'

const topics = { replies: 'replies', receipts: 'receipts', events: 'events' }
const log = createLog('test', 'silent')

function fact(id: number | string): Fact {
  const body = Buffer.from(JSON.stringify(messageEvent({ message: { content: String(id) } })))
  const delivery = { tryout: false, traceparent: undefined, receivedAt: '2026-11-22T12:00:00.000Z' }
  return toFact(Verified.fromSpool(body), delivery, { orgIds: new Set(['42']), topics })
}

const idOf = (record: OutgoingRecord) => String((JSON.parse(String(record.value)) as { content: string }).content)
const hasEvent = (record: OutgoingRecord) => (JSON.parse(String(record.value)) as { event: unknown }).event !== null
const remake = (kept: Kept) => toFact(Verified.fromSpool(kept.body), kept, { orgIds: new Set(['42']), topics })

/** What a topic does with a send. `leavesOut`: of two partitions, the one whose records are neither stored nor answered. */
type Next = { stores: boolean; answers: boolean; turns: number; leavesOut?: 0 | 1 | undefined }

const partitionOf = (id: string): number => Number(id.at(-1)) % 2

/** A topic: what is in it, and what it does with the next sends. All records of one turn are one send, as of the producer. */
class Topic {
  readonly ids: string[] = []
  refuses: (record: OutgoingRecord) => boolean = () => false
  next: () => Next = () => ({ stores: true, answers: true, turns: 1 })
  #send: { records: OutgoingRecord[]; results: Promise<Published[]> } | undefined

  publish(record: OutgoingRecord): Promise<Published> {
    if (this.#send === undefined) {
      const records: OutgoingRecord[] = []
      this.#send = { records, results: this.#end(records) }
    }
    const { records, results } = this.#send
    const place = records.push(record) - 1
    return results.then((all) => all[place] ?? { kind: 'failed', detail: 'no answer' })
  }

  async #end(records: OutgoingRecord[]): Promise<Published[]> {
    await turn()
    this.#send = undefined
    const { stores, answers, turns, leavesOut } = this.next()
    for (let i = 0; i < turns; i += 1) await turn()
    return records.map((record) => {
      if (record.topic !== topics.replies) return { kind: 'stored' }
      if (this.refuses(record)) return { kind: 'refused', detail: 'too large' }
      const isStored = stores && partitionOf(idOf(record)) !== leavesOut
      if (isStored) this.ids.push(idOf(record))
      return isStored && answers ? { kind: 'stored' } : { kind: 'failed', detail: 'as the seed says' }
    })
  }
}

/** What is on the disk outlives a gateway. */
class Disk {
  rows: (Kept & { id: number })[] = []
  quarantine: Kept[] = []
  #lastId = 0
  /** Appends are done in order, others may overtake them. */
  #lastAppend: Promise<unknown> = Promise.resolve()
  appendTurns: () => number = () => 1
  takes: () => Appended['kind'] = () => 'kept'
  removes: () => boolean = () => true

  /** A crash ends the wait for what the crashed one had asked. */
  crash: () => void = () => {}
  crashed: Promise<void> = Promise.resolve()

  /** The spool of one gateway: it answers nothing any more once that has crashed. */
  open(alive: () => boolean): Spool {
    this.crash()
    this.#lastAppend = Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.crashed = promise
    this.crash = resolve
    const answer = async <T>(act: () => T): Promise<T> => {
      await turn()
      if (!alive()) return new Promise<T>(() => {})
      const result = act()
      await turn()
      return alive() ? result : new Promise<T>(() => {})
    }
    const add = (rows: Kept[], kept: Kept): Appended => {
      const kind = this.takes()
      if (kind === 'full') return { kind }
      if (kind === 'failed') return { kind, because: 'as the seed says' }
      this.#lastId += 1
      rows.push({ ...kept, id: this.#lastId } as Kept)
      return { kind: 'kept', id: this.#lastId }
    }
    return {
      waiting: () => this.rows.length,
      append: (kept: Kept) => {
        const before = this.#lastAppend
        const appended = (async () => {
          await before
          for (let turns = this.appendTurns(); turns > 0; turns -= 1) await turn()
          return answer(() => add(this.rows, kept))
        })()
        this.#lastAppend = alive() ? Promise.race([appended, this.crashed]) : before
        return appended
      },
      appendToQuarantine: (kept: Kept) => answer(() => add(this.quarantine, kept)),
      read: (_: string, afterId: number) =>
        answer(() =>
          this.rows
            .filter(({ id }) => id > afterId)
            .slice(0, 3)
            .map((row): KeptRow => ({ ...row, isWhole: true })),
        ),
      removeTo: (_: string, to: number) =>
        answer(() => {
          if (!this.removes()) return false
          this.rows = this.rows.filter(({ id }) => id > to)
          return true
        }),
      quarantine: (id: number) =>
        answer(() => {
          this.quarantine.push(...this.rows.filter((row) => row.id === id))
          this.rows = this.rows.filter((row) => row.id !== id)
          return true
        }),
    } as unknown as Spool
  }
}

function open(
  topic: Topic,
  disk: Disk | undefined,
  { alive = (): boolean => true, patienceMs = 60_000 } = {},
): Pipeline {
  const options: PipelineOptions = {
    destination: 'replies',
    producer: { publish: (record) => (alive() ? topic.publish(record) : new Promise(() => {})) },
    spool: disk?.open(alive),
    remake,
    patienceMs,
    log,
    quarantined: () => {},
  }
  return new Pipeline(options, { drainRestMs: 0, retryFirstMs: 1, retryMaxMs: 2, removeAgainMs: 1 })
}

const publish = (pipeline: Pipeline, id: number | string): Promise<Durability> => pipeline.publish(fact(id)).durability

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`)
    await turn()
  }
}

test('live: what arrives together is one batch, in order, and durable once it is stored', async () => {
  const topic = new Topic()
  const pipeline = open(topic, undefined)
  const all = await Promise.all([1, 2, 3].map((id) => publish(pipeline, id)))
  expect(all).toEqual(Array(3).fill({ kind: 'durable', by: 'kafka' }))
  expect(topic.ids).toEqual(['1', '2', '3'])
  await pipeline.close()
})

test('without a spool a batch that fails is not durable, and the next one is tried', async () => {
  const topic = new Topic()
  const pipeline = open(topic, undefined)
  topic.next = () => ({ stores: false, answers: true, turns: 1 })
  expect(await publish(pipeline, 1)).toMatchObject({ kind: 'not-durable', cause: 'failed' })
  topic.next = () => ({ stores: true, answers: true, turns: 1 })
  expect(await publish(pipeline, 2)).toEqual({ kind: 'durable', by: 'kafka' })
  await pipeline.close()
})

test('a batch that fails goes into the spool, and all that follows, until it is published; then it is live again', async () => {
  const topic = new Topic()
  const disk = new Disk()
  const pipeline = open(topic, disk)
  topic.next = () => ({ stores: false, answers: true, turns: 1 })
  expect(await publish(pipeline, 1)).toEqual({ kind: 'durable', by: 'spool' })
  expect(await publish(pipeline, 2)).toEqual({ kind: 'durable', by: 'spool' })
  expect(pipeline.spooling).toBe(true)
  topic.next = () => ({ stores: true, answers: true, turns: 1 })
  await until('live', () => !pipeline.spooling)
  expect(await publish(pipeline, 3)).toEqual({ kind: 'durable', by: 'kafka' })
  expect(topic.ids).toEqual(['1', '2', '3'])
  expect(disk.rows).toEqual([])
  await pipeline.close()
})

test('Kafka that does not answer: the spool takes what waits after the patience, and none of it is published twice', async () => {
  const topic = new Topic()
  const disk = new Disk()
  const pipeline = open(topic, disk, { patienceMs: 20 })
  let isFrozen = true
  const frozen = topic.publish.bind(topic)
  topic.publish = async (record) => {
    await until('thawed', () => !isFrozen)
    return frozen(record)
  }
  const first = publish(pipeline, 1)
  expect(await first).toEqual({ kind: 'durable', by: 'spool' })
  expect(await publish(pipeline, 2)).toEqual({ kind: 'durable', by: 'spool' })
  isFrozen = false
  await until('live', () => !pipeline.spooling)
  expect(topic.ids).toEqual(['1', '2'])
  expect(disk.rows).toEqual([])
  await pipeline.close()
})

test('what the topic refuses is in quarantine, and holds up nothing; without a spool it is refused', async () => {
  const topic = new Topic()
  const disk = new Disk()
  const pipeline = open(topic, disk)
  topic.refuses = (record) => idOf(record) === '2'
  const outcomes = await Promise.all([1, 2, 3].map((id) => publish(pipeline, id)))
  expect(outcomes.map(({ kind }) => kind)).toEqual(['durable', 'durable', 'durable'])
  expect(topic.ids).toEqual(['1', '3'])
  expect(disk.quarantine).toHaveLength(1)
  await pipeline.close()
  expect(await publish(open(topic, undefined), 2)).toMatchObject({ kind: 'not-durable', cause: 'refused' })
})

test('a reply that is too large with its event: what stands for it is not overtaken, live or from the spool', async () => {
  const topic = new Topic()
  const disk = new Disk()
  const pipeline = open(topic, disk)
  const large = 'x'.repeat(20_000)
  topic.refuses = (record) => hasEvent(record) && idOf(record).length > 20_000
  const send = (from: number) =>
    Promise.all([`${from}`, `${large}${from + 1}`, `${from + 2}`].map((id) => publish(pipeline, id)))
  await send(1)
  topic.next = () => ({ stores: false, answers: true, turns: 1 })
  await send(4)
  topic.next = () => ({ stores: true, answers: true, turns: 1 })
  await until('live', () => !pipeline.spooling)
  expect(topic.ids.map((id) => id.at(-1))).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(disk.quarantine).toEqual([])
  await pipeline.close()
})

test('a full disk: live again once all is published, though nothing can be removed; removed when there is room', async () => {
  const topic = new Topic()
  const disk = new Disk()
  const pipeline = open(topic, disk)
  topic.next = () => ({ stores: false, answers: true, turns: 1 })
  expect(await publish(pipeline, 1)).toEqual({ kind: 'durable', by: 'spool' })
  disk.takes = () => 'full'
  disk.removes = () => false
  expect(await publish(pipeline, 2)).toMatchObject({ kind: 'not-durable', cause: 'no-room' })
  topic.next = () => ({ stores: true, answers: true, turns: 1 })
  await until('live', () => !pipeline.spooling)
  expect(await publish(pipeline, 3)).toEqual({ kind: 'durable', by: 'kafka' })
  expect(topic.ids).toEqual(['1', '3'])
  disk.removes = () => true
  await pipeline.close()
  expect(disk.rows).toEqual([])
})

const faults = fc.record({
  seed: fc.integer(),
  storesShare: fc.double({ min: 0, max: 1, noNaN: true }),
  answersShare: fc.double({ min: 0, max: 1, noNaN: true }),
  fullShare: fc.double({ min: 0, max: 0.5, noNaN: true }),
  leftOutShare: fc.constantFrom(0, 0.3),
  refusedShare: fc.constantFrom(0, 0.2),
  withdrawnShare: fc.constantFrom(0, 0.2),
  crashes: fc.integer({ min: 0, max: 3 }),
  events: fc.integer({ min: 1, max: 40 }),
  patienceMs: fc.constantFrom(1, 60_000),
})

test('whatever fails: what is acknowledged is in Kafka, first copies in the order of acceptance', async () => {
  await fc.assert(
    fc.asyncProperty(faults, async (drawn) => {
      const { seed, storesShare, answersShare, fullShare, leftOutShare, refusedShare, withdrawnShare } = drawn
      const { crashes, events, patienceMs } = drawn
      const random = seeded(seed)
      const topic = new Topic()
      const disk = new Disk()
      let failing = true
      topic.next = () => ({
        stores: !failing || random() < storesShare,
        answers: !failing || random() < answersShare,
        turns: Math.floor(random() * 6),
        leavesOut: failing && random() < leftOutShare ? (random() < 0.5 ? 0 : 1) : undefined,
      })
      const refused = new Set(Array.from({ length: events }, (_, id) => id).filter(() => random() < refusedShare))
      topic.refuses = (record) => refused.has(Number(idOf(record)))
      disk.takes = () => (failing && random() < fullShare ? (random() < 0.5 ? 'full' : 'failed') : 'kept')
      disk.removes = () => !failing || random() < 0.7
      disk.appendTurns = () => Math.floor(random() * 8)
      const accepted: number[] = []
      let current = begin()
      function begin() {
        const life: { isAlive: boolean } = { isAlive: true }
        return { life, pipeline: open(topic, disk, { alive: () => life.isAlive, patienceMs }) }
      }
      for (let id = 0; id < events; id += 1) {
        const { life, pipeline } = current
        const { durability, withdraw } = pipeline.publish(fact(id))
        let isWithdrawn = false
        void durability.then(({ kind }) => {
          if (kind === 'durable' && life.isAlive && !isWithdrawn) accepted.push(id)
        })
        if (random() < withdrawnShare) {
          void turn().then(() => {
            isWithdrawn = true
            withdraw()
          })
        }
        for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await turn()
        if (random() < crashes / events) {
          current.life.isAlive = false
          current = begin()
        }
      }
      failing = false
      const { pipeline } = current
      const last = await publish(pipeline, events)
      expect(last.kind).toBe('durable')
      await until('live', () => !pipeline.spooling)
      await pipeline.close()
      const firsts = [...new Set(topic.ids.map(Number))]
      const order = firsts.filter((id) => accepted.includes(id))
      const quarantined = disk.quarantine.map((kept) => Number(idOf(remake(kept).record)))
      expect(quarantined.every((id) => refused.has(id))).toBe(true)
      expect(new Set([...order, ...quarantined.filter((id) => accepted.includes(id))])).toEqual(new Set(accepted))
      for (const partition of [0, 1]) {
        const ofPartition = order.filter((id) => id % 2 === partition)
        expect(ofPartition).toEqual(ofPartition.toSorted((a, b) => a - b))
      }
    }),
    { numRuns: 300 },
  )
}, 60_000)

function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
