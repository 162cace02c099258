// Owns what the documented requests have in common: how a body is checked, how a page is asked for, and refusals.
//
// Guesses where the facts are silent: the status of each refusal but ingestion's 403, and the shape of their bodies.

import type { z } from 'zod'
import type { Answer } from './http-io.ts'
import { describeIssues } from './options.ts'
import type { PartooRequest } from './requests.ts'

export const notAllowed: Answer = { status: 403, json: { errors: { authorization: 'Operation not allowed' } } }
export const notFound = (what: string): Answer => ({ status: 404, json: { errors: { not_found: what } } })
export const malformed = (errors: Record<string, string>): Answer => ({ status: 400, json: { errors } })

export function wrongMethod(allowed: string): Answer {
  return { status: 405, json: { errors: { method: `use ${allowed}` } }, headers: { Allow: allowed } }
}

const perPageDefault = 30
const perPageMax = 100

/** Reads `per_page`, 1 to 100; null: it is none. */
export function readPerPage(query: URLSearchParams): number | null {
  const size = readWhole(query.get('per_page') ?? String(perPageDefault))
  return size === null || size < 1 || size > perPageMax ? null : size
}

export const perPageMalformed = malformed({ per_page: `must be an integer from 1 to ${perPageMax}` })

/** Reads digits, so few that nothing is rounded; null: it is something else. */
export function readWhole(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** Checks content type, size, JSON and fields, in this order: 415, 413, 400. */
export function parseBody<Schema extends z.ZodType>(
  request: PartooRequest,
  schema: Schema,
): { kind: 'parsed'; value: z.output<Schema> } | { kind: 'refused'; answer: Answer } {
  const refused = (answer: Answer) => ({ kind: 'refused' as const, answer })
  if (!/^application\/json\s*(;|$)/i.test(request.contentType)) {
    return refused({ status: 415, json: { errors: { content_type: 'must be application/json' } } })
  }
  if (request.body.kind === 'too-large') {
    return refused({ status: 413, json: { errors: { body: 'larger than 1 MiB' } } })
  }
  if (request.json.kind === 'not-json') return refused(malformed({ body: 'must be JSON' }))
  const parsed = schema.safeParse(request.json.value)
  if (parsed.success) return { kind: 'parsed', value: parsed.data }
  const errors: Record<string, string> = {}
  for (const issue of parsed.error.issues) errors[issue.path.map(String).join('.') || 'body'] ??= issue.message
  if (Object.keys(errors).length === 0) errors.body = describeIssues(parsed.error).join('; ')
  return refused(malformed(errors))
}
