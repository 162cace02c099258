// The public port. One request is one row of this table, decided from the top; the answer always comes within the deadline.
//
//   404  another path                         401  the secret, or the signature, is missing or wrong
//   405  another method                       413  the body is too large
//   503  not durable in time: neither Kafka nor a spool has it, the body comes too slowly, or there is no room for it
//   200  durable, or a repeat of what is
//
// What is no HTTP is answered 400, and headers beyond Node's bound (16 KiB) are answered 431: Partoo sends neither.
//
// 5xx is what Partoo repeats; after any 4xx the event is lost, so a webhook that may be Partoo's gets one for its size only.
// What the request declares its content to be does not matter. Nothing here logs a path, a header or a body.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { readSignature, signatureHeader, tryoutHeader } from '@bridge/partoo/signature'
import { listen } from '@bridge/runtime/admin-server'
import { bugFields, type Log } from '@bridge/runtime/log'
import { BodyReader } from './body.ts'
import type { GatewayConfig } from './config.ts'
import { by } from './deadline.ts'
import { webhookFields } from './log-fields.ts'
import { LogPace } from './log-pace.ts'
import type { AnswerLabel, DurableKind, Metrics, NotDurableCause, ProofFailure } from './metrics.ts'
import type { Publisher } from './publisher.ts'
import { type Fact, toFact } from './records.ts'
import { Repeats } from './repeats.ts'
import { knowsSecret, Verified } from './verify.ts'

/** Requests in progress; one more is answered 503 before anything of it is looked at. */
const requestsMax = 1_000
/** Connections at once; one more is closed as soon as it is accepted. More than may ask, so that those are told. */
const connectionsMax = 2_000
const headersTimeoutMs = 5_000
/** What a request may take beyond the deadline, as its rest is discarded. */
const requestTimeoutExtraMs = 5_000
/** Longer than the 60 s after which common load balancers give a quiet connection up: whoever closes it first decides
 * whether a webhook can be sent into a connection that is just closing. */
const keepAliveTimeoutMs = 75_000
/** Bytes of all bodies at once; at least four of the largest. */
const heldBytesMax = 64 * 1024 * 1024
/** The answer is on its way this long before the deadline: a twentieth of it, at most 250 ms. */
const answerMargin = { share: 0.05, ms: 250 }
/** When to come again: Partoo has a schedule of its own, other senders may obey. */
const retryAfterSeconds = '5'
const traceparentText = /^[\x21-\x7e]{1,256}$/

export type WebhookServerOptions = Pick<GatewayConfig, 'webhook' | 'proof' | 'orgIds' | 'topics'> & {
  publisher: Publisher
  metrics: Metrics
  log: Log
}

/** The answer to a request; `null`: the sender is gone. `because` is for the log, and holds nothing of theirs. */
type Answer = {
  status: 200 | 401 | 404 | 405 | 413 | 503 | null
  because?: string
  logged?: Record<string, unknown>
  /** Where nothing is known of the sender. */
  unproven?: ProofFailure
  /** Where it is a verified webhook that is lost unless it is sent again. */
  notDurable?: NotDurableCause
}

export class WebhookServer {
  readonly #options: WebhookServerOptions
  readonly #server: Server
  readonly #bodies: BodyReader
  readonly #path: string
  readonly #repeats = new Repeats()
  readonly #strangers: LogPace
  /** Apart, as one of these may be Partoo's, and lost. */
  readonly #tooLarge: LogPace
  /** Requests in progress by connection: what breaks on the connection must not write into their answers. */
  readonly #inProgress = new Map<Socket, number>()
  #inProgressCount = 0
  /** Connections with a request that was answered before it was whole: nothing more is said on them if it never is. */
  readonly #answeredEarly = new WeakSet<Socket>()
  #stopping = false
  #closing = false

