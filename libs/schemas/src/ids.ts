// Ids: strings of 1 to 1,024 bytes. An integer written with digits only is read as its decimal text, whole, however long.

import { z } from 'zod'

export const idBytesMax = 1024

/** A string that UTF-8 can carry: no lone surrogate. */
export const wellFormedString = z.string('must be a string').refine((text) => text.isWellFormed(), {
  error: 'holds half a surrogate pair, which no text encoding can carry',
})

/** An id from JSON read by `parseJson`: a string, or digits. Answers a string. */
export const id = z
  .union([wellFormedString, z.bigint().transform(String)], { error: 'must be a string, or an integer in digits' })
  .refine((text) => text.length > 0, { error: 'must not be empty' })
  .refine((text) => Buffer.byteLength(text) <= idBytesMax, { error: `must be at most ${idBytesMax} bytes` })

/** An id as the bridge writes it: always a string. */
export const writtenId = wellFormedString.refine((text) => text.length > 0 && Buffer.byteLength(text) <= idBytesMax, {
  error: `must be 1 to ${idBytesMax} bytes`,
})

/** Reads an id from a parsed JSON value. @returns the id as a string, or null where there is none that is valid */
export function readId(value: unknown): string | null {
  const text = typeof value === 'bigint' ? String(value) : value
  if (typeof text !== 'string' || text === '' || !text.isWellFormed()) return null
  return Buffer.byteLength(text) <= idBytesMax ? text : null
}
