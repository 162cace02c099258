// The HTTP client of Partoo's ingest endpoint. It resolves to an answer and never rejects: a failure of the network is one
// of the answers. It keeps no state but its connections: when to call, and what to do next, is the core's business.
// Source: developers.partoo.co, "Ingest message", read in November 2026.

import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import { Pool } from 'undici'
import { type Answer, bodyHeadBytesMax, classifyAnswer, type RawAnswer } from './answer.ts'

export type ClientOptions = {
  /** With `/v2`; a trailing slash does not matter. */
  baseUrl: string
  /** From the start of a call to the end of its answer. */
  timeoutMs: number
  /** Connections to keep open at most: the number of calls that can be in flight. */
  connectionsMax: number
}

/** A message and where it goes. `channelId` is already decided: the message's own, or the default. */
export type IngestRequest = { channelId: string; apiKey: string; message: OutboundMessage }

export class PartooClient {
  readonly #pool: Pool
  readonly #path: string
  readonly #timeoutMs: number

  constructor(options: ClientOptions) {
    const base = new URL(options.baseUrl)
    this.#path = base.pathname.replace(/\/+$/, '')
    this.#timeoutMs = options.timeoutMs
    this.#pool = new Pool(base.origin, {
      connections: options.connectionsMax,
      pipelining: 1,
      connect: { timeout: Math.min(options.timeoutMs, 10_000) },
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    })
  }

  /** Calls the ingest endpoint once. Ends within `timeoutMs`, with whatever there is by then. */
  async ingest(request: IngestRequest): Promise<Answer> {
    return classifyAnswer(await this.#post(request))
  }

  async #post({ channelId, apiKey, message }: IngestRequest): Promise<RawAnswer> {
    const signal = AbortSignal.timeout(this.#timeoutMs)
    try {
      const response = await this.#pool.request({
        method: 'POST',
        path: `${this.#path}/custom-channels/${encodeURIComponent(channelId)}/messages`,
        headers: { 'x-APIKey': apiKey, 'content-type': 'application/json', accept: 'application/json' },
        body: ingestBody(message),
        signal,
      })
      const { body, cutShort } = await readHead(response.body)
      return {
        kind: 'answered',
        status: response.statusCode,
        retryAfter: firstValue(response.headers['retry-after']),
        date: firstValue(response.headers.date),
        body,
        cutShort,
      }
    } catch (error) {
      if (signal.aborted) return { kind: 'unanswered', cause: 'timeout', detail: `no answer in ${this.#timeoutMs} ms` }
      return { kind: 'unanswered', cause: 'connection', detail: describeError(error) }
    }
  }

  /** Ends the connections; calls in flight are cut off. Twice is fine. */
  async close(): Promise<void> {
    if (!this.#pool.destroyed) await this.#pool.destroy()
  }
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

/** Reads the first `bodyHeadBytesMax` bytes. A body that breaks off is what has come of it: the status stands. */
async function readHead(stream: AsyncIterable<Buffer>): Promise<{ body: Buffer; cutShort: boolean }> {
  const chunks: Buffer[] = []
  let bytes = 0
  let cutShort = false
  try {
    for await (const chunk of stream) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > bodyHeadBytesMax) {
        cutShort = true
        break
      }
    }
  } catch {
    cutShort = true
  }
  return { body: Buffer.concat(chunks).subarray(0, bodyHeadBytesMax), cutShort }
}

function firstValue(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

/** A connection error in one line: its code where there is one, since messages may hold what was sent. */
function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0])
  if (error instanceof Error) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
    return `connection failed (${code})`
  }
  return 'connection failed'
}
