// Owns the documented requests of Partoo's HTTP API: what each checks, does and answers; those below /webhooks are in
// webhook-administration.ts. No I/O: a request comes in read and authenticated (api.ts did that), an answer goes out as a
// value.
//
// Guesses where the facts are silent: look-ups answer { items, next_cursor }; POST /messages takes
// { conversation_id, content } and answers { status: 'success', message }.

import { z } from 'zod'
import type { Call } from './calls.ts'
import type { Answer, BodyRead, parseJson } from './http-io.ts'
import type { Ingested } from './inputs.ts'
import { mayAdminister, type Organization } from './organizations.ts'
import type { Refused } from './refusal.ts'
import {
  malformed,
  notAllowed,
  notFound,
  parseBody,
  perPageMalformed,
  readPerPage,
  readWhole,
  wrongMethod,
} from './request-checks.ts'
import type { PartooState } from './state.ts'
import { WebhookAdministration } from './webhook-administration.ts'

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
  readonly #webhooks: WebhookAdministration

  constructor(state: PartooState) {
    this.#state = state
    this.#webhooks = new WebhookAdministration(state)
  }

  /** Serves one request: its effect, and its answer. Only a test delivery's takes time. */
  serve(request: PartooRequest): Answer | Promise<Answer> {
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
    if (path[0] === 'webhooks' && path.length <= 2) return this.#webhooks.serve(request)
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
    const id = readWhole(request.query.get('conversation_id') ?? '')
    if (id === null) return malformed({ conversation_id: 'must be an integer' })
    const found = this.#state.shownMessages(request.organization.org_id, id, page.after, page.size)
    if (found === null) return notFound('no such conversation')
    return { status: 200, json: { items: found.items, next_cursor: writeCursor(found.next) } }
  }
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

/** Cursors are opaque to clients: the last id of the page before, not readable as a number by accident. */
function writeCursor(lastId: number | null): string | null {
  return lastId === null ? null : Buffer.from(`after:${lastId}`).toString('base64url')
}

function readPage(
  query: URLSearchParams,
): { kind: 'page'; after: number; size: number } | { kind: 'refused'; answer: Answer } {
  const size = readPerPage(query)
  if (size === null) return { kind: 'refused', answer: perPageMalformed }
  const cursor = query.get('cursor')
  if (cursor === null || cursor === '') return { kind: 'page', after: 0, size }
  const match = /^after:(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))
  if (match === null) return { kind: 'refused', answer: malformed({ cursor: 'is not one of ours' }) }
  return { kind: 'page', after: Number(match[1]), size }
}
