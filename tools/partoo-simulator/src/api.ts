// Owns Partoo's HTTP API as a client meets it: authentication, the rate limit and faults, around the documented requests
// (requests.ts).
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
// A request belongs to the life of the state in which it arrived: after a reset, or at the end, it has no effect any more
// and its connection is destroyed.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Call } from './calls.ts'
import { type Fault, type FaultBeforeEffect, isBeforeEffect } from './faults.ts'
import { type Answer, type BodyRead, parseJson, readBody, writeAnswer } from './http-io.ts'
import { PartooRequests } from './requests.ts'
import type { PartooState } from './state.ts'

const hangMsDefault = 600_000

const unauthorized: Answer = { status: 401, json: { errors: { authentication: 'API key missing or invalid' } } }

export class PartooApi {
  readonly #state: PartooState
  readonly #requests: PartooRequests

  constructor(state: PartooState) {
    this.#state = state
    this.#requests = new PartooRequests(state)
  }

  /** Serves one request below /v2. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { life } = this.#state
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
    if (life.aborted) {
      response.destroy()
      return
    }
    const json = body.kind === 'read' ? parseJson(body.bytes) : { kind: 'not-json' as const }
    this.#recordBody(call, body, json)

    const nowMs = performance.now()
    const limited = owner?.organization.limit.check(nowMs)
    if (limited?.kind === 'refused') {
      this.#answer(call, response, {
        status: 429,
        json: { errors: { rate_limit: 'Too many requests' } },
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(limited.retryAfterMs / 1_000))) },
      })
      return
    }
    const { latencyMs, latencies, fault } = this.#state.chooseFaults({ ...call, ingestion }, nowMs)
    call.latency_fault_ids = latencies.map((each) => each.id)
    call.fault_id = fault?.id ?? null
    if (owner !== null && !isBeforeEffect(fault)) {
      owner.organization.limit.take(nowMs)
      call.counted_ms = nowMs
    }
    // A client that gave up meanwhile is served all the same: it cannot know whether its request took effect.
    if (latencyMs > 0) await wait(latencyMs, life, null)
    if (life.aborted) {
      response.destroy()
      return
    }
    if (isBeforeEffect(fault)) {
      await this.#cutBefore(call, response, fault, life)
      return
    }

    const served =
      owner === null
        ? unauthorized
        : this.#requests.serve({
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
    const answer = served instanceof Promise ? await served : served
    if (life.aborted) {
      response.destroy()
      return
    }
    await this.#finish(call, response, answer, fault, life)
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
  async #cutBefore(call: Call, response: ServerResponse, fault: FaultBeforeEffect, life: AbortSignal): Promise<void> {
    const { effect } = fault
    switch (effect.kind) {
      case 'answer':
        this.#answer(call, response, faultAnswer(effect))
        return
      case 'reset':
        reset(response)
        return
      case 'hang':
        await wait(effect.ms ?? hangMsDefault, life, response)
        response.destroy()
        return
      default:
        effect satisfies never
    }
  }

  /** Answers, unless a fault acts after the effect. Those spare requests that had none (refused ones). */
  async #finish(
    call: Call,
    response: ServerResponse,
    answer: Answer,
    fault: Fault | null,
    life: AbortSignal,
  ): Promise<void> {
    const effect = answer.status < 300 ? fault?.effect : undefined
    switch (effect?.kind) {
      case 'reset':
        reset(response)
        return
      case 'hang':
        await wait(effect.ms ?? hangMsDefault, life, response)
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
    const body = Buffer.from(JSON.stringify(answer.json ?? null))
    call.status = answer.status
    response.writeHead(answer.status, { 'Content-Type': 'application/json', 'Content-Length': body.length })
    // Destroyed once the first half is on its way, so that the client sees the status and then the end.
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy())
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
}

/** Waits so long, or until `life` is over, or until the client of `response` (where given) leaves. */
function wait(ms: number, life: AbortSignal, response: ServerResponse | null): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      response?.off('close', end)
      life.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    response?.on('close', end)
    life.addEventListener('abort', end)
    if (life.aborted || response?.destroyed) end()
  })
}

/** Ends the connection with an RST, as a crashed or overloaded server does; a mere end would be a FIN. */
function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
  response.destroy()
}

function faultAnswer(effect: Extract<Fault['effect'], { kind: 'answer' }>): Answer {
  const headers = { ...effect.headers, ...(effect.content_type ? { 'Content-Type': effect.content_type } : {}) }
  if (effect.status === 204 || effect.status === 304) return { status: effect.status, headers }
  if (typeof effect.body === 'string') return { status: effect.status, text: effect.body, headers }
  const json = effect.body === undefined ? { errors: { simulated: `status ${effect.status}` } } : effect.body
  return { status: effect.status, json, headers }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
