// Owns the delivery of webhooks: signed once, sent concurrently, retried as Partoo retries, every attempt recorded.
//
//   W1 A 5xx is retried up to `retriesMax` times with exponential backoff, then the event is lost for good.
//   W2 Any other answer that is not 2xx is never retried: lost at once.
//      A test delivery asked for through the API is attempted once, since its result is the answer.
//   W3 A retry repeats the same bytes and the same signature.
//   W4 At most `concurrencyMax` attempts at once and `queueMax` events waiting or under way; what comes on top is lost,
//      recorded as such.
// Partoo does not say what it does when no answer comes (connection refused or reset, timeout): treated like a 5xx.

import { setMaxListeners } from 'node:events'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { BoundedRecord } from './bounded-record.ts'
import type { Events } from './events.ts'
import type { NewSubscription } from './organizations.ts'
import type { Signer } from './signing.ts'

export const retriesMax = 5
const concurrencyMax = 16
const queueMaxDefault = 100_000
const attemptsRecordedMax = 100_000
const attemptBytesMax = 128 * 1024 * 1024
/** An answer's body is read so that the connection can be used again, up to here. */
const answerBytesMax = 64 * 1024

/** One attempt (or, with `attempt` 0, an event lost because the queue was full). */
export type WebhookAttempt = {
  n: number
  delivery_id: number
  event_type: string
  message_id: number | null
  org_id: number
  url: string
  /** 1 for the first one, up to 6. */
  attempt: number
  at: string
  at_ms: number
  ended_ms: number
  /** null: no answer. */
  status: number | null
  /** What prevented an answer; null where there was one. */
  error: string | null
  /** `delivered`: 2xx; `will-retry`; `lost`: never sent again. */
  outcome: 'delivered' | 'will-retry' | 'lost'
  tryout: boolean
  body: string
}

export type WebhookFilter = {
  org_id?: number | undefined
  event_type?: string | undefined
  message_id?: number | undefined
  outcome?: WebhookAttempt['outcome'] | undefined
  since?: number | undefined
  limit?: number | undefined
}

/** What came of one attempt. `status` null: no answer, and `error` says why. */
export type Attempted = { status: number | null; error: string | null }

type Delivery = {
  id: number
  subscription: NewSubscription
  orgId: number
  messageId: number | null
  body: Buffer
  signature: string
  tryout: boolean
  attempts: number
  attemptsMax: number
  ended: Ended | null
}

type Ended = (delivered: boolean, last: Attempted) => void

export type WebhookOptions = {
  /** The wait before the first retry; each following one is twice as long. */
  retryBaseMs: number
  /** How long one attempt may take. */
  timeoutMs: number
  signer: Signer
  events: Events
  /** Events waiting, under way or between two attempts; default 100,000. */
  queueMax?: number
}

