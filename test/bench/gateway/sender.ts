// The benchmark's side of the sender (sender-process.ts): starts it, has it sign and send, and shows what it can send.

import { Helper } from '../helper.ts'
import { Worker } from '../worker.ts'
import type { SendReport } from './send.ts'
import type { Send, SenderTold } from './sender-process.ts'

const connections = 64
const signDeadlineMs = 60_000
/** Beyond what the sending itself should take. */
const sendDeadlineMs = 120_000

/** What the sender can send to a server that does nothing, and what one request costs the sender. */
export type Ceiling = { requestsPerSecond: number; cpuUsPerRequest: number }

export class Sender {
  readonly #process: Helper<SenderTold>
  readonly #folder: string
  readonly #signal: AbortSignal

  /** @param folder where its output goes */
  static async start(folder: string, signal: AbortSignal): Promise<Sender> {
    const spec = { name: 'sender', entry: 'test/bench/gateway/sender-process.ts' }
    return new Sender(await Helper.start(spec, folder, signal), folder, signal)
  }

  private constructor(process: Helper<SenderTold>, folder: string, signal: AbortSignal) {
    this.#process = process
    this.#folder = folder
    this.#signal = signal
  }

  /** PEM: verifies what it signs. */
  get publicKey(): string {
    return this.#process.told.publicKey
  }

  /** Makes so many webhooks, numbered from 0 on, before anything is sent. */
  async sign(count: number): Promise<void> {
    await this.#process.ask('/sign', { count }, signDeadlineMs)
  }

  /** Sends some of the webhooks to a port, over 64 connections. Rejects where a connection fails or ends. */
  send(what: Omit<Send, 'connections'>): Promise<SendReport> {
    const deadlineMs = sendDeadlineMs + (what.perSecond === null ? 0 : (what.count * 1_000) / what.perSecond)
    return this.#process.ask('/send', { ...what, connections } satisfies Send, deadlineMs) as Promise<SendReport>
  }

  cpuMs(): number {
    return this.#process.cpuMs()
  }

  /** Sends `count` webhooks flat out to a server that does nothing. */
  async ceiling(count: number): Promise<Ceiling> {
    const spec = { name: 'do-nothing server', entry: 'test/bench/gateway/do-nothing.ts', env: {} }
    const server = await Worker.start(spec, this.#folder, this.#signal)
    try {
      const { port } = await server.told<{ port: number }>(this.#signal)
      // Twice: the first time also warms both up.
      await this.send({ port, from: 0, count, perSecond: null })
      const cpuMs = this.cpuMs()
      const { tookMs } = await this.send({ port, from: 0, count, perSecond: null })
      return {
        requestsPerSecond: count / (tookMs / 1_000),
        cpuUsPerRequest: ((this.cpuMs() - cpuMs) * 1_000) / count,
      }
    } finally {
      await server.kill()
    }
  }

  close(): Promise<void> {
    return this.#process.close()
  }
}
