// JSON as the contracts need it: integers that are ids arrive whole. `JSON.parse` rounds 9007199254740993 to …992; the
// reviver's third argument (V8 11.4, Node 21) carries the digits as they were written.

/** What `parseJson` answers: any JSON value in which digits-only numbers are bigints. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue }

const digitsOnly = /^\d+$/
/** As many as an id may have bytes. */
const digitsMax = 1024

/**
 * Parses JSON text. Numbers written with digits only (`123`, however long) become bigints, every other number
 * (`1.0`, `1e3`, `-1`) stays a number, so that a reader can tell an id from something that merely equals one. Of
 * repeated keys the last counts.
 *
 * @returns the value, or undefined where the text is no JSON (undefined is no JSON value)
 */
export function parseJson(text: string): JsonValue | undefined {
  try {
    if (isObjectText.test(text) && !mayHaveOtherNumber.test(text)) return withBigints(JSON.parse(text) as JsonValue)
    // The third argument is not in TypeScript's library yet.
    return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as JsonValue
  } catch {
    return undefined
  }
}

/** A reviver costs three times what the parsing does: it is not needed where every number is in digits, and none was rounded. */
const isObjectText = /^\s*\{/
/** Behind what comes before a value: a number that is negative, has a fraction or an exponent, or more digits than are exact. */
const mayHaveOtherNumber = /(?:"\s*:|[[,])\s*(?:-|\d+[.eE]|\d{16})/

/** Makes every number in it a bigint. */
function withBigints(value: JsonValue): JsonValue {
  if (typeof value === 'number') return BigInt(value)
  if (typeof value !== 'object' || value === null) return value
  const members = value as Record<string, JsonValue>
  for (const key of Object.keys(members)) {
    const member = members[key]
    if (typeof member === 'number' || (typeof member === 'object' && member !== null)) {
      members[key] = withBigints(member)
    }
  }
  return value
}

/**
 * Parses JSON text as `parseJson` does, at a fraction of its cost where the outermost object has no number among its own
 * values, for readers that look no deeper: there digits-only numbers may be plain ones.
 */
export function parseJsonOutermost(text: string): JsonValue | undefined {
  try {
    const value = JSON.parse(text) as JsonValue
    const hasNumber = isJsonObject(value) && Object.values(value).some((own) => typeof own === 'number')
    return hasNumber ? parseJson(text) : value
  } catch {
    return undefined
  }
}

function revive(_key: string, value: unknown, context: { source?: string }): unknown {
  const { source } = context
  if (typeof value !== 'number' || source === undefined) return value
  // A longer number is no id, and converting digits costs the square of their count.
  return source.length <= digitsMax && digitsOnly.test(source) ? BigInt(source) : value
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Decodes bytes as UTF-8, a byte order mark dropped. @returns the text, or undefined where they are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Whether `value` is a JSON object: not null, no array. */
export function isJsonObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
