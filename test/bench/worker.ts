// A process under measurement: started so that it ends no later than the benchmark does (owned-process.ts), known by its own
// process id, its output in a file.

import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { withinMs } from '@bridge/local-kafka/deadline'
import { type OwnedProcess, startOwned } from '@bridge/local-kafka/owned-process'
import { waitFor } from './waiting.ts'

export const repositoryRoot = resolve(import.meta.dirname, '../..')

/** The shell tells its id and becomes the program: the supervisor around it has another. */
const telling = 'echo $$ >"$0" && exec "$@"'
const startDeadlineMs = 10_000
const stopDeadlineMs = 25_000
/** Where nobody waits for what it might still do. */
export const hurriedStopDeadlineMs = 5_000

export type WorkerSpec = {
  /** For a person, and for the names of its files. */
  name: string
  /** From the repository's root. */
  entry: string
  env: Record<string, string>
  /** Of node, before the entry. */
  nodeOptions?: readonly string[]
}

export class Worker {
  readonly name: string
  readonly pid: number
  readonly #program: OwnedProcess
  readonly #logFile: string
  #ended = false

  /** @param folder where its output and its id go */
  static async start(spec: WorkerSpec, folder: string, signal: AbortSignal): Promise<Worker> {
    const number = ++Worker.#started
    const file = (kind: string) => join(folder, `${number}-${spec.name.replaceAll(' ', '-')}.${kind}`)
    const log = openSync(file('log'), 'w')
    const command = [process.execPath, ...(spec.nodeOptions ?? []), join(repositoryRoot, spec.entry)]
    const program = startOwned('sh', ['-c', telling, file('pid'), ...command], {
      cwd: repositoryRoot,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...spec.env },
      stdout: log,
      stderr: log,
    })
    closeSync(log)
    const pid = await waitFor(`${spec.name} to start`, startDeadlineMs, signal, () => readPid(file('pid')))
    return new Worker(spec.name, pid, program, file('log'))
  }

  static #started = 0

  private constructor(name: string, pid: number, program: OwnedProcess, logFile: string) {
    this.name = name
    this.pid = pid
    this.#program = program
    this.#logFile = logFile
    void program.exited.then(() => {
      this.#ended = true
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /** All of its output so far. */
  output(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  /** What it prints once it is there: its first output, one line of JSON. */
  async told<T>(signal: AbortSignal): Promise<T> {
    const line = await waitFor(`word from ${this.name}`, startDeadlineMs, signal, () => {
      if (this.#ended) throw new Error(`the ${this.name} ended:\n${lastLines(this.output())}`)
      const output = this.output()
      return output.includes('\n') && output.slice(0, output.indexOf('\n'))
    })
    return JSON.parse(line) as T
  }

  /** SIGKILL: it does nothing any more when this returns. */
  async kill(): Promise<void> {
    if (!this.#ended) process.kill(this.pid, 'SIGKILL')
    await this.#program.exited
  }

  /** SIGTERM, and SIGKILL where that does not end it in time. Twice is fine. */
  async stop(deadlineMs = stopDeadlineMs): Promise<void> {
    this.#program.terminate()
    await withinMs(deadlineMs, this.#program.exited)
    await this.#program.stop()
  }
}

function readPid(file: string): number | undefined {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return text.endsWith('\n') ? Number(text) : undefined
}

/** The end of an output, for the message of a failure. */
export function lastLines(output: string): string {
  return output
    .trimEnd()
    .split('\n')
    .slice(-5)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n')
}
