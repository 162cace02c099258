// Owns Partoo's HTTP API as a client meets it: authentication, the rate limit, faults, and the documented requests.
//
// A request goes through these steps, in this order:
//   1 recorded        at its arrival, whatever becomes of it
//   2 key             whose it is (answered later, so that faults can answer in its place)
//   3 rate limit      refused with 429 + Retry-After; a refused request meets no fault and is not counted
//   4 faults          chosen; those that answer, or cut the connection before any effect, are not counted
//   5 counted, then delayed by latencies
//   6 served          401, 404, 403, 415, 413, 400 or the effect
//   7 answered, or not, as a fault that acts afterwards wants
//
// Guesses where the facts are silent: list answers are { items, next_cursor }; POST /messages takes
// { conversation_id, content } and answers { status: 'success', message }; POST /webhooks takes one { url, event_type }
// or { items: [...] }; http addresses are taken as well as https, for receivers on the same machine.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Call } from './calls.ts'
import type { Fault } from './faults.ts'
import { type Answer, type BodyRead, parseJson, readBody, writeAnswer } from './http-io.ts'
import { describeIssues, webhookSchema } from './options.ts'
import { mayAdminister, type Organization, type WebhookSubscription } from './organizations.ts'
import type { Ingested, PartooState, Refused } from './state.ts'

const hangMsDefault = 600_000
const perPageDefault = 30

const ingestSchema = z.object({
  business_id: z.string().min(1),
  external_conversation_id: z.string().min(1),
  external_message_id: z.string().min(1),
  content: z.string().min(1),
  sender_type: z.enum(['User', 'Consumer']),
  consumer_name: z.string().nullish(),
  consumer_image: z.string().nullish(),
})

const replySchema = z.object({ conversation_id: z.int(), content: z.string().min(1) })

const subscriptionSchema = z.object({
  url: webhookSchema.shape.url,
  event_type: z.string().min(1),
  headers: webhookSchema.shape.headers,
})

const subscriptionsSchema = z.union([
  z.object({ items: z.array(subscriptionSchema).min(1).max(100) }).transform((given) => given.items),
  subscriptionSchema.transform((given) => [given]),
])

const notAllowed: Answer = { status: 403, json: { errors: { authorization: 'Operation not allowed' } } }
const unauthorized: Answer = { status: 401, json: { errors: { authentication: 'API key missing or invalid' } } }
const notFound = (what: string): Answer => ({ status: 404, json: { errors: { not_found: what } } })
const malformed = (errors: Record<string, string>): Answer => ({ status: 400, json: { errors } })

/** A request that is authenticated, read and about to be served. */
type Request = {
  call: Call
  method: string
  path: string[]
  query: URLSearchParams
  organization: Organization
  role: string
  contentType: string
  body: BodyRead
  json: ReturnType<typeof parseJson>
  loseCreation: boolean
}

export class PartooApi {
  readonly #state: PartooState
  readonly #closed: AbortSignal

  /** @param closed ends every delay and hang when the simulator stops */
  constructor(state: PartooState, closed: AbortSignal) {
    this.#state = state
    this.#closed = closed
  }

