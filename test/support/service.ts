// A service as a process of its own, under plain node: how operators run it, and what can be killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { errorLine } from '@bridge/runtime/log'
import { keepOutput, keepWhatIsTold } from './kept-output.ts'
import { until } from './wait.ts'

const root = join(import.meta.dirname, '../..')

export class ServiceProcess {
  readonly adminUrl: string
  readonly #child: ChildProcess
  #output = ''

  /**
   * @param name the folder under services/
   * @param env the service's variables; nothing of the test's own environment but PATH reaches it
   * @param adminPort a free port
   */
  constructor(name: 'ingestor' | 'webhook-gateway', env: Record<string, string>, adminPort: number) {
    this.adminUrl = `http://127.0.0.1:${adminPort}`
    this.#child = spawn(process.execPath, [join(root, 'services', name, 'src/main.ts')], {
      env: { PATH: process.env.PATH, ADMIN_HOST: '127.0.0.1', ADMIN_PORT: String(adminPort), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    keepOutput(this.#child, name)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk
      })
    }
  }

  /** Everything it wrote so far, both streams. */
  get output(): string {
    return this.#output
  }

  /** Its log lines so far, parsed. */
  get log(): Record<string, unknown>[] {
    const lines = this.#output.split('\n').filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  async ready(deadlineMs = 30_000): Promise<void> {
    try {
      await until(`readiness at ${this.adminUrl}`, () => this.#isReady(), deadlineMs)
    } catch (error) {
      throw new Error(`${errorLine(error)}; its output:\n${this.#output}`)
    }
  }

  async readiness(): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.adminUrl}/readyz`)
    const text = await response.text()
    keepWhatIsTold('readiness', text)
    return { status: response.status, text }
  }

  async metrics(): Promise<string> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text()
    keepWhatIsTold('metrics', text)
    return text
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Sends a signal and answers at once. */
  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.running) this.#child.kill(signal)
  }

  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it */
  async end(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT' = 'SIGTERM', deadlineMs = 25_000): Promise<number | string> {
    if (this.running) this.#child.kill(signal)
    return this.exit(deadlineMs)
  }

  /** Waits for the end. */
  async exit(deadlineMs = 25_000): Promise<number | string> {
    if (this.running) {
      await once(this.#child, 'exit', { signal: AbortSignal.timeout(deadlineMs) })
    }
    return this.#child.exitCode ?? this.#child.signalCode ?? 'unknown'
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`ended with ${this.#child.exitCode}:\n${this.#output}`)
    try {
      return (await this.readiness()).status === 200
    } catch {
      return false
    }
  }
}
