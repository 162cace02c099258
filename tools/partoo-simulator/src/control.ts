// Owns the control API below /_control: what tests in other processes, scripts and the inbox use to see and steer the
// simulator. JSON in, JSON out, snake_case; 400 names every problem of a request. It has no authentication: whoever
// reaches the port owns the simulator. README.md shows each request as a curl line.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { EventStreams } from './event-stream.ts'
import { faultSchema } from './faults.ts'
import { type Answer, parseJson, readBody, writeAnswer } from './http-io.ts'
import { describeIssues, rateLimitKinds, webhookSchema, webhooksSchema } from './options.ts'
import type { Refused } from './refusal.ts'
import type { PartooState } from './state.ts'

const listedMax = 10_000
const inboxPageSize = 50

const orgId = z.int().positive().optional()

const replySchema = z.strictObject({
  conversation_id: z.int(),
  content: z.string().min(1),
  content_type: z.string().optional(),
  sender_type: z.string().optional(),
  sender_label: z.string().nullable().optional(),
  user_id: z.string().nullable().optional(),
})

const foreignSchema = z.strictObject({
  org_id: orgId,
  conversation_id: z.int().optional(),
  business_id: z.string().min(1).optional(),
  messaging_partner: z.string().min(1).optional(),
  consumer_name: z.string().nullable().optional(),
  content: z.string(),
  content_type: z.string().min(1).optional(),
  sender_type: z.string().min(1).optional(),
})

const statusSchema = z.strictObject({ status: z.enum(['Sending', 'Success', 'Failed']) })

const webhooksChangeSchema = z.strictObject({ org_id: orgId, webhooks: webhooksSchema })

/** Short form: one address for both message events. */
const webhooksChangeShortSchema = z
  .strictObject({ org_id: orgId, url: webhookSchema.shape.url, headers: webhookSchema.shape.headers })
  .transform(({ org_id, url, headers }) => ({
    org_id,
    webhooks: [{ url, event_types: ['message_created', 'message_updated'], headers }],
  }))

const sendSchema = z.strictObject({
  org_id: orgId,
  event_type: z.string().min(1).optional(),
  body: z.unknown().optional(),
})

const organizationChangeSchema = z.strictObject({
  rate_limit_per_minute: z.int().min(0).max(10_000_000).optional(),
  rate_limit_kind: z.enum(rateLimitKinds).optional(),
  token_bucket_burst: z.int().min(1).nullable().optional(),
  revoke_keys: z.array(z.string()).optional(),
  restore_keys: z.array(z.string()).optional(),
})

/** A query parameter that is absent is undefined; digits become a number. */
const integer = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number)
  .optional()
const text = z.string().optional()
const status = z
  .string()
  .regex(/^(\d{3}|null)$/, 'must be a status or null')
  .transform((given) => (given === 'null' ? null : Number(given)))
  .optional()
const callsQuery = z.strictObject({
  org_id: integer,
  channel_id: text,
  business_id: text,
  external_conversation_id: text,
  external_message_id: text,
  status,
  effect: z.enum(['accepted', 'duplicate', 'none']).optional(),
  since: integer,
  limit: integer,
})
const windowQuery = z.strictObject({ ms: z.coerce.number().positive().default(60_000), org_id: integer })
const attemptsQuery = z.strictObject({
  org_id: integer,
  event_type: text,
  message_id: integer,
  outcome: z.enum(['delivered', 'will-retry', 'lost']).optional(),
  since: integer,
  limit: integer,
})
const conversationsQuery = z.strictObject({ org_id: integer, channel_id: text, before: integer, limit: integer })
const pageQuery = z.strictObject({ before: integer, limit: integer })

const ok = (json: unknown): Answer => ({ status: 200, json })
const notFound = (what: string): Answer => ({ status: 404, json: { errors: [what] } })

/** One request: the parts of its path after /_control, and its parsed query and body. */
type Asked = { parts: string[]; query: Record<string, string>; body: unknown }
type Handler = (asked: Asked) => Answer

export class ControlApi {
  readonly #state: PartooState
  readonly #streams: EventStreams
  /** `METHOD /path`, `*` for one part of any value. */
  readonly #handlers: Record<string, Handler>

