// What a row of the benchmark answers: figures, each with what is required of it.

/** Of the ratio where there is a plain one, else of the figure here; `of: 'here'`: of that in any case. */
export type Required = { kind: 'at least' | 'at most'; value: number; of?: 'here' }

/** One measured number. `here` and `plain` are in `unit`. */
export type Figure = {
  what: string
  unit: string
  here: number
  /** Of what a user would write by hand; null where it takes no part. */
  plain: number | null
  /** Null where the figure is only told. */
  required: Required | null
}

export type RowResult = {
  figures: Figure[]
  /** For the reader: how it was measured, or what was not. */
  notes: string[]
  /** What must never be, whatever the figures: a message lost, out of order, created twice. Any of it is a miss. */
  wrong: string[]
}

export type Verdict = 'met' | 'missed' | 'told'

/** `here` ÷ `plain`; null without a plain one. */
export function ratioOf({ here, plain }: Figure): number | null {
  return plain === null ? null : here / plain
}

export function verdictOf(figure: Figure): Verdict {
  const { required } = figure
  if (required === null) return 'told'
  const value = isOfRatio(figure) ? (ratioOf(figure) ?? Number.NaN) : figure.here
  const met = required.kind === 'at least' ? value >= required.value : value <= required.value
  return met ? 'met' : 'missed'
}

/** Whether what is required is required of the ratio. */
export function isOfRatio({ plain, required }: Figure): boolean {
  return plain !== null && required?.of !== 'here'
}

/** The middle one; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  return (percentile(values, 0.5, 'lower') + percentile(values, 0.5, 'upper')) / 2
}

/** The least value that at least `share` of all are not above (`lower`, the usual one); `upper`: the first above that. */
export function percentile(values: readonly number[], share: number, side: 'lower' | 'upper' = 'lower'): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = share * sorted.length
  const index = side === 'lower' ? Math.ceil(rank) - 1 : Math.floor(rank)
  return sorted[Math.min(Math.max(index, 0), sorted.length - 1)] ?? Number.NaN
}
