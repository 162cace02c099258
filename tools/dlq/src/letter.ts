// Owns what is known of a dead letter without its bytes: there may be hundreds of thousands, and all of them are looked at.

import type { Coordinates, DeadLetterHeaders } from '@bridge/schemas/dead-letter'
import { readDeadLetterHeaders } from '@bridge/schemas/dead-letter'
import type { KnownIds } from '@bridge/schemas/outbound-message'
import { type ConsumedRecord, recordBytes } from '@bridge/schemas/record'
import { readRedriven } from '@bridge/schemas/redrive'

/** Where it is in the dead-letter topic. */
export type Place = { partition: number; offset: number }

export type Letter = Place &
  Omit<DeadLetterHeaders, 'response'> & {
    /** When it was put away, wall clock. */
    putAwayMs: number
    /** Where the record was before it was ever redriven; else `source`. */
    first: Coordinates
    /** How often it had been redriven when it was put away. */
    redrives: number
    /** Whether a note says that it has been redriven since. */
    isRedriven: boolean
    ids: KnownIds
    bytes: number
  }

/** @returns undefined where the record is no dead letter */
export function readLetter(record: ConsumedRecord, ids: KnownIds): Letter | undefined {
  const read = readDeadLetterHeaders(record.headers)
  if (read === undefined) return undefined
  const { response: _, ...headers } = read
  const before = readRedriven(record.headers)
  return {
    ...headers,
    partition: record.partition,
    offset: record.offset,
    putAwayMs: record.timestampMs,
    first: before?.first ?? read.source,
    redrives: before?.times ?? 0,
    isRedriven: false,
    ids,
    bytes: recordBytes(record),
  }
}

/** `3/17`: partition and offset, as the command line takes it. */
export function placeName({ partition, offset }: Place): string {
  return `${partition}/${offset}`
}

/** @returns undefined where the text is no place */
export function readPlace(text: string): Place | undefined {
  const match = /^(\d{1,9})\/(\d{1,15})$/.exec(text)
  return match === null ? undefined : { partition: Number(match[1]), offset: Number(match[2]) }
}
