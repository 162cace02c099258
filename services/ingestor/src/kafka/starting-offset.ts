// Where reading of a partition begins.

export type StartingOffset = {
  offsetNext: number
  /** Records that retention deleted between the commit and the beginning of the log. */
  unreadDeleted: number
  /** The commit lies beyond the log: the topic is not the one that was committed. */
  beyondEnd: boolean
}

/**
 * @param committed the committed offset; undefined or negative where nothing is committed
 * @param end the log's first offset, and the one after its last
 */
export function startingOffset(committed: number | undefined, end: { low: number; high: number }): StartingOffset {
  if (committed === undefined || committed < 0) return { offsetNext: end.low, unreadDeleted: 0, beyondEnd: false }
  if (committed < end.low) return { offsetNext: end.low, unreadDeleted: end.low - committed, beyondEnd: false }
  if (committed > end.high) return { offsetNext: end.low, unreadDeleted: 0, beyondEnd: true }
  return { offsetNext: committed, unreadDeleted: 0, beyondEnd: false }
}