  /** Serves one request below /v2. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const method = request.method ?? 'GET'
    const call = this.#state.callRecord.open(method, url.pathname, performance.now())
    response.on('close', () => this.#ended(call))
    const path = url.pathname.split('/').slice(2).map(decodeSegment)
    const key = String(request.headers['x-apikey'] ?? '')
    const owner = this.#state.organizations.byKey(key)
    call.org_id = owner?.organization.org_id ?? null
    const ingestion = method === 'POST' && path.length === 3 && path[0] === 'custom-channels' && path[2] === 'messages'
    if (path[0] === 'custom-channels') call.channel_id = path[1] ?? null

    const body = await readBody(request)
    if (body.kind === 'gone') return
    const json = body.kind === 'read' ? parseJson(body.bytes) : { kind: 'not-json' as const }
    this.#recordBody(call, body, json)

    const limited = owner?.organization.limit.check(performance.now())
    if (limited?.kind === 'refused') {
      this.#answer(call, response, {
        status: 429,
        json: { errors: { rate_limit: 'Too many requests' } },
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(limited.retryAfterMs / 1_000))) },
      })
      return
    }
    const { latencyMs, latencies, fault } = this.#state.chooseFaults({ ...call, ingestion }, performance.now())
    call.latency_fault_ids = latencies.map((each) => each.id)
    call.fault_id = fault?.id ?? null
    if (!isBeforeEffect(fault)) owner?.organization.limit.take(performance.now())
    // A client that gave up meanwhile is served all the same: it cannot know whether its request took effect.
    if (latencyMs > 0) await this.#wait(latencyMs, null)
    if (this.#closed.aborted) return
    if (isBeforeEffect(fault)) {
      await this.#cutBefore(call, response, fault)
      return
    }

    const answer =
      owner === null
        ? unauthorized
        : this.#serve({
            call,
            method,
            path,
            query: url.searchParams,
            organization: owner.organization,
            role: owner.key.role,
            contentType: String(request.headers['content-type'] ?? ''),
            body,
            json,
            loseCreation: fault?.effect.kind === 'lose-creation',
          })
    await this.#finish(call, response, answer, fault)
  }

  #recordBody(call: Call, body: BodyRead, json: ReturnType<typeof parseJson>): void {
    if (body.kind !== 'read' || body.bytes.length === 0) return
    call.body = json.kind === 'json' ? json.value : body.bytes.toString('utf8')
    this.#state.callRecord.weigh(call, body.bytes.length)
    const text = (name: string) => {
      const value = (call.body as Record<string, unknown> | null)?.[name]
      return typeof value === 'string' ? value : null
    }
    call.business_id = text('business_id')
    call.external_conversation_id = text('external_conversation_id')
    call.external_message_id = text('external_message_id')
  }

  // ---- faults ------------------------------------------------------------------------------------------------------

  /** A fault that answers or cuts the connection before the request has any effect. */
  async #cutBefore(call: Call, response: ServerResponse, fault: Fault): Promise<void> {
    const { effect } = fault
    if (effect.kind === 'answer') {
      this.#answer(call, response, faultAnswer(effect))
      return
    }
    if (effect.kind === 'hang') await this.#wait(effect.ms ?? hangMsDefault, response)
    response.destroy()
  }

  /** Answers, unless a fault acts after the effect. Those spare requests that had none (refused ones). */
  async #finish(call: Call, response: ServerResponse, answer: Answer, fault: Fault | null): Promise<void> {
    const effect = answer.status < 300 ? fault?.effect : undefined
    switch (effect?.kind) {
      case 'reset':
        response.destroy()
        return
      case 'hang':
        await this.#wait(effect.ms ?? hangMsDefault, response)
        response.destroy()
        return
      case 'break-off':
        this.#breakOff(call, response, answer)
        return
      default:
        this.#answer(call, response, answer)
    }
  }

  #breakOff(call: Call, response: ServerResponse, answer: Answer): void {
    if (response.destroyed) return
    const body = JSON.stringify(answer.json ?? null)
    call.status = answer.status
    response.writeHead(answer.status, { 'Content-Type': 'application/json', 'Content-Length': body.length })
    // Destroyed once the first half is on its way, so that the client sees the status and then the end.
    response.write(body.slice(0, Math.floor(body.length / 2)), () => response.destroy())
  }

  #answer(call: Call, response: ServerResponse, answer: Answer): void {
    if (!response.destroyed && !response.headersSent) call.status = answer.status
    writeAnswer(response, answer)
  }

  #ended(call: Call): void {
    call.ended_ms = performance.now()
    if (!this.#state.heard) return
    const { body: _, ...rest } = call
    this.#state.tellCall({ type: 'call', call: rest })
  }

  /** Waits so long, or until the simulator stops, or until the client of `response` (where given) leaves. */
  #wait(ms: number, response: ServerResponse | null): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        response?.off('close', end)
        this.#closed.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      response?.on('close', end)
      this.#closed.addEventListener('abort', end)
      if (this.#closed.aborted || response?.destroyed) end()
    })
  }

  // ---- requests ----------------------------------------------------------------------------------------------------

  #serve(request: Request): Answer {
    const { method, path } = request
    const route = path.join('/')
    if (path[0] === 'custom-channels' && path.length === 3 && path[2] === 'messages') {
      return method === 'POST' ? this.#ingest(request) : wrongMethod('POST')
    }
    if (route === 'conversations') return method === 'GET' ? this.#listConversations(request) : wrongMethod('GET')
    if (route === 'messages') {
      if (method === 'GET') return this.#listMessages(request)
      return method === 'POST' ? this.#reply(request) : wrongMethod('GET, POST')
    }
    if (path[0] === 'webhooks' && path.length <= 2) return this.#administerWebhooks(request)
    return notFound('no such resource')
  }

  #ingest(request: Request): Answer {
    const { call, organization } = request
    const found = this.#state.organizations.channel(request.path[1] ?? '')
    if (found === null || found.organization !== organization) return notFound('no such channel')
    if (!mayAdminister(request.role)) return notAllowed
    const parsed = parseBody(request, ingestSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const { value } = parsed
    if (organization.businesses !== null && !organization.businesses.has(value.business_id)) return notAllowed
    const given: Ingested = {
      ...value,
      consumer_name: value.consumer_name ?? null,
      consumer_image: value.consumer_image ?? null,
    }
    const result = this.#state.ingest(organization, found.channel, given, request.loseCreation)
    if (result.kind === 'refused') return refusedAnswer(result)
    call.effect = result.kind
    return { status: 200, json: { status: 'success' } }
  }

  #reply(request: Request): Answer {
    const parsed = parseBody(request, replySchema)
    if (parsed.kind === 'refused') return parsed.answer
    const { conversation_id, content } = parsed.value
    if (this.#state.conversation(conversation_id)?.org_id !== request.organization.org_id) {
      return notFound('no such conversation')
    }
    const result = this.#state.reply({ conversation_id, content, sender_label: 'API', user_id: null })
    if (result.kind === 'refused') return refusedAnswer(result)
    request.call.effect = 'accepted'
    return { status: 200, json: { status: 'success', message: { id: result.message.id, conversation_id } } }
  }

  #listConversations(request: Request): Answer {
    const page = readPage(request.query)
    if (page.kind === 'refused') return page.answer
    const ids = request.query.get('business_ids')
    const businesses = ids === null || ids === '' ? null : new Set(ids.split(','))
    const found = this.#state.shownConversations(request.organization.org_id, businesses, page.after, page.size)
    return { status: 200, json: { items: found.items, next_cursor: writeCursor(found.next) } }
  }

  #listMessages(request: Request): Answer {
    const page = readPage(request.query)
    if (page.kind === 'refused') return page.answer
    const id = Number(request.query.get('conversation_id') ?? Number.NaN)
    if (!Number.isInteger(id)) return malformed({ conversation_id: 'must be an integer' })
    const found = this.#state.shownMessages(request.organization.org_id, id, page.after, page.size)
    if (found === null) return notFound('no such conversation')
    return { status: 200, json: { items: found.items, next_cursor: writeCursor(found.next) } }
  }

  #administerWebhooks(request: Request): Answer {
    const { method, organization, path } = request
    if (!mayAdminister(request.role)) return notAllowed
    const orgId = request.query.get('org_id')
    if (orgId !== null && orgId !== String(organization.org_id)) return notAllowed
    if (path.length === 1) {
      if (method === 'GET') return { status: 200, json: { items: [...organization.subscriptions.values()].map(shown) } }
      return method === 'POST' ? this.#subscribe(request) : wrongMethod('GET, POST')
    }
    const subscription = organization.subscriptions.get(Number(path[1]))
    if (subscription === undefined) return notFound('no such webhook')
    if (method === 'GET') return { status: 200, json: shown(subscription) }
    if (method === 'DELETE') {
      organization.subscriptions.delete(subscription.id)
      return { status: 204 }
    }
    if (method !== 'PUT') return wrongMethod('GET, PUT, DELETE')
    const parsed = parseBody(request, subscriptionSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const holder = this.#state.organizations.subscriptionOf(organization, parsed.value.event_type)
    if (holder !== null && holder.id !== subscription.id) return alreadyConfigured
    const { url, event_type, headers } = parsed.value
    Object.assign(subscription, { url, event_type, headers: headers ?? {} })
    return { status: 200, json: shown(subscription) }
  }

  #subscribe(request: Request): Answer {
    const { organization } = request
    const parsed = parseBody(request, subscriptionsSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const types = parsed.value.map((each) => each.event_type)
    const taken = types.some((type) => this.#state.organizations.subscriptionOf(organization, type) !== null)
    if (taken || new Set(types).size !== types.length) return alreadyConfigured
    const items = parsed.value.flatMap(({ url, event_type, headers }) => {
      return this.#state.organizations.subscribe(organization, { url, event_type, headers: headers ?? {} }) ?? []
    })
    return { status: 200, json: { items: items.map(shown) } }
  }
}

