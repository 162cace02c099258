// Owns the documented requests of Partoo's HTTP API: what each checks, does and answers. No I/O: a request comes in read
// and authenticated (api.ts did that), an answer goes out as a value.
//
// Guesses where the facts are silent: list answers are { items, next_cursor }; POST /messages takes
// { conversation_id, content } and answers { status: 'success', message }; POST /webhooks takes one { url, event_type }
// or { items: [...] }; http addresses are taken as well as https, for receivers on the same machine.

import { z } from 'zod'
import type { Call } from './calls.ts'
import type { Answer, BodyRead, parseJson } from './http-io.ts'
import type { Ingested } from './inputs.ts'
import { describeIssues, webhookSchema } from './options.ts'
import { mayAdminister, type Organization, type WebhookSubscription } from './organizations.ts'
import type { Refused } from './refusal.ts'
import type { PartooState } from './state.ts'

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
  headers: webhookSchema.shape.headers.transform((headers) => headers ?? {}),
})

const subscriptionsSchema = z.object({ items: z.array(subscriptionSchema).min(1).max(100) })

const notAllowed: Answer = { status: 403, json: { errors: { authorization: 'Operation not allowed' } } }
const notFound = (what: string): Answer => ({ status: 404, json: { errors: { not_found: what } } })
const malformed = (errors: Record<string, string>): Answer => ({ status: 400, json: { errors } })
const alreadyConfigured = malformed({ event_type: 'already configured for this organization' })

/** A request that is authenticated, read and about to be served. */
export type PartooRequest = {
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

export class PartooRequests {
  readonly #state: PartooState

  constructor(state: PartooState) {
    this.#state = state
  }

  /** Serves one request: its effect, and its answer. */
  serve(request: PartooRequest): Answer {
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

  #ingest(request: PartooRequest): Answer {
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

  #reply(request: PartooRequest): Answer {
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

  #listConversations(request: PartooRequest): Answer {
    const page = readPage(request.query)
    if (page.kind === 'refused') return page.answer
    const ids = request.query.get('business_ids')
    const businesses = ids === null || ids === '' ? null : new Set(ids.split(','))
    const found = this.#state.shownConversations(request.organization.org_id, businesses, page.after, page.size)
    return { status: 200, json: { items: found.items, next_cursor: writeCursor(found.next) } }
  }

  #listMessages(request: PartooRequest): Answer {
    const page = readPage(request.query)
    if (page.kind === 'refused') return page.answer
    const given = request.query.get('conversation_id') ?? ''
    const id = Number(given)
    if (!/^\d{1,15}$/.test(given)) return malformed({ conversation_id: 'must be an integer' })
    const found = this.#state.shownMessages(request.organization.org_id, id, page.after, page.size)
    if (found === null) return notFound('no such conversation')
    return { status: 200, json: { items: found.items, next_cursor: writeCursor(found.next) } }
  }

  #administerWebhooks(request: PartooRequest): Answer {
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
      this.#state.settingsChanged()
      return { status: 204 }
    }
    if (method !== 'PUT') return wrongMethod('GET, PUT, DELETE')
    const parsed = parseBody(request, subscriptionSchema)
    if (parsed.kind === 'refused') return parsed.answer
    if (!this.#state.organizations.replace(organization, subscription, parsed.value)) return alreadyConfigured
    this.#state.settingsChanged()
    return { status: 200, json: shown(subscription) }
  }

  #subscribe(request: PartooRequest): Answer {
    const isList = request.json.kind === 'json' && typeof request.json.value === 'object' && request.json.value !== null
    // Chosen by its shape, so that an error names the field that is wrong.
    const several = isList && 'items' in (request.json as { value: object }).value
    const parsed = several ? parseBody(request, subscriptionsSchema) : parseBody(request, subscriptionSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const given = 'items' in parsed.value ? parsed.value.items : [parsed.value]
    const subscriptions = this.#state.organizations.subscribe(request.organization, given)
    if (subscriptions === null) return alreadyConfigured
    this.#state.settingsChanged()
    return { status: 200, json: { items: subscriptions.map(shown) } }
  }
}

/** A webhook configuration as its administration shows it. */
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
function parseBody<Schema extends z.ZodType>(
  request: PartooRequest,
  schema: Schema,
): { kind: 'parsed'; value: z.output<Schema> } | { kind: 'refused'; answer: Answer } {
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
