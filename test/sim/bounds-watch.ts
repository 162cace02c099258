// Law L6 for one replica: what it holds is bounded, each partition has its part of it, and none that could be read is held
// back for another one's sake (L3). Judged by what the core says of itself, and by what it was given.

import type { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Effect, Fact } from '@bridge/ingestor/core/facts'
import { recordBytes } from '@bridge/schemas/record'
import { fail, type OracleName } from './failure.ts'
import type { Mix } from './mix.ts'
import type { PartitionLog, World } from './world.ts'

/** Wakes that lead to nothing, in one virtual second: more is a storm. */
const idleWakesMax = 20

export class BoundsWatch {
  readonly #name: string
  readonly #mix: Mix
  readonly #world: World
  readonly #dispatcher: Dispatcher
  readonly #isPaused: (log: PartitionLog) => boolean
  #idleWakes = 0
  #idleSecond = 0

  constructor(name: string, mix: Mix, world: World, dispatcher: Dispatcher, isPaused: (log: PartitionLog) => boolean) {
    this.#name = name
    this.#mix = mix
    this.#world = world
    this.#dispatcher = dispatcher
    this.#isPaused = isPaused
  }

  /** @param inFlight calls under way by the witness's own count */
  handled(fact: Fact, effects: Effect[], inFlight: number, nowMs: number): void {
    if (fact.kind === 'woke') this.#judgeWake(effects, nowMs)
    if (fact.kind === 'admitted') this.#judgeAdmission(fact, effects, inFlight, nowMs)
  }

  /** Every partition is held back only for its own sake. @param owned the partitions of the last assignment */
  judgeRest(owned: ReadonlySet<PartitionLog>, nowMs: number): void {
    const { spanMax } = this.#mix.core
    for (const { topic, partition, held, settledBeyond, paused } of this.#dispatcher.view(nowMs).partitions) {
      const log = this.#world.log(topic, partition)
      if (!owned.has(log)) this.#fail('L4 limit', `${log.name} counts as its own, and is another's`)
      if (paused !== this.#isPaused(log))
        this.#fail('contact', `${log.name} is ${paused ? '' : 'not '}paused for the core, otherwise for the consumer`)
      if (paused && held === 0 && settledBeyond < Math.floor(spanMax / 2))
        this.#fail('L3 isolation', `${log.name} is paused, though nothing of it is held`)
    }
  }

  #fail(oracle: OracleName, message: string): never {
    fail(oracle, `${this.#name}: ${message}`)
  }

  #judgeAdmission(
    { topic, partition }: Extract<Fact, { kind: 'admitted' }>,
    effects: Effect[],
    inFlight: number,
    nowMs: number,
  ): void {
    const { core } = this.#mix
    const view = this.#dispatcher.view(nowMs)
    if (view.inFlight !== inFlight) this.#fail('contact', `view says ${view.inFlight} in flight, there are ${inFlight}`)
    if (view.rememberedIds > core.rememberedIdsMax) this.#fail('L6 bounds', `${view.rememberedIds} ids remembered`)
    const taken = effects.flatMap((effect) => (effect.kind === 'decode' ? effect.records : []))
    const isFull = view.admitted > core.admittedMax || view.admittedBytes > core.admittedBytesMax
    for (const state of view.partitions) {
      const { cursor, watermark, held } = state
      const log = this.#world.log(state.topic, state.partition)
      if (state.topic === topic && state.partition === partition && isFull && taken.length > 0 && held > 1) {
        const bytes = taken.reduce((sum, { record }) => sum + recordBytes(record), 0)
        const what = `${taken.length} records of ${bytes} bytes of ${log.name} taken: ${held} of it are held`
        this.#fail('L6 bounds', `${what}, ${view.admitted} of ${view.admittedBytes} bytes of all`)
      }
      const span = log.indexAt(cursor) - log.indexAt(watermark)
      if (span > core.spanMax) this.#fail('L6 bounds', `${log.name}: ${span} records from the oldest unsettled one`)
      if (cursor < watermark)
        this.#fail('contact', `${log.name}: reading at ${cursor}, below the watermark ${watermark}`)
    }
  }

  #judgeWake(effects: Effect[], nowMs: number): void {
    if (effects.some(({ kind }) => kind !== 'wake')) return
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#idleSecond) this.#idleWakes = 0
    this.#idleSecond = second
    this.#idleWakes += 1
    if (this.#idleWakes > idleWakesMax)
      this.#fail('liveness', `woken ${this.#idleWakes} times within a second, for nothing`)
  }
}