  private constructor(options: WebhookServerOptions) {
    const { bodyBytesMax, deadlineMs } = options.webhook
    this.#options = options
    this.#path = withoutSlash(options.webhook.path)
    this.#strangers = new LogPace(options.log, 'that prove nothing')
    this.#tooLarge = new LogPace(options.log, 'that are too large')
    this.#bodies = new BodyReader({ bodyBytesMax, heldBytesMax: Math.max(heldBytesMax, 4 * bodyBytesMax) })
    const onRequest = (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response)
    this.#server = createServer(
      {
        headersTimeout: headersTimeoutMs,
        requestTimeout: deadlineMs + requestTimeoutExtraMs,
        keepAliveTimeout: keepAliveTimeoutMs,
        connectionsCheckingInterval: 1_000,
        // What is signed is taken, whatever name it was sent to.
        requireHostHeader: false,
      },
      onRequest,
    )
    // An expectation that Node does not know is no reason to lose a webhook.
    this.#server.on('checkExpectation', onRequest)
    this.#server.on('connection', (socket) => socket.on('close', () => this.#onDone(socket, 0)))
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket))
    this.#server.maxConnections = connectionsMax
    this.#server.on('drop', () => options.metrics.connectionRefused())
  }

  /** Starts listening; rejects with one line where the port is taken. */
  static async start(options: WebhookServerOptions): Promise<WebhookServer> {
    const started = new WebhookServer(options)
    await listen(started.#server, options.webhook.host, options.webhook.port)
    return started
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /**
   * Goes on for `graceMs`, ending each connection with its next answer: what is on its way while load balancers learn that
   * the gateway is not ready any more is not lost. Then takes no more connections, answers what is in progress, and ends
   * within the deadline of one webhook. Twice is fine.
   */
  async close(graceMs = 0): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    if (graceMs > 0) await pause(graceMs)
    this.#closing = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#closeUnused()
    const timer = setTimeout(() => this.#server.closeAllConnections(), this.#options.webhook.deadlineMs)
    await closed
    clearTimeout(timer)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startMs = performance.now()
    const { socket } = request
    this.#inProgress.set(socket, (this.#inProgress.get(socket) ?? 0) + 1)
    this.#inProgressCount += 1
    this.#answeredEarly.delete(socket)
    // Senders that leave show as errors on both; what is in progress learns of it from `close`.
    request.on('error', () => {})
    response.on('error', () => {})
    response.on('close', () => {
      this.#inProgressCount -= 1
      if (!request.complete) this.#answeredEarly.add(socket)
      this.#onDone(socket, (this.#inProgress.get(socket) ?? 1) - 1)
    })
    try {
      const answer = await this.#decide(request, startMs)
      this.#answer(response, answer, startMs)
    } catch (error) {
      // A bug, and one webhook's: the others are served on, and this one is sent again, maybe to a version without it.
      this.#options.log.error(bugFields(error), 'bug')
      this.#answer(response, { status: 503, because: 'a bug, see the line before', notDurable: 'bug' }, startMs)
    }
  }

  async #decide(request: IncomingMessage, startMs: number): Promise<Answer> {
    const { webhook, proof } = this.#options
    if (this.#inProgressCount > requestsMax) return notHeard('overload', 'too many requests at once')
    const place = findPlace(request.url ?? '', this.#path, proof.secrets !== undefined)
    if (place.kind === 'elsewhere') return { status: 404 }
    if (request.method !== 'POST') return { status: 405 }
    const given = [single(request.headers['x-webhook-secret']), ...place.segments]
    if (!knowsSecret(proof.secrets?.(), given)) return unproven('secret', 'the secret is missing or wrong')
    const signature = readSignature(request.headers[signatureHeader])
    if (request.headers[signatureHeader] === undefined) return unproven('signature-missing', 'the signature is missing')
    if (signature === undefined) return unproven('signature-malformed', 'the signature is malformed')

    const byMs = startMs + webhook.deadlineMs - Math.min(webhook.deadlineMs * answerMargin.share, answerMargin.ms)
    const body = await this.#bodies.read(request, byMs)
    switch (body.kind) {
      case 'too-large':
        return { status: 413, because: `the body is larger than ${webhook.bodyBytesMax} bytes` }
      case 'no-room':
        return notHeard('overload', 'too many webhooks at once')
      case 'late':
        return notHeard('incomplete', 'the body did not arrive in time')
      case 'broken-off':
        return { status: null, because: 'the sender left before its request was whole' }
      case 'whole':
        try {
          return await this.#take(request, body.bytes, signature, startMs, byMs)
        } finally {
          this.#bodies.release(body.bytes)
        }
    }
  }

  async #take(
    request: IncomingMessage,
    body: Buffer,
    signature: Buffer,
    startMs: number,
    byMs: number,
  ): Promise<Answer> {
    const { proof, publisher } = this.#options
    const verified = await by(byMs, Verified.verify(proof.keys, body, signature), 'late')
    if (verified === 'late') return notHeard('overload', 'the signature could not be verified in time')
    if (verified === undefined) return unproven('signature-wrong', 'the signature is wrong')
    const traceparent = single(request.headers.traceparent)
    const delivery = {
      tryout: request.headers[tryoutHeader] !== undefined,
      traceparent: traceparent !== undefined && traceparentText.test(traceparent) ? traceparent : undefined,
      receivedAt: new Date().toISOString(),
    }
    const fact = toFact(verified, delivery, this.#options)
    if (isRepeatable(fact) && this.#repeats.has(verified.digest, performance.now())) {
      return this.#stored(fact, 'repeat', startMs)
    }
    const durability = await publisher.publish(fact, byMs)
    if (durability.kind === 'not-durable') {
      const logged = { ...webhookFields(fact), cause: durability.cause }
      return { status: 503, because: durability.because, notDurable: durability.cause, logged }
    }
    if (isRepeatable(fact)) this.#repeats.add(verified.digest, performance.now())
    return this.#stored(fact, durability.by, startMs)
  }

  #stored(fact: Fact, kind: DurableKind, startMs: number): Answer {
    this.#options.metrics.durable(fact, kind, (performance.now() - startMs) / 1000)
    return { status: 200, logged: { ...webhookFields(fact), ...(kind !== 'kafka' && { durable: kind }) } }
  }

  #answer(response: ServerResponse, answer: Answer, startMs: number): void {
    const { status, because, logged } = answer
    const senderGone = response.destroyed
    if (status !== null) {
      const text = `${texts[status]}\n`
      const head = ['content-type', 'text/plain', 'content-length', String(text.length)]
      if (status === 405) head.push('allow', 'POST')
      if (status === 503) head.push('retry-after', retryAfterSeconds)
      if (this.#stopping) head.push('connection', 'close')
      response.writeHead(status, head).end(text)
    }
    this.#options.metrics.answered(String(status ?? 'none') as AnswerLabel)
    if (answer.unproven !== undefined) this.#options.metrics.unproven(answer.unproven)
    if (answer.notDurable !== undefined) this.#options.metrics.notDurable(answer.notDurable)
    const fields = {
      ...logged,
      status,
      ...(because !== undefined && { because }),
      // The event may be durable all the same; the sender does not know.
      ...(senderGone && { senderGone }),
      durationMs: Math.round(performance.now() - startMs),
    }
    // Anybody can ask; only who has proven something may fill the log.
    const level = levelOf(answer)
    if (status === 413) this.#tooLarge.tell(level, fields, 'webhook finished')
    else if (logged === undefined) this.#strangers.tell(level, fields, 'webhook finished')
    else this.#options.log[level](fields, 'webhook finished')
  }

  /** @param rest requests that are still in progress on the connection */
  #onDone(socket: Socket, rest: number): void {
    if (rest > 0) this.#inProgress.set(socket, rest)
    else this.#inProgress.delete(socket)
    if (this.#closing) this.#closeUnused()
  }

  /** While closing, connections without a request in progress are only waited for as long as others have one. */
  #closeUnused(): void {
    if (this.#inProgress.size === 0) this.#server.closeAllConnections()
    else this.#server.closeIdleConnections()
  }

  /** What is no HTTP request, or none in time. Node's own answer to the latter would be 408, which nobody repeats. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const taken = this.#inProgress.has(socket) || this.#answeredEarly.has(socket)
    // Who never sent a byte asked nothing: a load balancer's probe, or a connection that it keeps in store.
    if (taken || socket.bytesRead === 0 || !socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const [label, reason] = clientErrorAnswer(error.code)
    this.#options.metrics.answered(label)
    if (label === '503') this.#options.metrics.unproven('incomplete')
    this.#strangers.tell('info', { status: Number(label), because: error.code ?? 'not HTTP' }, 'webhook finished')
    const retryAfter = label === '503' ? `retry-after: ${retryAfterSeconds}\r\n` : ''
    socket.end(`HTTP/1.1 ${label} ${reason}\r\n${retryAfter}connection: close\r\ncontent-length: 0\r\n\r\n`)
  }
}

function unproven(failure: ProofFailure, because: string): Answer {
  return { status: 401, because, unproven: failure }
}

/** It may be Partoo's: it is asked to come again. */
function notHeard(failure: ProofFailure, because: string): Answer {
  return { status: 503, because, unproven: failure }
}

/** Partoo's repeats are told by their bytes where each fact has bytes of its own; a status may come to be the same again. */
function isRepeatable({ classified, kept }: Fact): boolean {
  return classified.event.kind === 'event' && classified.event.type === 'message_created' && !kept.tryout
}

const texts = {
  200: 'stored',
  401: 'not proven to be from Partoo',
  404: 'not found',
  405: 'webhooks are POSTed',
  413: 'too large',
  503: 'not stored: send it again',
} as const satisfies Record<NonNullable<Answer['status']>, string>

/** Where a URL leads. With a secret, one more segment than the path is the secret as it may have been sent. */
function findPlace(
  url: string,
  path: string,
  withSecret: boolean,
): { kind: 'elsewhere' } | { kind: 'webhook'; segments: string[] } {
  const [asSent = ''] = url.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/)
  const at = withoutSlash(asSent)
  if (at === path) return { kind: 'webhook', segments: [] }
  const segment = at.startsWith(`${path}/`) ? at.slice(path.length + 1) : ''
  if (!withSecret || segment === '' || segment.includes('/')) return { kind: 'elsewhere' }
  return { kind: 'webhook', segments: [segment, decodeSegment(segment)] }
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

function clientErrorAnswer(code: string | undefined): [AnswerLabel, string] {
  if (code === 'HPE_HEADER_OVERFLOW') return ['431', 'Request Header Fields Too Large']
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['503', 'Service Unavailable']
  return ['400', 'Bad Request']
}

/** A webhook refused for its size is lost: an error. One that is repeated, or odd, is a warning. */
function levelOf({ status, logged }: Answer): 'info' | 'warn' | 'error' {
  if (status === 413 || logged?.cause === 'refused') return 'error'
  if (status === 503 || status === 401 || logged?.reason !== undefined || logged?.foreign === true) return 'warn'
  return 'info'
}
