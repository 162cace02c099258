// What a benchmark is: a named suite of rows, and what its rows share beside the stage that every row has.

import type { Opened } from '@bridge/start/ending'
import type { Terminal } from '@bridge/start/terminal'
import type { RowResult } from './figures.ts'
import type { Stage } from './stage.ts'

/** A row of a suite, on the stage that the suite's rows have. */
export type Row<OwnStage extends Stage> = {
  readonly name: string
  /** What is done, in one line. */
  readonly work: string
  run(stage: OwnStage): Promise<RowResult>
}

export type SuiteParts = {
  /** Where the output of processes goes. */
  folder: string
  /** Less work, one run. */
  quick: boolean
  terminal: Terminal
  signal: AbortSignal
  /** Takes what is to be closed when the benchmark ends, however it ends. */
  opened: (one: Opened) => void
}

export type Suite = {
  readonly name: string
  /** What is measured against what, for a person: a sentence. */
  readonly about: string
  /** What it is measured against. */
  readonly plain: string
  readonly rows: readonly { name: string; work: string }[]
  /** Starts what all rows need, and tells what that can take. */
  open(parts: SuiteParts): Promise<OpenSuite>
}

export type OpenSuite = {
  /** What the file of figures says of the suite's own part in them. */
  told: Record<string, unknown>
  rows: readonly BoundRow[]
}

export type BoundRow = { name: string; work: string; run(stage: Stage): Promise<RowResult> }

/** Rows whose stage has, beside its own, what the suite adds. */
export function bindRows<Own extends object>(rows: readonly Row<Stage & Own>[], own: Own): BoundRow[] {
  return rows.map((row) => ({ ...row, run: (stage) => row.run(Object.assign(stage, own)) }))
}
