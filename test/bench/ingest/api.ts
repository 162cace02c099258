// The benchmark's side of the API server (server.ts): starts it, begins records, reads them, and shows what it can take.

import { connect, type Socket } from 'node:net'
import { Helper } from '../helper.ts'
import type { CallReport, CallRow } from './call-record.ts'
import { outboundRecord } from './messages.ts'
import type { ServerRules, ServerTold } from './server.ts'

export type Counts = { calls: number; accepted: number; inFlight: number }

/** What the server can take, and what one call costs it. */
export type Ceiling = { callsPerSecond: number; cpuUsPerCall: number }

export class Api {
  /** For PARTOO_BASE_URL. */
  readonly baseUrl: string
  readonly #server: Helper<ServerTold>

  /** @param folder where its output goes */
  static async start(folder: string, signal: AbortSignal): Promise<Api> {
    return new Api(await Helper.start({ name: 'API server', entry: 'test/bench/ingest/server.ts' }, folder, signal))
  }

  private constructor(server: Helper<ServerTold>) {
    this.#server = server
    this.baseUrl = `http://127.0.0.1:${server.told.apiPort}/v2`
  }

  /** Forgets what arrived, and answers by these rules from now on. */
  async begin(rules: ServerRules): Promise<void> {
    await this.#server.ask('/begin', rules)
  }

  counts(): Promise<Counts> {
    return this.#server.ask('/counts') as Promise<Counts>
  }

  report(): Promise<CallReport> {
    return this.#server.ask('/report') as Promise<CallReport>
  }

  /** Every call, in the order they arrived. */
  rows(): Promise<CallRow[]> {
    return this.#server.ask('/rows') as Promise<CallRow[]>
  }

  cpuMs(): number {
    return this.#server.cpuMs()
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  /** Sends `count` calls as fast as 64 connections can. The client is this process, with next to no work a call. */
  async ceiling(count: number, signal: AbortSignal): Promise<Ceiling> {
    await this.begin({ latencyMs: 0 })
    const connections = 64
    const each = Math.ceil(count / connections)
    const cpuMs = this.cpuMs()
    const startMs = performance.now()
    await Promise.all(Array.from({ length: connections }, (_, i) => this.#sendAll(i, each, signal)))
    const tookMs = performance.now() - startMs
    const calls = each * connections
    return { callsPerSecond: calls / (tookMs / 1_000), cpuUsPerCall: ((this.cpuMs() - cpuMs) * 1_000) / calls }
  }

  #sendAll(conversation: number, count: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const socket: Socket = connect({
      port: this.#server.told.apiPort,
      host: '127.0.0.1',
      noDelay: true,
      signal,
    } as never)
    let sent = 0
    const send = () => {
      const { value } = outboundRecord(conversation, sent, 'even')
      sent += 1
      socket.write(`POST /v2 HTTP/1.1\r\nhost: bench\r\ncontent-length: ${value.length}\r\n\r\n${value}`)
    }
    socket.on('connect', send)
    // An answer is one write of the server and far below a packet: one event is one answer.
    socket.on('data', () => (sent < count ? send() : socket.end()))
    socket.on('close', () => resolve())
    socket.on('error', reject)
    return promise
  }
}
