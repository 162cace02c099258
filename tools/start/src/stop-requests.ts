// Owns when a person (or a machine) asks this process to end. The first request asks for an orderly end; one that comes
// at least a second later asks for an immediate one. What comes within that second is the same request again: npm, the
// launcher and the terminal's process group may each bring the same Ctrl-C.

const sameRequestMs = 1_000
const launcherWatchMs = 1_000

export type StopRequests = {
  /** Aborts at the first request. */
  readonly orderly: AbortSignal
  /** Aborts at a second one, a second or more later. */
  readonly atOnce: AbortSignal
  dispose(): void
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP, and for the end of the launcher that started this process (LAUNCHER_PID): a
 * launcher that was killed can pass nothing on any more.
 */
export function listenForStop(process: NodeJS.Process, nowMs: () => number = () => performance.now()): StopRequests {
  const orderly = new AbortController()
  const atOnce = new AbortController()
  let firstMs: number | undefined
  const request = (): void => {
    firstMs ??= nowMs()
    orderly.abort()
    if (nowMs() - firstMs >= sameRequestMs) atOnce.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, request)
  const launcher = Number(process.env.LAUNCHER_PID)
  const watch = setInterval(() => {
    if (launcher && launcher !== process.ppid && !orderly.signal.aborted) request()
  }, launcherWatchMs)
  return {
    orderly: orderly.signal,
    atOnce: atOnce.signal,
    dispose: () => {
      clearInterval(watch)
      for (const signal of signals) process.off(signal, request)
    },
  }
}
