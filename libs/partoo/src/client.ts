// The HTTP client of Partoo's ingest endpoint. It resolves to an answer and never rejects: a failure of the network is one
// of the answers. It keeps no state but its connections: when to call, and what to do next, is the core's business.
// Source: developers.partoo.co, "Ingest message", read in November 2026.

import type { HttpWay } from '@bridge/schemas/http-way'
import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import { Pool } from 'undici'
import { type Answer, classifyAnswer, type RawAnswer } from './answer.ts'
import { withoutEcho } from './echo.ts'
import { Exchange } from './exchange.ts'

export type ClientOptions = {
  /** With `/v2`; a trailing slash does not matter. */
  baseUrl: string
  /** From the start of a call to the end of its answer. */
  timeoutMs: number
  /** Connections to keep open at most: the number of calls that can be in flight. */
  connectionsMax: number
  /** How connections are opened, where not directly. */
  way?: HttpWay | undefined
}

/** A message and where it goes. `channelId` is already decided: the message's own, or the default. */
export type IngestRequest = { channelId: string; apiKey: string; message: OutboundMessage }

export class PartooClient {
  readonly #pool: Pool
  readonly #path: string
  readonly #way: HttpWay | undefined
  readonly #paths = new Map<string, string>()
  readonly #timeoutMs: number
  /** Calls under way, the oldest first: all have the same time, so one timer serves them. */
  readonly #exchanges = new Set<Exchange>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ClientOptions) {
    const base = new URL(options.baseUrl)
    this.#way = options.way
    this.#path = `${options.way?.pathPrefix ?? ''}${base.pathname.replace(/\/+$/, '')}`
    this.#timeoutMs = options.timeoutMs
    this.#pool = new Pool(base.origin, {
      connections: options.connectionsMax,
      pipelining: 1,
      // HTTP/2 repeats refused requests by itself, uncounted, and tells a body that was reset as one that ended.
      allowH2: false,
      connect: options.way?.connect ?? { timeout: connectTimeoutMs(options.timeoutMs), rejectUnauthorized: true },
      // The timer below ends what takes too long.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** Calls the ingest endpoint once. Ends within `timeoutMs`, with whatever there is by then. */
  async ingest(request: IngestRequest): Promise<Answer> {
    return withoutEcho(classifyAnswer(await this.#post(request)), request)
  }

  #post({ channelId, apiKey, message }: IngestRequest): Promise<RawAnswer> {
    return new Promise((resolve) => {
      const exchange = new Exchange(performance.now() + this.#timeoutMs, (answer) => {
        this.#exchanges.delete(exchange)
        resolve(answer)
      })
      this.#exchanges.add(exchange)
      this.#timer ??= setTimeout(() => this.#expire(), this.#timeoutMs)
      const headers = { 'x-APIKey': apiKey, 'content-type': 'application/json', accept: 'application/json' }
      const request = {
        method: 'POST' as const,
        path: this.#pathOf(channelId),
        headers: this.#way === undefined ? headers : { ...headers, ...this.#way.headers() },
        body: ingestBody(message),
      }
      try {
        this.#pool.dispatch(request, exchange)
      } catch (error) {
        exchange.onResponseError(undefined, error)
      }
    })
  }

  /** Ends what is due, and waits for the next. */
  #expire(): void {
    this.#timer = undefined
    const nowMs = performance.now()
    for (const exchange of this.#exchanges) {
      const leftMs = exchange.deadlineMs - nowMs
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#expire(), Math.ceil(leftMs))
        return
      }
      exchange.expire(this.#timeoutMs)
    }
  }

  #pathOf(channelId: string): string {
    let path = this.#paths.get(channelId)
    if (path === undefined) {
      path = `${this.#path}/custom-channels/${encodeURIComponent(channelId)}/messages`
      this.#paths.set(channelId, path)
    }
    return path
  }

  /** Ends the connections; calls in flight are cut off. Twice is fine. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    if (!this.#pool.destroyed) await this.#pool.destroy()
  }
}

/** Of the time that a call may take, what opening its connection may. */
export function connectTimeoutMs(timeoutMs: number): number {
  return Math.min(timeoutMs, 10_000)
}

/** The body of an ingest request: the five required fields, and the optional ones that the message has. */
export function ingestBody(message: OutboundMessage): string {
  return JSON.stringify({
    business_id: message.business_id,
    external_conversation_id: message.external_conversation_id,
    external_message_id: message.external_message_id,
    content: message.content,
    sender_type: message.sender_type,
    ...(message.consumer_name !== null && { consumer_name: message.consumer_name }),
    ...(message.consumer_image !== null && { consumer_image: message.consumer_image }),
  })
}
