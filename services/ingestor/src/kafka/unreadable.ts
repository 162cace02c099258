// Batches that cannot be read: whose they are, which partitions wait for them, and who hears of it.
//
// kafkajs tells neither topic nor partition of a batch that it cannot decompress, and one such batch would end the consumer with
// all its partitions, again and again. So it is left out (compression.ts, C4): its partition stays where it is, and is asked again
// at a pace; the others go on. Whose it is follows from the cursors: the partition that would read those offsets next. Where
// several would, all of them wait for a moment: those that can be read are past it with their next fetch, and the one that is
// found there again is told.

import type { UnreadableBatch } from '@bridge/runtime/compression'
import type { Log } from '@bridge/runtime/log'
import type { PartitionName } from '../core/facts.ts'
import { partitionKey } from '../core/partition.ts'

/** How long a partition waits until it is asked again. */
const againMs = 5_000
/** How often the same is told. */
const tellEveryMs = 60_000
/** A batch that nobody would read next is met on the way to it; after so long it is somebody's all the same. */
const strangeMsMax = 10_000

type Reading = PartitionName & { cursor: number; end: number | undefined }

export type UnreadableOptions = {
  groupId: string
  log: Log
  /** The partitions that are being read: where each goes on, and where its log ends as far as that is known. */
  reading: () => Iterable<Reading>
  /** Asks for the ends anew; may be called at any rate. */
  refreshEnds: () => void
  pause: (name: PartitionName) => void
  /** Only where nothing else holds it back. */
  resume: (name: PartitionName) => void
}

/** `because` is empty while it may still be another's batch. */
type Waiting = { because: string; cursor: number; again: NodeJS.Timeout }

export class Unreadable {
  readonly #options: UnreadableOptions
  readonly #waiting = new Map<string, Waiting>()
  /** By partition, or '' where that is not known. */
  readonly #toldMs = new Map<string, number>()
  #strange = { first: -1, sinceMs: 0 }

  constructor(options: UnreadableOptions) {
    this.#options = options
  }

  /** What cannot be read, in words; empty where all can. */
  get because(): string {
    return [...this.#waiting.values()].flatMap(({ because }) => because || []).join('; ')
  }

  /** A batch could not be read, and kafkajs leaves it out. */
  found({ codec, offsets, because }: UnreadableBatch): void {
    if (offsets === undefined) {
      this.#tell('', { codec, because })
      return
    }
    const { first, last } = offsets
    const next = [...this.#options.reading()].filter(({ cursor }) => first <= cursor && cursor <= last)
    const some = next.filter(({ cursor, end }) => end === undefined || end > cursor)
    if (some.length === 0) this.#strangeBatch(next.length > 0, first, { codec, because, offset: first })
    for (const { topic, partition, cursor } of some) {
      const key = partitionKey(topic, partition)
      const before = this.#waiting.get(key)
      clearTimeout(before?.again)
      const again = setTimeout(() => this.#options.resume({ topic, partition }), againMs)
      const waiting: Waiting = { because: '', cursor, again }
      this.#waiting.set(key, waiting)
      this.#options.pause({ topic, partition })
      if (some.length > 1 && before?.cursor !== cursor) continue
      const where = `${topic}, partition ${partition}, at offset ${cursor}`
      waiting.because = `the batch of ${where} (${codec}) cannot be read: ${because}`
      const { groupId } = this.#options
      const skip = `kafka-consumer-groups --group ${groupId} --topic ${topic}:${partition} --reset-offsets --to-offset ${last + 1} --execute --bootstrap-server <host:port>`
      const hint = `no record from this offset to ${last} can be sent. Its producer has to send them again; to go on without them, stop all replicas of the group, and then: ${skip}`
      this.#tell(key, { topic, partition, offset: cursor, codec, because, hint })
    }
  }

  /** @param isAtAnEnd somebody stands there, with nothing behind as far as is known */
  #strangeBatch(isAtAnEnd: boolean, first: number, fields: Record<string, unknown>): void {
    const nowMs = performance.now()
    if (this.#strange.first !== first) this.#strange = { first, sinceMs: nowMs }
    if (isAtAnEnd) this.#options.refreshEnds()
    if (nowMs - this.#strange.sinceMs > strangeMsMax) this.#tell('', fields)
  }

  /** A partition goes on at an offset. */
  passed(name: PartitionName, offsetNext: number): void {
    if (this.#waiting.size === 0) return
    const key = partitionKey(name.topic, name.partition)
    const waiting = this.#waiting.get(key)
    if (waiting === undefined || offsetNext <= waiting.cursor) return
    this.#forget(key, waiting)
    if (waiting.because !== '') this.#options.log.info({ ...name }, 'the partition can be read again')
  }

  /** The partitions are given out anew: what cannot be read is found again. Twice is fine. */
  clear(): void {
    for (const [key, waiting] of this.#waiting) this.#forget(key, waiting)
  }

  #forget(key: string, { again }: Waiting): void {
    clearTimeout(again)
    this.#waiting.delete(key)
  }

  #tell(key: string, fields: Record<string, unknown>): void {
    const nowMs = performance.now()
    if (nowMs - (this.#toldMs.get(key) ?? Number.NEGATIVE_INFINITY) < tellEveryMs) return
    this.#toldMs.set(key, nowMs)
    this.#options.log.error(fields, 'a batch of records cannot be read: its partition waits, the others go on')
  }
}
