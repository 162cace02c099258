// Owns programs that the interop tests run: one to its end, or one that is read line by line and then asked to end. Each has a
// deadline, and its whole process group ends with it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '../support/wait.ts'

export type Run = { command: string; args: string[]; cwd?: string; env?: Record<string, string>; input?: string }

const errorHeadMax = 2_000
const endDeadlineMs = 15_000

/** What a program sees of the test's own environment: all of it but what would change what the examples do. */
const withheld =
  /^(KAFKA_|SCHEMA_|SCHEMAS$|PARTOO_|OUTBOUND_|RECEIPTS_|REPLIES_|DLQ_|OUTPUT_|FORMAT$|CODEC$|SUBJECT$|GROUP_ID$|PYTHONPATH$|NODE_OPTIONS$|VITEST)/

function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !withheld.test(name))
  return { ...Object.fromEntries(entries), LC_ALL: 'C.UTF-8', ...more }
}

function start({ command, args, cwd, env }: Run): ChildProcess {
  return spawn(command, args, { cwd, env: environment(env), stdio: ['pipe', 'pipe', 'pipe'], detached: true })
}

function signalGroup(child: ChildProcess, signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group is gone.
  }
}

/** What came of a program. `why`: how it ended and what it wrote to its error stream, shortened. */
export type Ended = { kind: 'done'; stdout: string } | { kind: 'failed'; why: string }

/** Runs a program to its end; never rejects. */
export async function run(program: Run, deadlineMs: number): Promise<Ended> {
  const child = start(program)
  const output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk))
  child.stdin?.on('error', () => {}) // it ended without reading all
  child.stdin?.end(program.input ?? '')
  let late = false
  const timer = setTimeout(() => {
    late = true
    signalGroup(child, 'SIGKILL')
  }, deadlineMs)
  const ended = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? null : `ended with ${code ?? signal}`))
  })
  clearTimeout(timer)
  if (ended === null) return { kind: 'done', stdout: output.stdout }
  const how = late ? `not within ${deadlineMs / 1_000} s` : ended
  return { kind: 'failed', why: `${program.command}: ${how}; ${(output.stderr || output.stdout).slice(-errorHeadMax)}` }
}

/** Can it be run, and answers with success? */
export async function answers(command: string, args: string[]): Promise<boolean> {
  return (await run({ command, args }, 30_000)).kind === 'done'
}

/** A program that writes lines until it is told to end. */
export class LineProgram {
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #name: string
  #errors = ''

  constructor(program: Run) {
    this.#name = program.command
    this.#child = start(program)
    this.#child.once('error', (error) => {
      this.#errors += error.message
    })
    if (this.#child.stdout === null) throw new Error('no pipe')
    // Not readline: it ends lines at U+2028 too, which JSON may hold.
    let rest = ''
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      this.lines.push(...lines)
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk
    })
  }

  get #running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Waits until it has written so many lines. */
  async atLeast(count: number, deadlineMs: number): Promise<void> {
    const enough = () => this.lines.length >= count || !this.#running
    await until(`${count} lines of ${this.#name}`, enough, deadlineMs).catch(() => {})
    if (this.lines.length >= count) return
    throw new Error(`${this.#name} wrote ${this.lines.length} of ${count} lines: ${this.#errors.slice(-errorHeadMax)}`)
  }

  /** Asks its whole group to end, as Ctrl-C does, or the process as an orchestrator does. @returns the exit code, or the signal */
  async end(signal: 'SIGINT' | 'SIGTERM'): Promise<number | string> {
    if (this.#running) {
      signalGroup(this.#child, signal)
      await once(this.#child, 'exit', { signal: AbortSignal.timeout(endDeadlineMs) }).catch(() => {})
    }
    signalGroup(this.#child, 'SIGKILL')
    return this.#child.exitCode ?? this.#child.signalCode ?? 'running'
  }
}