const alreadyConfigured = malformed({ event_type: 'already configured for this organization' })

function shown({ id, url, event_type }: WebhookSubscription) {
  return { id, url, event_type }
}

function wrongMethod(allowed: string): Answer {
  return { status: 405, json: { errors: { method: `use ${allowed}` } }, headers: { Allow: allowed } }
}

function refusedAnswer(refused: Refused): Answer {
  switch (refused.reason) {
    case 'not-found':
      return notFound(refused.message)
    case 'not-allowed':
      return notAllowed
    case 'invalid':
      return malformed({ request: refused.message })
    case 'full':
      return { status: 503, json: { errors: { server: refused.message } } }
    default:
      return refused.reason satisfies never
  }
}

/** Checks content type, size, JSON and fields, in this order: 415, 413, 400. */
function parseBody<Value>(
  request: Request,
  schema: z.ZodType<Value>,
): { kind: 'parsed'; value: Value } | { kind: 'refused'; answer: Answer } {
  const refused = (answer: Answer) => ({ kind: 'refused' as const, answer })
  if (!/^application\/json\s*(;|$)/i.test(request.contentType)) {
    return refused({ status: 415, json: { errors: { content_type: 'must be application/json' } } })
  }
  if (request.body.kind === 'too-large') {
    return refused({ status: 413, json: { errors: { body: 'larger than 1 MiB' } } })
  }
  if (request.json.kind === 'not-json') return refused(malformed({ body: 'must be JSON' }))
  const parsed = schema.safeParse(request.json.value)
  if (parsed.success) return { kind: 'parsed', value: parsed.data }
  const errors: Record<string, string> = {}
  for (const issue of parsed.error.issues) errors[issue.path.map(String).join('.') || 'body'] ??= issue.message
  if (Object.keys(errors).length === 0) errors.body = describeIssues(parsed.error).join('; ')
  return refused(malformed(errors))
}

