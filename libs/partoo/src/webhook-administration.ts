// The client of Partoo's webhook administration: which event types of an organization go to which address. Whatever
// happens is a value; a call never rejects, ends within its deadline, and says nothing of the API key.
// Source: developers.partoo.co, "Webhooks" API reference, read in November 2026.
//
//   W1 One configuration per event type and organization; https addresses only.
//   W2 `org_id` is required for PROVIDER keys only.
//   W3 These calls count against the organization's rate limit, as the ingestor's do: after a 429 the client waits once in
//      its life, if Partoo asks for no more than `politeWaitMaxMs`, and then only says when to try again.
//   W4 Custom headers exist, but the name of their field is not published: they are never sent.

import { setTimeout as pause } from 'node:timers/promises'
import type { HttpWay } from '@bridge/schemas/http-way'
import { id } from '@bridge/schemas/ids'
import { decodeUtf8, type JsonValue, parseJson } from '@bridge/schemas/json'
import { oneLine } from '@bridge/schemas/masked'
import { type Dispatcher, Pool } from 'undici'
import { z } from 'zod'
import { classifyAnswer, type RawAnswer } from './answer.ts'
import { unanswered } from './exchange.ts'

/** What Partoo says of one configuration; `updatedAt` and `orgId` are null where it does not. */
export type WebhookConfiguration = {
  id: string
  url: string
  eventType: string
  orgId: string | null
  /** As Partoo writes it: ISO 8601 UTC. */
  updatedAt: string | null
}

/** Why a call did nothing, or may have. `told` is the beginning of what was answered, in one line. */
export type Failure =
  /** 401: the key is missing or wrong. */
  | { kind: 'unauthorized'; status: 401; told: string }
  /** 403: the key is known, and may not. */
  | { kind: 'forbidden'; status: 403; told: string }
  | { kind: 'not-found'; status: 404; told: string }
  /** Any other 4xx: Partoo does not take what was asked. */
  | { kind: 'refused'; status: number; told: string }
  /** 429, after the one polite wait. */
  | { kind: 'limited'; status: 429; retryAfterMs: number }
  /** 5xx, no connection, or no answer in time: a change may have happened all the same. */
  | { kind: 'unavailable'; status: number | null; detail: string; told: string }
  /** Something that is not Partoo's API answered: a redirect, a proxy, a page; or a 2xx that cannot be read. */
  | { kind: 'misdirected'; status: number; detail: string }

export type Listed = { kind: 'listed'; configurations: WebhookConfiguration[] } | Failure
export type Created = { kind: 'created'; configurations: WebhookConfiguration[] } | Failure
export type Shown = { kind: 'shown'; configuration: WebhookConfiguration } | Failure
export type Deleted = { kind: 'deleted' } | Failure
/** Partoo took the order. What it answers is not published: `text` is the beginning of it, as it came. */
export type Tried = { kind: 'tried'; status: number; text: string } | Failure

export type AdministrationOptions = {
  /** With `/v2`; a trailing slash does not matter. */
  baseUrl: string
  apiKey: string
  /** The organization meant; undefined: the key's own (W2). */
  orgId: string | undefined
  /** How connections are opened, where not directly. */
  way?: HttpWay | undefined
  /** From the start of a call to the end of its answer; default 15 s. */
  timeoutMs?: number
  /** The same for a test delivery, whose answer tells a result; default 30 s. */
  tryoutTimeoutMs?: number
  /** The longest wait after a 429; default 60 s, which is Partoo's own example. 0: none. */
  politeWaitMaxMs?: number
  /** Told before that wait. */
  waiting?: (ms: number) => void
}

const perPage = 100
const pagesMax = 100
const answerBytesMax = 1_048_576
const toldMax = 1_024
const connectTimeoutMs = 10_000

const configuration = z
  .object({ id, url: z.string(), event_type: z.string(), org_id: id.nullish(), updated_at: z.string().nullish() })
  .transform(
    ({ id, url, event_type, org_id, updated_at }): WebhookConfiguration => ({
      id,
      url,
      eventType: event_type,
      orgId: org_id ?? null,
      updatedAt: updated_at ?? null,
    }),
  )
