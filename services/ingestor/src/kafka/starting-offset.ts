// Where reading of a partition begins.

export type StartingOffset = {
  /** May lie before the log's first: whoever knows what of that was settled tells what was lost. */
  offsetNext: number
  /** The commit lies beyond the log: the topic is not the one that was committed. */
  beyondEnd: boolean
}

/**
 * @param committed the committed offset; undefined or negative where nothing is committed
 * @param end the log's first offset, and the one after its last
 */
export function startingOffset(committed: number | undefined, end: { low: number; high: number }): StartingOffset {
  if (committed === undefined || committed < 0) return { offsetNext: end.low, beyondEnd: false }
  if (committed > end.high) return { offsetNext: end.low, beyondEnd: true }
  return { offsetNext: committed, beyondEnd: false }
}