type BeforeEffect = Fault & { effect: { kind: 'answer' } | { kind: 'reset' | 'hang'; when: 'before' } }

function isBeforeEffect(fault: Fault | null): fault is BeforeEffect {
  if (fault === null) return false
  const { effect } = fault
  return effect.kind === 'answer' || ((effect.kind === 'reset' || effect.kind === 'hang') && effect.when === 'before')
}

function faultAnswer(effect: Extract<Fault['effect'], { kind: 'answer' }>): Answer {
  const headers = { ...effect.headers, ...(effect.content_type ? { 'Content-Type': effect.content_type } : {}) }
  if (effect.status === 204 || effect.status === 304) return { status: effect.status, headers }
  if (typeof effect.body === 'string') return { status: effect.status, text: effect.body, headers }
  const json = effect.body === undefined ? { errors: { simulated: `status ${effect.status}` } } : effect.body
  return { status: effect.status, json, headers }
}

/** Cursors are opaque to clients: the last id of the page before, not readable as a number by accident. */
function writeCursor(lastId: number | null): string | null {
  return lastId === null ? null : Buffer.from(`after:${lastId}`).toString('base64url')
}

function readPage(
  query: URLSearchParams,
): { kind: 'page'; after: number; size: number } | { kind: 'refused'; answer: Answer } {
  const size = Number(query.get('per_page') ?? perPageDefault)
  if (!Number.isInteger(size) || size < 1 || size > 100) {
    return { kind: 'refused', answer: malformed({ per_page: 'must be an integer from 1 to 100' }) }
  }
  const cursor = query.get('cursor')
  if (cursor === null || cursor === '') return { kind: 'page', after: 0, size }
  const match = /^after:(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))
  if (match === null) return { kind: 'refused', answer: malformed({ cursor: 'is not one of ours' }) }
  return { kind: 'page', after: Number(match[1]), size }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
