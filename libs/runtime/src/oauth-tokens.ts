// Owns the access tokens for SASL OAUTHBEARER: got by OAuth 2 client credentials, kept until shortly before they expire, one request at
// a time however many connections ask.
// Source: RFC 6749, sections 2.3.1, 4.4 and 5; RFC 7628.

import { connectionFailure } from '@bridge/schemas/http-way'
import { Agent, request } from 'undici'
import { z } from 'zod'
import type { ChangingText } from './changing-text.ts'

export type OAuthOptions = {
  url: string
  clientId: string
  clientSecret: ChangingText
  scope: string | undefined
  /** PEM texts to be believed; undefined: the public ones. */
  ca: () => string[] | undefined
  nowMs?: () => number
}

const timeoutMs = 5_000
const answerBytesMax = 262_144
/** Of a token that does not say how long it lives. */
const lifetimeDefaultS = 60
/** The part of its life after which a token is got anew. */
const renewedAfter = 0.8
/**
 * A token that is used has so long to live at least. kafkajs logs in anew 10 s before a session ends, and the broker refuses that in the
 * first second of one: with less, no connection would stand.
 */
const leftSMin = 15

const answered = z.object({
  // It becomes part of a message whose fields a control character ends (RFC 7628, section 3.1).
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_in: z.union([z.null().transform(() => undefined), z.coerce.number().positive()]).optional(),
})
const refused = z.object({ error: z.string().regex(/^[\x20-\x7e]{1,100}$/) })

export class OAuthTokens {
  readonly #options: OAuthOptions
  readonly #nowMs: () => number
  #held: { token: string; secret: string; untilMs: number } | undefined
  #underWay: Promise<string> | undefined

  constructor(options: OAuthOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /** A token that lives. Rejects, in one line without secrets, where none can be had. */
  current(): Promise<string> {
    const held = this.#held
    if (held !== undefined && this.#nowMs() < held.untilMs && held.secret === this.#options.clientSecret()) {
      return Promise.resolve(held.token)
    }
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #fetch(): Promise<string> {
    const askedAtMs = this.#nowMs()
    const secret = this.#options.clientSecret()
    const { status, json } = await this.#ask(secret)
    const read = status === 200 ? answered.safeParse(json) : undefined
    if (!read?.success) throw this.#failure(`HTTP ${status}${whyRefused(json)}`)
    const { access_token: token, expires_in: lifetimeS = lifetimeDefaultS } = read.data
    const keptS = Math.min(lifetimeS * renewedAfter, lifetimeS - leftSMin)
    this.#held = { token, secret, untilMs: askedAtMs + keptS * 1_000 }
    return token
  }

  async #ask(secret: string): Promise<{ status: number; json: unknown }> {
    const { url, clientId, scope, ca } = this.#options
    const authorities = ca()
    const agent = new Agent({
      connect: { timeout: timeoutMs, rejectUnauthorized: true, ...(authorities && { ca: authorities }) },
    })
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const credentials = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`).toString(
        'base64',
      )
      const { statusCode: status, body } = await request(url, {
        method: 'POST',
        dispatcher: agent,
        signal,
        headers: {
          authorization: `Basic ${credentials}`,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) }).toString(),
      })
      let text = ''
      for await (const chunk of body) {
        text += chunk
        if (text.length > answerBytesMax) return { status, json: undefined }
      }
      return { status, json: parse(text) }
    } catch (error) {
      throw this.#failure(signal.aborted ? `no answer in ${timeoutMs} ms` : connectionFailure(error))
    } finally {
      await agent.destroy()
    }
  }

  #failure(because: string): Error {
    return new Error(`no access token from ${this.#options.url} for ${this.#options.clientId}: ${because}`)
  }
}

function whyRefused(json: unknown): string {
  const read = refused.safeParse(json)
  if (read.success)
    return `, ${read.data.error}${read.data.error === 'invalid_client' ? ': is the client secret right?' : ''}`
  return ', which is no answer of a token endpoint: is its URL right?'
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
