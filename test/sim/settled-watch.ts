// What one replica knows to be settled, by whomever: what it settled itself, and what the commits say that it was given or
// issued, their metadata included. A record of which it knows that is not called again (L5).

import type { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Effect, Fact, PartitionCommit, PartitionName } from '@bridge/ingestor/core/facts'
import type { Position } from './group.ts'
import type { PartitionLog, World, WorldRecord } from './world.ts'

/** Records from the oldest unsettled one on: what is settled of so few always fits into a commit's metadata. */
const toldSpanMax = 1_000

export class SettledWatch {
  readonly #world: World
  readonly #dispatcher: Dispatcher
  /** Settled here or, as the commit said, before, in the assignment that goes on: of each partition. */
  readonly #settled = new Map<PartitionLog, Set<WorldRecord>>()
  /** Highest committed offset that this replica was given, per partition: all below is settled by somebody. */
  readonly #settledBelow = new Map<PartitionLog, number>()
  /** Highest offset of which this replica knows that it was committed, by anybody. */
  readonly #committedBelow = new Map<PartitionLog, number>()
  #commitUnderWay: Extract<Effect, { kind: 'commit' }> | undefined
  #generation = 0

  constructor(world: World, dispatcher: Dispatcher) {
    this.#world = world
    this.#dispatcher = dispatcher
  }

  assigned({ generation, partitions }: Extract<Fact, { kind: 'assigned' }>): void {
    this.#generation = generation
    const given = new Set(partitions.map((name) => this.#logOf(name)))
    for (const log of this.#settled.keys()) if (!given.has(log)) this.#settled.delete(log)
    // A partition that is gone may be forgotten: a regress of its commit then repeats calls, which is harmless.
    for (const log of this.#settledBelow.keys()) if (!given.has(log)) this.#settledBelow.delete(log)
  }

  /** What the commits say that this replica begins with: those records are settled, whoever did it. */
  handedOver(positions: Position[]): void {
    for (const position of positions) {
      const { offsetNext, settled } = position
      const log = this.#logOf(position)
      const known = this.#settled.get(log) ?? new Set()
      for (const record of settled) known.add(record)
      this.#settled.set(log, known)
      this.#settledBelow.set(log, Math.max(offsetNext, this.#settledBelow.get(log) ?? 0))
      this.#knowCommitted(position)
    }
  }

  /** This replica was told all that makes a record settled, while its partition was its own. */
  settled({ record }: { record: WorldRecord }): void {
    this.#settled.get(this.#logOf(record.record))?.add(record)
  }

  commits(effect: Extract<Effect, { kind: 'commit' }>): void {
    this.#commitUnderWay = effect
  }

  committed({ ok, generation }: Extract<Fact, { kind: 'committed' }>): void {
    if (!ok || generation !== this.#commitUnderWay?.generation) return
    for (const offset of this.#commitUnderWay.offsets) this.#knowCommitted(offset)
  }

  /** What a commit can be expected to say beyond its offset. */
  settledBeyond(commit: PartitionCommit): WorldRecord[] {
    const { offsetNext } = commit
    const log = this.#logOf(commit)
    const known = this.#settled.get(log)
    if (known === undefined) return []
    for (const record of known) if (record.record.offset < offsetNext) known.delete(record)
    const cursor = this.#dispatcher.cursor(this.#generation, log) ?? offsetNext
    return log.indexAt(cursor) - log.indexAt(offsetNext) < toldSpanMax ? [...known] : []
  }

  /** Whether it is settled, as far as the assignment that goes on tells. */
  isTold(record: WorldRecord): boolean {
    return this.#settled.get(this.#logOf(record.record))?.has(record) ?? false
  }

  isBelowCommitted({ record }: WorldRecord): boolean {
    return record.offset < (this.#settledBelow.get(this.#logOf(record)) ?? 0)
  }

  /** Below what was committed once a replica may forget: a late commit of another can bring the offset back. */
  mayBeForgotten({ record }: WorldRecord): boolean {
    return record.offset < (this.#committedBelow.get(this.#logOf(record)) ?? 0)
  }

  #knowCommitted(of: PartitionName & { offsetNext: number }): void {
    const log = this.#logOf(of)
    this.#committedBelow.set(log, Math.max(of.offsetNext, this.#committedBelow.get(log) ?? 0))
  }

  #logOf({ topic, partition }: PartitionName): PartitionLog {
    return this.#world.log(topic, partition)
  }
}
