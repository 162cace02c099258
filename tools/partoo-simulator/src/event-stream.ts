// Owns the server-sent event streams of GET /_control/events: every simulator event as one `data:` line of JSON.
// A stream starts with the events from now on: a page loads its state first opened, then listens, and loads again after
// each reconnect. A reader that is too slow is cut off (it reconnects) instead of being buffered for without end.

import type { ServerResponse } from 'node:http'
import type { SimulatorEvent } from './events.ts'
import type { PartooState } from './state.ts'

const bufferedBytesMax = 8 * 1024 * 1024
const streamsMax = 100
/** A comment so often, so that proxies and pages notice a dead connection. */
const heartbeatMs = 10_000

export class EventStreams {
  readonly #state: PartooState
  readonly #closed: AbortSignal
  readonly #open = new Set<ServerResponse>()
  #unsubscribe: (() => void) | null = null
  #heartbeat: NodeJS.Timeout | null = null

  constructor(state: PartooState, closed: AbortSignal) {
    this.#state = state
    this.#closed = closed
    closed.addEventListener('abort', () => this.#endAll())
  }

  /** Makes this response a stream until the client leaves or the simulator stops. */
  open(response: ServerResponse): void {
    if (this.#closed.aborted || this.#open.size >= streamsMax) {
      response.writeHead(503).end()
      return
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    })
    response.write('retry: 1000\n\n: open\n\n')
    this.#open.add(response)
    response.on('close', () => this.#left(response))
    this.#unsubscribe ??= this.#state.subscribe((event) => this.#tell(event))
    this.#heartbeat ??= setInterval(() => this.#write(': alive\n\n'), heartbeatMs)
  }

  #tell(event: SimulatorEvent): void {
    this.#write(`data: ${JSON.stringify(event)}\n\n`)
  }

  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > bufferedBytesMax) response.destroy()
      else response.write(text)
    }
  }

  #left(response: ServerResponse): void {
    this.#open.delete(response)
    if (this.#open.size > 0) return
    this.#unsubscribe?.()
    this.#unsubscribe = null
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat)
    this.#heartbeat = null
  }

  #endAll(): void {
    for (const response of this.#open) response.destroy()
  }
}
