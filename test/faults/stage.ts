// Owns what rows stand on: the brokers, the schema registry and the disks, each brought up for the first row that needs it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KafkaCluster } from '@bridge/local-kafka/kafka-cluster'
import { localFolder } from '@bridge/local-kafka/maven'
import { bringUpRegistry } from '@bridge/local-registry/local-registry'
import { errorLine } from '@bridge/runtime/log'
import { judge } from './judgement.ts'
import { OneBroker } from './one-broker.ts'
import type { RanRow, Row, Stand } from './row.ts'
import { SmallDisk } from './small-disk.ts'
import { World } from './world.ts'

/** Room of the broker with a small disk, and what it keeps in one file. */
const brokerDiskMegabytes = 160
const smallBrokerSettings = { 'log.segment.bytes': '1048576', 'log.index.size.max.bytes': '65536' }
const spoolDiskMegabytes = 3

/** Kept alive from row to row: starting one takes seconds. */
type Shared = { broker: OneBroker | undefined; registry: { url: string; stop: () => Promise<void> } | undefined }

export type StageParts = {
  signal: AbortSignal
  progress: (text: string) => void
  quick: boolean
  keepsOutputs: boolean
}

export class Stage {
  readonly #shared: Shared = { broker: undefined, registry: undefined }
  readonly #parts: StageParts
  /** Of the row that runs: closed last to first. */
  readonly #opened: (() => Promise<unknown> | unknown)[] = []

  constructor(parts: StageParts) {
    this.#parts = parts
  }

  /** Runs a row from the bottom up, and leaves nothing of it. */
  async run(row: Row): Promise<RanRow> {
    const startMs = performance.now()
    const { name, fault, expected } = row
    const told = { name, fault, ...(expected !== undefined && { expected }) }
    const took = () => ({ tookMs: performance.now() - startMs })
    const { signal } = this.#parts
    let world: World | undefined
    try {
      this.#parts.progress('bringing up what it stands on')
      const stand = await this.#stand(row)
      if (stand.kind === 'missing') return { ...told, ...took(), kind: 'not-run', why: stand.why }
      const given = typeof row.world === 'function' ? await row.world(stand.stand) : row.world
      const ground = { brokers: stand.brokers, signal, progress: this.#parts.progress }
      world = await World.start(ground, given, (one) => this.#opened.push(() => one.close()))
      await world.warmUp()
      await row.run(world, stand.stand, this.#parts.quick)
      await world.heal()
      const judgement = await judge(world, expected)
      signal.throwIfAborted()
      const { wrong, notes } = world
      return { ...told, ...took(), kind: 'judged', judgement, wrong, notes }
    } catch (error) {
      return { ...told, ...took(), kind: 'failed', why: errorLine(error) }
    } finally {
      if (world !== undefined && this.#parts.keepsOutputs) keepOutputs(name, world)
      await this.#closeRow()
    }
  }

  /** Ends everything. Twice is fine. */
  async close(): Promise<void> {
    await this.#closeRow()
    await this.#shared.broker?.stop()
    await this.#shared.registry?.stop()
    this.#shared.broker = undefined
    this.#shared.registry = undefined
  }

  async #closeRow(): Promise<void> {
    for (let close = this.#opened.pop(); close !== undefined; close = this.#opened.pop()) {
      try {
        await close()
      } catch {
        // What is not closed in order ends with this process.
      }
    }
  }

  async #stand(row: Row): Promise<{ kind: 'up'; stand: Stand; brokers: string } | { kind: 'missing'; why: string }> {
    let disk: SmallDisk | undefined
    if (row.kafka === 'small-disk' || row.spoolOnSmallDisk === true) {
      try {
        disk = SmallDisk.mount(row.kafka === 'small-disk' ? brokerDiskMegabytes : spoolDiskMegabytes)
      } catch (error) {
        return { kind: 'missing', why: errorLine(error) }
      }
      const mounted = disk
      this.#opened.push(() => mounted.unmount())
    }
    if (row.registry === true) {
      const why = await this.#bringUpRegistry()
      if (why !== undefined) return { kind: 'missing', why }
    }
    let broker: OneBroker | undefined
    let cluster: KafkaCluster | undefined
    if (row.kafka === 'three') {
      const started = await KafkaCluster.start('kafka-faults')
      if (started.kind === 'unavailable') return { kind: 'missing', why: started.why }
      cluster = started.cluster
      const up = cluster
      this.#opened.push(() => up.stop())
    } else {
      broker = await this.#broker(row, disk)
    }
    const brokers = cluster?.brokers ?? broker?.address ?? ''
    const stand: Stand = {
      broker: () => broker ?? misuse(row, 'broker'),
      cluster: () => cluster ?? misuse(row, 'cluster'),
      disk: () => disk ?? misuse(row, 'disk'),
      registryUrl: () => this.#shared.registry?.url ?? misuse(row, 'registry'),
    }
    return { kind: 'up', stand, brokers }
  }

  async #broker(row: Row, disk: SmallDisk | undefined): Promise<OneBroker> {
    const { signal } = this.#parts
    if (row.kafka === 'small-disk' && disk !== undefined) {
      const settings = smallBrokerSettings
      const small = await OneBroker.start({ name: 'kafka-faults-small', folder: disk.folder, settings, signal })
      this.#opened.push(() => small.stop())
      return small
    }
    this.#shared.broker ??= await OneBroker.start({ name: 'kafka-faults', signal })
    return this.#shared.broker
  }

  /** @returns why there is none */
  async #bringUpRegistry(): Promise<string | undefined> {
    if (this.#shared.registry !== undefined) return undefined
    const brought = await bringUpRegistry(process.env, this.#parts.progress)
    if (brought.kind === 'unavailable') return brought.reason
    this.#shared.registry = brought.registry
    return undefined
  }
}

function misuse(row: Row, what: string): never {
  throw new Error(`the row ${row.name} stands on no ${what}`)
}

function keepOutputs(row: string, world: World): void {
  const folder = join(localFolder, 'faults')
  mkdirSync(folder, { recursive: true })
  const { fleet } = world
  for (const [i, replica] of fleet.started.entries())
    writeFileSync(join(folder, `${row}-ingestor-${i + 1}.txt`), replica.output)
  for (const [i, gateway] of world.gateways.entries())
    writeFileSync(join(folder, `${row}-gateway-${i + 1}.txt`), gateway.output)
}
