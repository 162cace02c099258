// Owns Partoo's webhook administration below /webhooks: listing, creating, changing and deleting configurations, and test
// deliveries. Source: developers.partoo.co, "Webhooks" API reference, read in November 2026:
//
//   GET    /webhooks?page=&per_page=1..100   { page, max_page, count, items: [configuration] }
//   POST   /webhooks                         { items: [{ url, event_type }] } answers { items: [configuration] }
//   POST   /webhooks/tryout                  the same body, of which only the first item counts; answers a result
//   GET, PUT { url }, DELETE /webhooks/{id}  the former two answer the configuration
//   ?org_id=                                 required for PROVIDER keys only
//
//   configuration: { id, url, event_type, created_at, updated_at, org_id }, one per event type and organization
//
// Guesses where the facts are silent: the name `headers` of custom headers; who may administer (the roles that may ingest);
// the status of every refusal; what DELETE answers (204); a page beyond the last (empty); the result of a test delivery,
// and that it is attempted once; event types that are none of the six (400). http addresses are taken as well as https, for
// receivers on the same machine.

import { z } from 'zod'
import type { Answer } from './http-io.ts'
import { webhookSchema } from './options.ts'
import { mayAdminister, type Organization, type WebhookSubscription } from './organizations.ts'
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
import type { PartooRequest } from './requests.ts'
import type { PartooState } from './state.ts'
import { eventTypes } from './webhook-event.ts'

const itemsMax = 100

const itemSchema = z.object({
  url: webhookSchema.shape.url,
  event_type: z.enum(eventTypes, { error: `must be one of ${eventTypes.join(', ')}` }),
  headers: webhookSchema.shape.headers.transform((headers) => headers ?? {}),
})

const itemsSchema = z.object({ items: z.array(itemSchema).min(1).max(itemsMax) })

/** Entries after the first are ignored, so they are not checked either. */
const tryoutSchema = z.object({ items: z.tuple([itemSchema], z.unknown()) })

const changeSchema = z.object({ url: webhookSchema.shape.url, headers: webhookSchema.shape.headers })

const alreadyConfigured = malformed({ event_type: 'already configured for this organization' })

export class WebhookAdministration {
  readonly #state: PartooState

  constructor(state: PartooState) {
    this.#state = state
  }

  /** Serves one request below /webhooks. Only a test delivery takes time: at most what one webhook may take. */
  serve(request: PartooRequest): Answer | Promise<Answer> {
    const { method, path, organization } = request
    const refused = whyNot(request)
    if (refused !== null) return refused
    if (path.length === 1) {
      if (method === 'GET') return listed(organization, request.query)
      return method === 'POST' ? this.#subscribe(request) : wrongMethod('GET, POST')
    }
    if (path[1] === 'tryout') return method === 'POST' ? this.#tryout(request) : wrongMethod('POST')
    const subscription = organization.subscriptions.get(readWhole(path[1] ?? '') ?? 0)
    if (subscription === undefined) return notFound('no such webhook')
    switch (method) {
      case 'GET':
        return { status: 200, json: shown(organization, subscription) }
      case 'PUT':
        return this.#change(request, subscription)
      case 'DELETE':
        organization.subscriptions.delete(subscription.id)
        this.#state.settingsChanged()
        return { status: 204 }
      default:
        return wrongMethod('GET, PUT, DELETE')
    }
  }

  #subscribe(request: PartooRequest): Answer {
    const { organization } = request
    const parsed = parseBody(request, itemsSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const subscriptions = this.#state.organizations.subscribe(organization, parsed.value.items)
    if (subscriptions === null) return alreadyConfigured
    this.#state.settingsChanged()
    return { status: 200, json: { items: subscriptions.map((each) => shown(organization, each)) } }
  }

  #change(request: PartooRequest, subscription: WebhookSubscription): Answer {
    const parsed = parseBody(request, changeSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const { url, headers } = parsed.value
    this.#state.organizations.redirect(subscription, { url, ...(headers !== undefined && { headers }) })
    this.#state.settingsChanged()
    return { status: 200, json: shown(request.organization, subscription) }
  }

  async #tryout(request: PartooRequest): Promise<Answer> {
    const parsed = parseBody(request, tryoutSchema)
    if (parsed.kind === 'refused') return parsed.answer
    const [target] = parsed.value.items
    const { status, error } = await this.#state.tryout(request.organization, target)
    const { url, event_type } = target
    const success = status !== null && status >= 200 && status < 300
    return { status: 200, json: { items: [{ url, event_type, success, status_code: status, error }] } }
  }
}

/** Why this key may not administer webhooks, or not those it asks for; null: it may. */
function whyNot({ role, query, organization }: PartooRequest): Answer | null {
  if (!mayAdminister(role)) return notAllowed
  const orgId = query.get('org_id')
  if (orgId === null) return role === 'PROVIDER' ? malformed({ org_id: 'required for a PROVIDER key' }) : null
  return orgId === String(organization.org_id) ? null : notAllowed
}

function listed(organization: Organization, query: URLSearchParams): Answer {
  const perPage = readPerPage(query)
  if (perPage === null) return perPageMalformed
  const page = readWhole(query.get('page') ?? '1')
  if (page === null || page < 1) return malformed({ page: 'must be an integer from 1 on' })
  const all = [...organization.subscriptions.values()]
  const items = all.slice((page - 1) * perPage, page * perPage).map((each) => shown(organization, each))
  const maxPage = Math.max(1, Math.ceil(all.length / perPage))
  return { status: 200, json: { page, max_page: maxPage, count: all.length, items } }
}

/** A configuration as its administration shows it. */
function shown({ org_id }: Organization, { id, url, event_type, created_at, updated_at }: WebhookSubscription) {
  return { id, url, event_type, created_at, updated_at, org_id }
}