export class Webhooks {
  readonly #options: WebhookOptions
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: concurrencyMax })
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: concurrencyMax })
  readonly #record = new BoundedRecord<WebhookAttempt>(attemptsRecordedMax, attemptBytesMax)
  readonly #retryTimers = new Set<NodeJS.Timeout>()
  /** Ends every attempt under way; replaced by each clear(), so that nothing of before reaches the state of after. */
  #life = newLife()
  #closed = false
  #waiting: Delivery[] = []
  #waitingHead = 0
  #underWay = 0
  /** Waiting, under way, or between two attempts. */
  #pending = 0
  #deliveryLast = 0

  constructor(options: WebhookOptions) {
    this.#options = options
  }

  /** Events not yet delivered or lost. */
  get pending(): number {
    return this.#pending
  }

  /**
   * Sends one event. `body` is signed as it is.
   * @param ended told once: true after a 2xx, false when the event is lost, with the last attempt; not told after clear()
   *   or close()
   */
  send(
    subscription: NewSubscription,
    body: Buffer,
    about: { orgId: number; messageId: number | null; tryout?: boolean; attemptsMax?: number },
    ended: Ended | null = null,
  ): void {
    if (this.#closed) return
    const full = this.#pending >= (this.#options.queueMax ?? queueMaxDefault)
    this.#deliveryLast += 1
    const delivery: Delivery = {
      id: this.#deliveryLast,
      subscription: { ...subscription },
      orgId: about.orgId,
      messageId: about.messageId,
      body,
      signature: full ? '' : this.#options.signer.sign(body),
      tryout: about.tryout ?? false,
      attempts: 0,
      attemptsMax: about.attemptsMax ?? 1 + retriesMax,
      ended,
    }
    if (full) {
      const refused = { status: null, error: 'the queue is full' }
      this.#write(delivery, new Date().toISOString(), performance.now(), refused, 'lost')
      ended?.(false, refused)
      return
    }
    this.#pending += 1
    this.#waiting.push(delivery)
    this.#next()
  }

  /** Recorded attempts that match every given field, oldest first. */
  attempts(filter: WebhookFilter = {}): WebhookAttempt[] {
    const found: WebhookAttempt[] = []
    const limit = filter.limit ?? Number.POSITIVE_INFINITY
    if (limit <= 0) return found
    for (const attempt of this.#record.after(filter.since)) {
      if (filter.org_id !== undefined && attempt.org_id !== filter.org_id) continue
      if (filter.event_type !== undefined && attempt.event_type !== filter.event_type) continue
      if (filter.message_id !== undefined && attempt.message_id !== filter.message_id) continue
      if (filter.outcome !== undefined && attempt.outcome !== filter.outcome) continue
      found.push(attempt)
      if (found.length >= limit) break
    }
    return found
  }

  get attemptsDropped(): number {
    return this.#record.dropped
  }

  /** Forgets everything, what is under way included. */
  clear(): void {
    this.#endAll()
    this.#record.clear()
  }

  /** Ends what is under way and closes every connection. Nothing is sent or recorded afterwards; the record stays. */
  close(): void {
    this.#closed = true
    this.#endAll()
    this.#http.destroy()
    this.#https.destroy()
  }

  #endAll(): void {
    this.#life.abort()
    this.#life = newLife()
    for (const timer of this.#retryTimers) clearTimeout(timer)
    this.#retryTimers.clear()
    this.#waiting = []
    this.#waitingHead = 0
    this.#underWay = 0
    this.#pending = 0
  }

  #next(): void {
    while (this.#underWay < concurrencyMax) {
      const delivery = this.#waiting[this.#waitingHead]
      if (delivery === undefined) break
      this.#waitingHead += 1
      this.#underWay += 1
      this.#attempt(delivery)
    }
    if (this.#waitingHead === this.#waiting.length) {
      this.#waiting = []
      this.#waitingHead = 0
    } else if (this.#waitingHead > 1_024) {
      this.#waiting = this.#waiting.slice(this.#waitingHead)
      this.#waitingHead = 0
    }
  }

  #attempt(delivery: Delivery): void {
    const life = this.#life
    const at = new Date().toISOString()
    const startedMs = performance.now()
    delivery.attempts += 1
    this.#post(delivery, life.signal, (answer) => {
      if (life.signal.aborted) return
      this.#underWay -= 1
      this.#settle(delivery, at, startedMs, answer)
      this.#next()
    })
  }

  #settle(delivery: Delivery, at: string, startedMs: number, answer: Attempted): void {
    const { status } = answer
    const delivered = status !== null && status >= 200 && status < 300
    const retriable = status === null || status >= 500
    const outcome = delivered
      ? 'delivered'
      : retriable && delivery.attempts < delivery.attemptsMax
        ? 'will-retry'
        : 'lost'
    this.#write(delivery, at, startedMs, answer, outcome)
    if (outcome === 'will-retry') {
      const waitMs = this.#options.retryBaseMs * 2 ** (delivery.attempts - 1)
      const timer = setTimeout(() => {
        this.#retryTimers.delete(timer)
        this.#waiting.push(delivery)
        this.#next()
      }, waitMs)
      this.#retryTimers.add(timer)
      return
    }
    this.#pending -= 1
    delivery.ended?.(delivered, answer)
  }

  #write(
    delivery: Delivery,
    at: string,
    startedMs: number,
    answer: Attempted,
    outcome: WebhookAttempt['outcome'],
  ): void {
    const attempt = this.#record.add(
      (n) => ({
        n,
        delivery_id: delivery.id,
        event_type: delivery.subscription.event_type,
        message_id: delivery.messageId,
        org_id: delivery.orgId,
        url: delivery.subscription.url,
        attempt: delivery.attempts,
        at,
        at_ms: startedMs,
        ended_ms: performance.now(),
        status: answer.status,
        error: answer.error,
        outcome,
        tryout: delivery.tryout,
        body: delivery.body.toString('utf8'),
      }),
      delivery.body.length * 2 + 500,
    )
    if (this.#options.events.heard) this.#options.events.tell({ type: 'webhook-attempt', attempt })
  }

  /** One POST, within the timeout; `done` is called exactly once. */
  #post(delivery: Delivery, life: AbortSignal, done: (answer: Attempted) => void): void {
    const { subscription, body } = delivery
    const secure = subscription.url.startsWith('https:')
    let settled = false
    const settle = (answer: Attempted) => {
      if (settled) return
      settled = true
      clearTimeout(deadline)
      life.removeEventListener('abort', stop)
      done(answer)
    }
    const request = (secure ? httpsRequest : httpRequest)(subscription.url, {
      method: 'POST',
      agent: secure ? this.#https : this.#http,
      headers: {
        ...subscription.headers,
        'Content-Type': 'application/json',
        'Content-Length': body.length,
        'X-Partoo-Signature-v1': delivery.signature,
        ...(delivery.tryout ? { 'X-Partoo-Webhook-Tryout': 'true' } : {}),
      },
    })
    const stop = () => request.destroy()
    life.addEventListener('abort', stop)
    const deadline = setTimeout(() => {
      settle({ status: null, error: `no answer within ${this.#options.timeoutMs} ms` })
      request.destroy()
    }, this.#options.timeoutMs)
    request.on('response', (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > answerBytesMax) request.destroy()
      })
      // The status decides; a body that breaks off changes nothing.
      const answered = () => settle({ status: response.statusCode ?? null, error: null })
      response.on('end', answered)
      response.on('error', answered)
      response.on('close', answered)
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      settle({ status: null, error: error.code ?? error.message })
    })
    request.on('close', () => settle({ status: null, error: 'the connection was closed without an answer' }))
    request.end(body)
  }
}

/** Each attempt under way listens to it: more than the ten that Node warns of. */
function newLife(): AbortController {
  const controller = new AbortController()
  setMaxListeners(concurrencyMax, controller.signal)
  return controller
}
