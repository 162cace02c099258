// The one clock of a benchmark: this machine's monotonic clock, which all its processes share.

/** Milliseconds, comparable between processes of one machine; their zero is arbitrary. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