  constructor(state: PartooState, closed: AbortSignal) {
    this.#state = state
    this.#streams = new EventStreams(state, closed)
    this.#handlers = {
      'GET /state': () => ok(state.snapshot()),
      'POST /reset': () => {
        state.reset()
        return { status: 204 }
      },
      ...this.#faultHandlers(),
      ...this.#recordHandlers(),
      ...this.#inboxHandlers(),
      ...this.#webhookHandlers(),
      'POST /organizations/*': ({ parts, body }) =>
        checked(organizationChangeSchema, body, (change) =>
          answered(state.changeOrganization(Number(parts[1]), change), () => ok(state.snapshot().organizations)),
        ),
    }
  }

  /** Serves one request below /_control. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const parts = url.pathname.split('/').slice(2)
    const method = request.method ?? 'GET'
    if (method === 'GET' && parts.join('/') === 'events') {
      this.#streams.open(response)
      return
    }
    const handler = this.#find(method, parts)
    if (handler === null) {
      writeAnswer(response, notFound(`no ${method} ${url.pathname}; the README lists what there is`))
      return
    }
    let body: unknown = {}
    if (method !== 'GET') {
      const read = await readBody(request)
      if (read.kind === 'gone') return
      if (read.kind === 'too-large') {
        writeAnswer(response, { status: 413, json: { errors: ['the body is larger than 1 MiB'] } })
        return
      }
      const json = read.bytes.length === 0 ? { kind: 'json' as const, value: {} } : parseJson(read.bytes)
      if (json.kind === 'not-json') {
        writeAnswer(response, { status: 400, json: { errors: ['the body is not JSON'] } })
        return
      }
      body = json.value
    }
    writeAnswer(response, handler({ parts, query: Object.fromEntries(url.searchParams), body }))
  }

  #find(method: string, parts: string[]): Handler | null {
    for (const [pattern, handler] of Object.entries(this.#handlers)) {
      const [wanted, path] = pattern.split(' /')
      const expected = (path ?? '').split('/')
      if (wanted !== method || expected.length !== parts.length) continue
      if (expected.every((part, at) => part === '*' || part === parts[at])) return handler
    }
    return null
  }

  #faultHandlers(): Record<string, Handler> {
    const state = this.#state
    return {
      'POST /faults': ({ body }) =>
        checked(faultSchema, body, (order) =>
          answered(state.orderFault(order), ({ fault }) => ({ status: 201, json: fault })),
        ),
      'GET /faults': () => ok({ items: state.faults() }),
      'DELETE /faults': () => {
        state.clearFaults()
        return { status: 204 }
      },
      'GET /faults/*': ({ parts }) => {
        const fault = state.fault(parts[1] ?? '')
        return fault === null ? notFound('no such fault') : ok(fault)
      },
      'DELETE /faults/*': ({ parts }) =>
        state.removeFault(parts[1] ?? '') ? { status: 204 } : notFound('no such fault'),
    }
  }

  #recordHandlers(): Record<string, Handler> {
    const state = this.#state
    return {
      'GET /calls': ({ query }) =>
        checked(callsQuery, query, (filter) =>
          ok({ items: state.calls({ ...filter, limit: listLimit(filter.limit) }), dropped: state.callRecord.dropped }),
        ),
      'GET /calls/most-in-window': ({ query }) =>
        checked(windowQuery, query, ({ ms, org_id }) => ok(state.mostInWindow(ms, org_id))),
      'GET /webhook-attempts': ({ query }) =>
        checked(attemptsQuery, query, (filter) =>
          ok({ items: state.webhookAttempts({ ...filter, limit: listLimit(filter.limit) }) }),
        ),
    }
  }

  #inboxHandlers(): Record<string, Handler> {
    const state = this.#state
    return {
      'GET /conversations': ({ query }) =>
        checked(conversationsQuery, query, ({ org_id, channel_id, before, limit }) =>
          ok(state.conversations({ org_id, channel_id }, before ?? null, pageSize(limit))),
        ),
      'GET /conversations/*': ({ parts }) => {
        const conversation = state.conversation(Number(parts[1]))
        return conversation === null ? notFound('no such conversation') : ok(conversation)
      },
      'GET /conversations/*/messages': ({ parts, query }) =>
        checked(pageQuery, query, ({ before, limit }) => {
          const page = state.messagesOf(Number(parts[1]), before ?? null, pageSize(limit))
          return page === null ? notFound('no such conversation') : ok(page)
        }),
      'POST /conversations/*/read': ({ parts }) =>
        state.markRead(Number(parts[1])) ? { status: 204 } : notFound('no such conversation'),
      'POST /replies': ({ body }) =>
        checked(replySchema, body, (given) =>
          answered(state.reply(given), ({ message }) => ({ status: 201, json: message })),
        ),
      'POST /foreign-messages': ({ body }) =>
        checked(foreignSchema, body, (given) =>
          answered(state.foreignMessage(given), ({ message }) => ({ status: 201, json: message })),
        ),
      'POST /messages/*/status': ({ parts, body }) =>
        checked(statusSchema, body, ({ status }) =>
          answered(state.setMessageStatus(Number(parts[1]), status), ({ message }) => ok(message)),
        ),
    }
  }

  #webhookHandlers(): Record<string, Handler> {
    const state = this.#state
    const send = (tryout: boolean) => (asked: Asked) =>
      checked(sendSchema, asked.body, (given) => {
        const body = 'body' in (asked.body as object) ? given.body : undefined
        return answered(state.sendWebhook({ ...given, body, tryout }), ({ webhooks }) => ok({ webhooks }))
      })
    return {
      'POST /webhooks': ({ body }) =>
        checked(hasWebhooks(body) ? webhooksChangeSchema : webhooksChangeShortSchema, body, ({ org_id, webhooks }) =>
          answered(state.setWebhooks(webhooks, org_id), () => ok(state.snapshot().organizations)),
        ),
      'POST /webhooks/send': send(false),
      'POST /webhooks/tryout': send(true),
    }
  }
}

/** Which of the two forms is meant; the errors then name the fields of that one. */
function hasWebhooks(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'webhooks' in body
}

function listLimit(asked: number | undefined): number {
  return Math.min(listedMax, Math.max(0, asked ?? listedMax))
}

function pageSize(asked: number | undefined): number {
  return Math.min(200, Math.max(1, asked ?? inboxPageSize))
}

/** Hands a checked value to `then`, or answers 400 with every problem. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  then: (value: z.output<Schema>) => Answer,
): Answer {
  const parsed = schema.safeParse(value)
  return parsed.success ? then(parsed.data) : { status: 400, json: { errors: describeIssues(parsed.error) } }
}

const refusedStatus = { 'not-found': 404, 'not-allowed': 403, invalid: 400, full: 503 } as const

/** Answers a refusal of the state, or hands its result to `then`. */
function answered<Result extends { kind: string }>(
  result: Result | Refused,
  then: (result: Exclude<Result, Refused>) => Answer,
): Answer {
  if (isRefused(result)) return { status: refusedStatus[result.reason], json: { errors: [result.message] } }
  return then(result as Exclude<Result, Refused>)
}

function isRefused(result: { kind: string }): result is Refused {
  return result.kind === 'refused'
}
