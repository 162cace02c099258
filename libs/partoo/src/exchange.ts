// One HTTP exchange as undici tells it: what has come of it when it ends, breaks off, or when its time is over. It resolves
// once, and holds nothing afterwards. Undici's own `request` would do the same with a stream, an AbortSignal and a timer for
// each call, which together cost as much as the call.

import { connectionFailure, ProxyFailure } from '@bridge/schemas/http-way'
import type { Dispatcher } from 'undici'
import { bodyHeadBytesMax, type RawAnswer } from './answer.ts'

const abandoned = new Error('no longer waited for')

export class Exchange implements Dispatcher.DispatchHandler {
  readonly deadlineMs: number
  #end: ((answer: RawAnswer) => void) | undefined
  #controller: Dispatcher.DispatchController | undefined
  #status: number | undefined
  #retryAfter: string | undefined
  #date: string | undefined
  #chunks: Buffer[] = []
  #bytes = 0

  /** @param end told once what came of it */
  constructor(deadlineMs: number, end: (answer: RawAnswer) => void) {
    this.deadlineMs = deadlineMs
    this.#end = end
  }

  /** The time is over: what has come by now is the answer, and the connection is closed. */
  expire(timeoutMs: number): void {
    const late = { kind: 'unanswered', cause: 'timeout', detail: `no answer in ${timeoutMs} ms` } as const
    this.#finish(this.#answered(true) ?? late)
    this.#controller?.abort(abandoned)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Before anything is written: what was given up while it waited for a connection is not sent.
    if (this.#end === undefined) controller.abort(abandoned)
    this.#controller = controller
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return
    this.#status = status
    this.#retryAfter = firstValue(headers['retry-after'])
    this.#date = firstValue(headers.date)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes <= bodyHeadBytesMax) return
    this.#finish(this.#answered(true))
    controller.abort(abandoned)
  }

  onResponseEnd(): void {
    this.#finish(this.#answered(false))
  }

  /** The connection failed. A body that breaks off is what has come of it: the status stands. */
  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: unknown): void {
    this.#finish(this.#answered(true) ?? unanswered(error))
  }

  #answered(cutShort: boolean): RawAnswer | undefined {
    const status = this.#status
    if (status === undefined) return undefined
    // A copy: undici's chunks are slices of what the socket read.
    const body = Buffer.concat(this.#chunks).subarray(0, bodyHeadBytesMax)
    return { kind: 'answered', status, retryAfter: this.#retryAfter, date: this.#date, body, cutShort }
  }

  #finish(answer: RawAnswer | undefined): void {
    const end = this.#end
    if (end === undefined || answer === undefined) return
    this.#end = undefined
    this.#chunks = []
    end(answer)
  }
}

type Headers = Record<string, string | string[] | undefined>

function firstValue(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

/** What a connection that failed means as an answer. */
export function unanswered(error: unknown): RawAnswer {
  const detail = connectionFailure(error)
  return error instanceof ProxyFailure
    ? { kind: 'unanswered', cause: 'proxy', status: error.status, detail }
    : { kind: 'unanswered', cause: 'connection', detail }
}
