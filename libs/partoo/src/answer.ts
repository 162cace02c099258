// What Partoo's answers to an ingest request mean. One row of the table in DESIGN.md ("Answers and what they mean") is
// one kind here; what happens next to the message and its conversation is decided in the ingestor's core.

/** An HTTP answer, or the lack of one, as the client saw it. `body` is at most `bodyHeadBytesMax` of it. */
export type RawAnswer =
  | {
      kind: 'answered'
      status: number
      retryAfter: string | undefined
      date: string | undefined
      body: Buffer
      /** The body did not arrive whole: it broke off, came too slowly, or was longer than is read. */
      cutShort: boolean
    }
  | { kind: 'unanswered'; cause: 'timeout' | 'connection'; detail: string }
  /** A proxy on the way: with a status it refuses to let us through, without it is not there. */
  | { kind: 'unanswered'; cause: 'proxy'; status: number | null; detail: string }

export const bodyHeadBytesMax = 16_384

export type Answer =
  /** Accepted for processing; not yet created. */
  | { kind: 'accepted'; status: number }
  /** 4xx that blames the message: repeating it is pointless. */
  | { kind: 'rejected'; status: number; body: Buffer }
  /** 403, 404: this business or channel may not, or is not known. It may be meant for the message, or for all. */
  | { kind: 'forbidden'; status: number; body: Buffer }
  /**
   * The key, the address or the network is wrong, not the message: 401, 407, 3xx, a 2xx that is no API's, or a proxy that does
   * not let us through, which `detail` tells.
   */
  | { kind: 'misdirected'; status: number; body: Buffer; detail?: string }
  /** 429. `retryAfterMs` is how long the organization is to pause. */
  | { kind: 'limited'; status: 429; retryAfterMs: number }
  /** Trouble that passes: 5xx, 408, 421, 425, timeout, connection error. `retryAfterMs` is a lower bound, if any. */
  | {
      kind: 'unavailable'
      status: number | null
      detail: string
      retryAfterMs: number | null
      body: Buffer | null
      /** It took the whole of the time that a call may take. */
      timedOut: boolean
    }

/** Every kind of answer, for metrics. */
export const answerKinds = [
  'accepted',
  'rejected',
  'forbidden',
  'misdirected',
  'limited',
  'unavailable',
] as const satisfies Answer['kind'][]

const transientStatuses = new Set([408, 421, 425])
const retryAfterMsMax = 3_600_000
const limitedPauseMs = 60_000

/** Says what an answer means. Total: every status has a row, also those that Partoo does not document. */
export function classifyAnswer(raw: RawAnswer): Answer {
  if (raw.kind === 'unanswered') {
    if (raw.cause === 'proxy' && raw.status !== null && isRefusal(raw.status)) {
      return { kind: 'misdirected', status: raw.status, body: Buffer.alloc(0), detail: raw.detail }
    }
    const timedOut = raw.cause === 'timeout'
    return { kind: 'unavailable', status: null, detail: raw.detail, retryAfterMs: null, body: null, timedOut }
  }
  const { status, body } = raw
  if (status >= 200 && status < 300) {
    return isApiBody(raw) ? { kind: 'accepted', status } : { kind: 'misdirected', status, body }
  }
  if (status === 429) {
    return { kind: 'limited', status, retryAfterMs: readRetryAfterMs(raw.retryAfter, raw.date) ?? limitedPauseMs }
  }
  if (status === 401 || status === 407 || (status >= 300 && status < 400)) return { kind: 'misdirected', status, body }
  if (status === 403 || status === 404) return { kind: 'forbidden', status, body }
  if (status >= 400 && status < 500 && !transientStatuses.has(status)) return { kind: 'rejected', status, body }
  const retryAfterMs = readRetryAfterMs(raw.retryAfter, raw.date)
  return { kind: 'unavailable', status, detail: `HTTP ${status}`, retryAfterMs, body, timedOut: false }
}

/** Whether a proxy's answer to CONNECT means that somebody has to change something, and not that it cannot just now. */
function isRefusal(status: number): boolean {
  return status >= 300 && status < 500 && status !== 429 && !transientStatuses.has(status)
}

/** Whether a 2xx body can be an API's: empty, JSON, or JSON that breaks off; not the page of a proxy or a captive portal. */
function isApiBody(raw: { body: Buffer; cutShort: boolean }): boolean {
  const text = raw.body.toString('utf8').trim()
  if (text === '') return true
  if (raw.cutShort) return /^[[{"]/.test(text)
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Reads `Retry-After`: seconds, or an HTTP date that is taken relative to the answer's own `Date` (clocks differ).
 *
 * @returns milliseconds; 1,000 for zero or the past; null where absent, unparsable, negative or more than an hour
 */
export function readRetryAfterMs(retryAfter: string | undefined, date: string | undefined): number | null {
  if (retryAfter === undefined) return null
  const text = retryAfter.trim()
  if (/^\d+$/.test(text)) return boundRetryAfterMs(Number(text) * 1000)
  // Date.parse reads nearly anything, "-5" as a month of 2001 too; an HTTP date begins with the name of a day.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return null
  const untilMs = Date.parse(text)
  const nowMs = date === undefined ? Number.NaN : Date.parse(date)
  if (Number.isNaN(untilMs) || Number.isNaN(nowMs)) return null
  return boundRetryAfterMs(untilMs - nowMs)
}

function boundRetryAfterMs(ms: number): number | null {
  if (ms > retryAfterMsMax) return null
  return Math.max(ms, 1000)
}
