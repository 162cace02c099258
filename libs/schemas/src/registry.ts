// A schema registry that speaks Confluent's API. Whatever happens is a value; a call never rejects, ends within its deadline, and
// says nothing of the password.
//
// It is spoken to directly, not through @kafkajs/confluent-schema-registry: that library tells neither the text of a schema, which
// Protobuf needs, nor the registry's error codes, without which the 404 of a proxy passes for an id that the registry does not know,
// and records for undecodable; and it has no deadline.
// Source: docs.confluent.io, "Schema Registry API Reference", and what Apicurio's /apis/ccompat/v7 answers.

import { type Dispatcher, Pool } from 'undici'
import { z } from 'zod'
import { connectionFailure, type HttpWay } from './http-way.ts'
import { masked } from './masked.ts'

export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

/** `url`: with its path, without a slash at the end. `password`: as it is now. `way`: where it is not reached directly. */
export type RegistryConnection = {
  url: string
  username: string | undefined
  password: (() => string) | undefined
  way?: HttpWay | undefined
  timeoutMs: number
}

/** A schema, and all that it refers to, also indirectly: what is needed first comes first. */
export type FetchedSchema = {
  type: SchemaType
  text: string
  references: readonly { name: string; type: SchemaType; text: string }[]
}

/** A schema to be registered or looked for. */
export type OwnSchema = { type: SchemaType; text: string }

export type Unavailable = { kind: 'unavailable'; because: string }

/** `unknown`: the registry's own word that it has no such id. `unusable`: it has it, and not all that it refers to, or too much. */
export type SchemaFetched =
  | { kind: 'fetched'; schema: FetchedSchema }
  | { kind: 'unknown' }
  | { kind: 'unusable'; because: string }
  | Unavailable
export type LookedUp = { kind: 'registered'; id: number; version: number } | { kind: 'not-registered' } | Unavailable
/** `because`: what the registry says against it, a line each. */
export type Registered =
  | { kind: 'registered'; id: number }
  | { kind: 'incompatible'; because: string[] }
  | { kind: 'refused'; because: string }
  | Unavailable
export type Checked =
  | { kind: 'compatible' }
  | { kind: 'incompatible'; because: string[] }
  /** Nothing is registered there yet. */
  | { kind: 'new-subject' }
  | { kind: 'refused'; because: string }
  | Unavailable

const answerBytesMax = 4 * 1_048_576
/** Schemas that one refers to, and how far. */
const referencesMax = 100
const connectionsMax = 4
const contentType = 'application/vnd.schemaregistry.v1+json'
/** Of the last logins, each whole and its password: calls with an old one may still be under way. */
const sentMax = 8
/** Characters of what a registry says. */
const saidMax = 500

const unknownSubject = 40401
const unknownVersion = 40402
const unknownSchema = 40403

const reference = z.object({ name: z.string(), subject: z.string(), version: z.int() })
const schema = z.object({
  schemaType: z.enum(['AVRO', 'JSON', 'PROTOBUF']).optional(),
  schema: z.string(),
  references: z.array(reference).nullish(),
})
const registered = z.object({ id: z.int(), version: z.int().optional() })
const lookedUp = z.object({ id: z.int(), version: z.int() })
const compatibility = z.object({ is_compatible: z.boolean(), messages: z.array(z.string()).nullish() })
const refusal = z.object({ error_code: z.int(), message: z.string() })

/** `refused`: the registry's own word, with its error code, whose first three digits are an HTTP status. */
type Called<T> =
  | { kind: 'answered'; value: T }
  | { kind: 'refused'; code: number; message: string }
  | (Unavailable & { isTooLarge?: boolean })

export class Registry {
  readonly #connection: RegistryConnection
  readonly #pool: Pool
  readonly #path: string
  /** What was sent to log in, the newest last: no answer may tell it, should the registry, or a proxy before it, repeat it. */
  #sent: string[] = []

