// What a row of the table is: a fault, what it stands on, and what is expected of it.

import type { KafkaCluster } from '@bridge/local-kafka/kafka-cluster'
import type { Expected, Judgement } from './judgement.ts'
import type { OneBroker } from './one-broker.ts'
import type { SmallDisk } from './small-disk.ts'
import type { World, WorldOptions } from './world.ts'

/** What a row may take hold of beside its world. Asked for what the row does not stand on, it throws: a bug of the row. */
export type Stand = {
  broker(): OneBroker
  cluster(): KafkaCluster
  disk(): SmallDisk
  registryUrl(): string
}

export type Row = {
  readonly name: string
  /** What is done, in one line. */
  readonly fault: string
  /** `one`: one broker that all such rows share; `three`: a cluster; `small-disk`: one broker with little room. */
  readonly kafka: 'one' | 'three' | 'small-disk'
  /** Whether it needs a schema registry. */
  readonly registry?: boolean
  /** Whether the gateway's spool is on a small disk. */
  readonly spoolOnSmallDisk?: boolean
  /** It takes minutes; `--quick` makes it shorter. */
  readonly isLong?: boolean
  readonly world: WorldOptions | ((stand: Stand) => WorldOptions | Promise<WorldOptions>)
  readonly expected?: Expected
  run(world: World, stand: Stand, quick: boolean): Promise<void>
}

/** A row that was run. */
export type RanRow = Pick<Row, 'name' | 'fault' | 'expected'> & { tookMs: number } & (
    | { kind: 'judged'; judgement: Judgement; wrong: readonly string[]; notes: readonly string[] }
    | { kind: 'not-run'; why: string }
    | { kind: 'failed'; why: string }
  )
