// A process that helps to measure, from the benchmark's side: its control port (control.ts) answers what is asked.

import { cpuMsOf } from './process-usage.ts'
import { Worker } from './worker.ts'

const answerDeadlineMs = 30_000

/** @typeParam Told what it prints once it is there */
export class Helper<Told extends { controlPort: number }> {
  readonly told: Told
  readonly #worker: Worker
  readonly #signal: AbortSignal

  /** @param folder where its output goes */
  static async start<Told extends { controlPort: number }>(
    spec: { name: string; entry: string },
    folder: string,
    signal: AbortSignal,
  ): Promise<Helper<Told>> {
    const worker = await Worker.start({ ...spec, env: {} }, folder, signal)
    return new Helper(worker, await worker.told<Told>(signal), signal)
  }

  private constructor(worker: Worker, told: Told, signal: AbortSignal) {
    this.#worker = worker
    this.told = told
    this.#signal = signal
  }

  /** Rejects with what went wrong there. @param body undefined: there is none */
  async ask(path: string, body?: unknown, deadlineMs = answerDeadlineMs): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.told.controlPort}${path}`, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(deadlineMs)]),
    })
    if (response.status !== 200) throw new Error(`the ${this.#worker.name}: ${await response.text()}`)
    return response.json()
  }

  cpuMs(): number {
    return cpuMsOf(this.#worker.pid)
  }

  close(): Promise<void> {
    return this.#worker.kill()
  }
}