  /** Nothing connects until something is asked. */
  constructor(connection: RegistryConnection) {
    const { url, way, timeoutMs } = connection
    this.#connection = connection
    const base = new URL(url)
    this.#path = `${way?.pathPrefix ?? ''}${base.pathname.replace(/\/+$/, '')}`
    this.#pool = new Pool(base.origin, {
      connections: connectionsMax,
      connect: way?.connect ?? { timeout: timeoutMs, rejectUnauthorized: true },
    })
  }

  #headers(): Record<string, string> {
    const { username, password, way } = this.#connection
    const headers = { ...way?.headers(), accept: `${contentType}, application/json` }
    if (username === undefined || password === undefined) return headers
    const secret = password()
    const login = Buffer.from(`${username}:${secret}`).toString('base64')
    if (!this.#sent.includes(login)) this.#sent = [...this.#sent, login, secret].slice(-sentMax)
    return { ...headers, authorization: `Basic ${login}` }
  }

  readonly #withoutSecrets = (text: string): string => masked(text, this.#sent)

  /** The schema with an id, and all that it refers to. */
  async fetchSchema(id: number): Promise<SchemaFetched> {
    const called = await this.#call('GET', `/schemas/ids/${id}`, schema)
    if (called.kind === 'refused') return called.code === unknownSchema ? { kind: 'unknown' } : unavailable(called)
    if (called.kind !== 'answered') return tooLargeIsUnusable(called)
    const references = new Map<string, FetchedSchema['references'][number]>()
    const missing = await this.#fetchReferences(called.value, references)
    if (missing !== undefined) return missing
    const { schemaType: type = 'AVRO', schema: text } = called.value
    return { kind: 'fetched', schema: { type, text, references: [...references.values()] } }
  }

  /** Which id and version a subject has for exactly this schema. */
  async lookUp(subject: string, own: OwnSchema): Promise<LookedUp> {
    const called = await this.#call('POST', `/subjects/${encodeURIComponent(subject)}`, lookedUp, own)
    if (called.kind === 'answered') return { kind: 'registered', ...called.value }
    if (called.kind === 'unavailable') return called
    return isUnknown(called.code) ? { kind: 'not-registered' } : unavailable(called)
  }

  /** Makes this schema the newest version of a subject; nothing changes where it is registered there already. */
  async register(subject: string, own: OwnSchema): Promise<Registered> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const called = await this.#call('POST', path, registered, own)
    if (called.kind === 'answered') return { kind: 'registered', id: called.value.id }
    if (called.kind === 'unavailable') return called
    if (isStatus(called.code, 409)) return { kind: 'incompatible', because: lines(called.message) }
    return isStatus(called.code, 422) ? { kind: 'refused', because: called.message } : unavailable(called)
  }

  /** Whether a subject would take this schema as its newest version. Changes nothing. */
  async check(subject: string, own: OwnSchema): Promise<Checked> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`
    const called = await this.#call('POST', path, compatibility, own)
    if (called.kind === 'unavailable') return called
    if (called.kind === 'answered') {
      const { is_compatible, messages } = called.value
      return is_compatible
        ? { kind: 'compatible' }
        : { kind: 'incompatible', because: (messages ?? []).map(this.#withoutSecrets) }
    }
    if (called.code === unknownSubject || called.code === unknownVersion) return { kind: 'new-subject' }
    return isStatus(called.code, 422) ? { kind: 'refused', because: called.message } : unavailable(called)
  }

  /** Ends its connections. Twice is fine. */
  async close(): Promise<void> {
    if (!this.#pool.destroyed) await this.#pool.destroy()
  }

  /** Depth first, so that what is needed first comes first. @returns why they cannot all be had */
  async #fetchReferences(
    { references }: z.infer<typeof schema>,
    found: Map<string, FetchedSchema['references'][number]>,
    path: readonly string[] = [],
  ): Promise<Exclude<SchemaFetched, { kind: 'fetched' }> | undefined> {
    for (const { name, subject, version } of references ?? []) {
      const key = `${name} ${subject} ${version}`
      if (found.has(key) || path.includes(key)) continue
      if (found.size + path.length >= referencesMax) {
        return { kind: 'unusable', because: `it refers to more than ${referencesMax} others` }
      }
      const called = await this.#call('GET', `/subjects/${encodeURIComponent(subject)}/versions/${version}`, schema)
      if (called.kind === 'refused') {
        const because = `it refers to version ${version} of ${subject}, which the registry does not have`
        return isUnknown(called.code) ? { kind: 'unusable', because } : unavailable(called)
      }
      if (called.kind !== 'answered') return tooLargeIsUnusable(called)
      const missing = await this.#fetchReferences(called.value, found, [...path, key])
      if (missing !== undefined) return missing
      const { schemaType: type = 'AVRO', schema: text } = called.value
      found.set(key, { name, type, text })
    }
    return undefined
  }

  async #call<T>(method: 'GET' | 'POST', path: string, shape: z.ZodType<T>, own?: OwnSchema): Promise<Called<T>> {
    const { timeoutMs } = this.#connection
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const answer = await this.#pool.request({
        method,
        path: `${this.#path}${path}`,
        signal,
        headers: { ...this.#headers(), ...(own !== undefined && { 'content-type': contentType }) },
        ...(own !== undefined && { body: JSON.stringify(bodyOf(own)) }),
      })
      return read(answer.statusCode, await bytesOf(answer.body), shape, this.#withoutSecrets)
    } catch (error) {
      if (error === tooLarge) {
        return { kind: 'unavailable', because: `an answer of more than ${answerBytesMax} bytes`, isTooLarge: true }
      }
      return {
        kind: 'unavailable',
        because: signal.aborted ? `no answer in ${timeoutMs} ms` : connectionFailure(error),
      }
    }
  }
}

