// Owns the processes that a start runs: each a plain node with its own log file, ready when it says so over HTTP, and
// gone when this process is (owned-process.ts), however that ends.

import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { pauseMs, unlessAborted, withinMs } from '@bridge/local-kafka/deadline'
import { describeExit, type OwnedProcess, startOwned } from '@bridge/local-kafka/owned-process'

export const repositoryRoot = resolve(import.meta.dirname, '../../..')

export type ServiceSpec = {
  /** For a person: "Ingestor". */
  name: string
  /** The file to run, from the repository root. */
  entry: string
  env: NodeJS.ProcessEnv
  /** Answers 200 once the service can do its work. */
  readyUrl: string
  /** What to say of it then. */
  whenReady: string
  logFile: string
  /** From SIGTERM to SIGKILL. */
  graceMs: number
}

export type Service = {
  readonly spec: ServiceSpec
  /** Resolves when the process has ended, asked or not, with how in words: "exit code 1". */
  readonly ended: Promise<string>
  /** Resolves once the service is ready, or says why it is not. Rejects when `signal` aborts. */
  untilReady(signal: AbortSignal): Promise<Readiness>
  /** SIGTERM, and SIGKILL after the grace. Resolves once the process is gone; twice is fine. */
  stop(): Promise<void>
  kill(): Promise<void>
  /** The end of its log, for a report of its death. */
  lastLines(): string[]
}

export type Readiness = { kind: 'ready' } | { kind: 'not-ready'; why: string }

const readyDeadlineMs = 60_000
const readyEveryMs = 100
const lastLinesMax = 12

export function startService(spec: ServiceSpec): Service {
  mkdirSync(dirname(spec.logFile), { recursive: true })
  const log = openSync(spec.logFile, 'w')
  const program = startOwned(process.execPath, [resolve(repositoryRoot, spec.entry)], {
    cwd: repositoryRoot,
    env: spec.env,
    stdout: log,
    stderr: log,
  })
  closeSync(log)
  return {
    spec,
    ended: program.exited.then(({ code }) => describeExit(code)),
    untilReady: (signal) => untilReady(spec, program, signal),
    async stop() {
      program.terminate()
      await withinMs(spec.graceMs, program.exited)
      await program.stop()
    },
    kill: () => program.stop(),
    lastLines: () => lastLinesOf(spec.logFile),
  }
}

async function untilReady(spec: ServiceSpec, program: OwnedProcess, signal: AbortSignal): Promise<Readiness> {
  const endMs = performance.now() + readyDeadlineMs
  let answer = 'no answer yet'
  let running = true
  void program.exited.then(() => {
    running = false
  })
  while (running && performance.now() < endMs) {
    const asked = await unlessAborted(ask(spec.readyUrl), signal)
    if (asked === 'ready') return { kind: 'ready' }
    answer = asked
    await pauseMs(readyEveryMs, signal)
  }
  if (!running) return { kind: 'not-ready', why: `${spec.name} ended while it started` }
  return { kind: 'not-ready', why: `${spec.name} is not ready after ${readyDeadlineMs / 1_000} s (${answer})` }
}

/** Answers 'ready', or what was heard instead. */
async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    const text = await response.text()
    return response.status === 200 ? 'ready' : `${response.status} ${text.trim()}`
  } catch {
    return 'no answer yet'
  }
}

function lastLinesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lastLinesMax)
  } catch {
    return []
  }
}

/** Answers a path as a person at the repository root would write it. */
export function fromRoot(path: string): string {
  return relative(repositoryRoot, path)
}