const configurations = z.object({ items: z.array(configuration) })
/** Where `max_page` should be missing, a page that is not full is the last. */
const pageOfConfigurations = configurations.extend({ max_page: z.bigint().nullish() })

type Query = Record<string, string>
type Called = { kind: 'answered'; status: number; json: JsonValue | undefined } | Failure

export class WebhookAdministration {
  readonly #pool: Pool
  readonly #path: string
  readonly #options: AdministrationOptions
  #hasWaited = false

  constructor(options: AdministrationOptions) {
    const base = new URL(options.baseUrl)
    this.#path = `${options.way?.pathPrefix ?? ''}${base.pathname.replace(/\/+$/, '')}/webhooks`
    this.#options = options
    this.#pool = new Pool(base.origin, {
      connections: 1,
      connect: options.way?.connect ?? { timeout: connectTimeoutMs, rejectUnauthorized: true },
    })
  }

  /** Every configuration of the organization, all pages together. */
  async list(): Promise<Listed> {
    const found = new Map<string, WebhookConfiguration>()
    for (let page = 1; page <= pagesMax; page += 1) {
      const called = await this.#call('GET', '', undefined, { page: String(page), per_page: String(perPage) })
      if (called.kind !== 'answered') return called
      const read = pageOfConfigurations.safeParse(called.json)
      if (!read.success) return unreadable(called.status, 'is no list of webhook configurations')
      const { items, max_page } = read.data
      for (const each of items) found.set(each.id, each)
      const more = max_page == null ? items.length >= perPage : page < max_page
      if (!more || items.length === 0) return { kind: 'listed', configurations: [...found.values()] }
    }
    return unreadable(200, `has more than ${pagesMax} pages`)
  }

  /** Creates configurations; refused where an event type has one already (W1). */
  async create(items: readonly { url: string; eventType: string }[]): Promise<Created> {
    const called = await this.#call('POST', '', { items: items.map(asItem) })
    if (called.kind !== 'answered') return called
    const read = configurations.safeParse(called.json)
    if (!read.success) return unreadable(called.status, 'is no list of webhook configurations')
    return { kind: 'created', configurations: read.data.items }
  }

  /** One configuration. */
  show(configurationId: string): Promise<Shown> {
    return this.#one('GET', configurationId)
  }

  /** Changes the address of a configuration. */
  change(configurationId: string, url: string): Promise<Shown> {
    return this.#one('PUT', configurationId, { url })
  }

  async delete(configurationId: string): Promise<Deleted> {
    const called = await this.#call('DELETE', `/${encodeURIComponent(configurationId)}`)
    return called.kind === 'answered' ? { kind: 'deleted' } : called
  }

  /**
   * Asks for a test delivery: of the latest data of that event type, or a default payload, with X-Partoo-Webhook-Tryout.
   * The address need not be configured.
   */
  async tryout(url: string, eventType: string): Promise<Tried> {
    const { tryoutTimeoutMs = 30_000 } = this.#options
    const raw = await this.#send('POST', '/tryout', { items: [asItem({ url, eventType })] }, {}, tryoutTimeoutMs)
    if (raw.kind === 'answered' && raw.status >= 200 && raw.status < 300) {
      return { kind: 'tried', status: raw.status, text: this.#told(raw.body) }
    }
    return this.#failure(raw)
  }

  /** Ends the connection; a call in progress is cut off. Twice is fine. */
  async close(): Promise<void> {
    if (!this.#pool.destroyed) await this.#pool.destroy()
  }

  async #one(method: 'GET' | 'PUT', configurationId: string, body?: unknown): Promise<Shown> {
    const called = await this.#call(method, `/${encodeURIComponent(configurationId)}`, body)
    if (called.kind !== 'answered') return called
    const read = configuration.safeParse(called.json)
    return read.success
      ? { kind: 'shown', configuration: read.data }
      : unreadable(called.status, 'is no webhook configuration')
  }

  async #call(method: Dispatcher.HttpMethod, path: string, body?: unknown, query: Query = {}): Promise<Called> {
    const raw = await this.#send(method, path, body, query, this.#options.timeoutMs ?? 15_000)
    if (raw.kind !== 'answered' || classifyAnswer(raw).kind !== 'accepted') return this.#failure(raw)
    if (raw.cutShort) return unreadable(raw.status, 'breaks off, or is too long')
    return { kind: 'answered', status: raw.status, json: parseJson(decodeUtf8(raw.body) ?? '') }
  }

  /** One call, and after a 429 another one (W3). */
  async #send(method: Dispatcher.HttpMethod, path: string, body: unknown, query: Query, timeoutMs: number) {
    const { politeWaitMaxMs = 60_000, waiting } = this.#options
    const raw = await this.#exchange(method, path, body, query, timeoutMs)
    const answer = classifyAnswer(raw)
    if (answer.kind !== 'limited' || this.#hasWaited || answer.retryAfterMs > politeWaitMaxMs) return raw
    this.#hasWaited = true
    waiting?.(answer.retryAfterMs)
    await pause(answer.retryAfterMs)
    return this.#exchange(method, path, body, query, timeoutMs)
  }

  async #exchange(
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    query: Query,
    timeoutMs: number,
  ): Promise<RawAnswer> {
    const { apiKey, orgId, way } = this.#options
    const asked = new URLSearchParams({ ...query, ...(orgId !== undefined && { org_id: orgId }) }).toString()
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const response = await this.#pool.request({
        method,
        path: `${this.#path}${path}${asked === '' ? '' : `?${asked}`}`,
        headers: {
          ...way?.headers(),
          'x-APIKey': apiKey,
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal,
      })
      const { statusCode: status, headers } = response
      const retryAfter = firstValue(headers['retry-after'])
      const date = firstValue(headers.date)
      return { kind: 'answered', status, retryAfter, date, ...(await readBody(response.body)) }
    } catch (error) {
      if (signal.aborted) return { kind: 'unanswered', cause: 'timeout', detail: `no answer in ${timeoutMs} ms` }
      return unanswered(error)
    }
  }

  /** What an answer that is no success means here. */
  #failure(raw: RawAnswer): Failure {
    const answer = classifyAnswer(raw)
    const told = raw.kind === 'answered' ? this.#told(raw.body) : ''
    switch (answer.kind) {
      case 'accepted':
        return unreadable(answer.status, 'was not expected')
      case 'rejected':
        return { kind: 'refused', status: answer.status, told }
      case 'forbidden':
        return answer.status === 404
          ? { kind: 'not-found', status: 404, told }
          : { kind: 'forbidden', status: 403, told }
      case 'misdirected':
        if (answer.status === 401) return { kind: 'unauthorized', status: 401, told }
        return { kind: 'misdirected', status: answer.status, detail: answer.detail ?? misdirection(answer.status) }
      case 'limited':
        return { kind: 'limited', status: 429, retryAfterMs: answer.retryAfterMs }
      case 'unavailable':
        return { kind: 'unavailable', status: answer.status, detail: answer.detail, told }
    }
  }

  #told(body: Buffer): string {
    return oneLine(body.toString('utf8'), [this.#options.apiKey], toldMax)
  }
}

function asItem({ url, eventType }: { url: string; eventType: string }) {
  return { url, event_type: eventType }
}

function unreadable(status: number, what: string): Failure {
  return { kind: 'misdirected', status, detail: `the answer ${what}` }
}

function misdirection(status: number): string {
  if (status === 407) return 'a proxy asks for a password'
  return status >= 300 && status < 400 ? 'a redirect was answered' : 'the answer is no JSON'
}

/** Reads up to a bound. What breaks off is told by `cutShort`: the status stands. */
async function readBody(stream: AsyncIterable<Buffer>): Promise<{ body: Buffer; cutShort: boolean }> {
  const chunks: Buffer[] = []
  let bytes = 0
  let cutShort = false
  try {
    for await (const chunk of stream) {
      chunks.push(chunk)
      bytes += chunk.length
      cutShort = bytes > answerBytesMax
      // Leaving the loop ends the stream and its connection.
      if (cutShort) break
    }
  } catch {
    cutShort = true
  }
  return { body: Buffer.concat(chunks).subarray(0, answerBytesMax), cutShort }
}

function firstValue(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