const tooLarge = new Error('too large')

function tooLargeIsUnusable({
  because,
  isTooLarge,
}: Unavailable & { isTooLarge?: boolean }): Exclude<SchemaFetched, { kind: 'fetched' }> {
  return isTooLarge ? { kind: 'unusable', because: `it is ${because}` } : { kind: 'unavailable', because }
}

function bodyOf({ type, text }: OwnSchema) {
  return { schema: text, ...(type !== 'AVRO' && { schemaType: type }) }
}

/** Rejects beyond the bound. */
async function bytesOf(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > answerBytesMax) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function read<T>(
  status: number,
  bytes: Buffer,
  shape: z.ZodType<T>,
  withoutSecrets: (text: string) => string,
): Called<T> {
  const json = parse(bytes)
  const answered = status === 200 ? shape.safeParse(json) : undefined
  if (answered?.success) return { kind: 'answered', value: answered.data }
  if (status === 401) return { kind: 'unavailable', because: 'HTTP 401: the user name or the password is wrong' }
  if (status === 403) return { kind: 'unavailable', because: 'HTTP 403: this user has no right to it' }
  const refused = refusal.safeParse(json)
  // A registry's own word has a code; a page of a proxy, or of another service at this address, has none.
  if (refused.success && status >= 400 && status < 500) {
    return {
      kind: 'refused',
      code: refused.data.error_code,
      message: withoutSecrets(refused.data.message).slice(0, saidMax),
    }
  }
  const said = refused.success ? `: ${lines(withoutSecrets(refused.data.message)).join(' ').slice(0, saidMax)}` : ''
  const what = status >= 500 ? '' : ', which is no answer of a schema registry: is its URL right, with its path?'
  return { kind: 'unavailable', because: `HTTP ${status}${said}${what}` }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function unavailable({ code, message }: { code: number; message: string }): Unavailable {
  return { kind: 'unavailable', because: `the registry says ${code}: ${lines(message).join(' ')}` }
}

function isUnknown(code: number): boolean {
  return code === unknownSubject || code === unknownVersion || code === unknownSchema
}

/** Codes are an HTTP status, or one with two digits more. */
function isStatus(code: number, status: number): boolean {
  return code === status || Math.floor(code / 100) === status
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
