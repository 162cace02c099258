// The contract of the dead-letter topic: the original record, key, value and headers byte for byte, plus these headers.

import { type DeadLetterReason, deadLetterReasons } from './receipt.ts'
import { type ConsumedRecord, type Headers, headerValue, type OutgoingRecord } from './record.ts'

export const deadLetterPrefix = 'partoo-dlq-'
export const responseHeadBytesMax = 1024

/** Why a record is put away. Times are ISO 8601 UTC; what does not apply is null. */
export type DeadLetterCause = {
  reason: DeadLetterReason
  /** One line for a person, without message text. */
  detail: string
  httpStatus: number | null
  /** What Partoo answered; cut to the first 1,024 bytes. */
  response: Buffer | null
  attempts: number
  firstAttemptAt: string | null
  lastAttemptAt: string | null
}

/** What is left out of a dead letter that the topic refuses as too large; its coordinates point to the original. */
export type Truncation = 'none' | 'value' | 'value,key,headers'

/**
 * The dead letter of a record. Headers keep their names and order; null ones become empty and are named in
 * `partoo-dlq-null-headers`; an earlier `partoo-dlq-*` is replaced.
 */
export function deadLetter(
  topic: string,
  record: ConsumedRecord,
  cause: DeadLetterCause,
  truncation: Truncation,
): OutgoingRecord {
  const headers: [string, Buffer][] = []
  const nullHeaders: string[] = []
  if (truncation !== 'value,key,headers') {
    for (const [name, value] of record.headers) {
      if (name.startsWith(deadLetterPrefix)) continue
      if (value === null) nullHeaders.push(encodeURIComponent(name.toWellFormed()))
      headers.push([name, value ?? Buffer.alloc(0)])
    }
  }
  const add = (name: string, value: string | number | Buffer | null) => {
    if (value === null) return
    headers.push([`${deadLetterPrefix}${name}`, Buffer.isBuffer(value) ? value : Buffer.from(String(value))])
  }
  add('reason', cause.reason)
  add('detail', cause.detail)
  add('http-status', cause.httpStatus)
  add('response', cause.response?.subarray(0, responseHeadBytesMax) ?? null)
  add('attempts', cause.attempts)
  add('first-attempt-at', cause.firstAttemptAt)
  add('last-attempt-at', cause.lastAttemptAt)
  add('topic', record.topic)
  add('partition', record.partition)
  add('offset', record.offset)
  add('timestamp', record.timestampMs)
  if (nullHeaders.length > 0) add('null-headers', nullHeaders.join(','))
  if (truncation !== 'none') add('truncated', truncation)
  return {
    topic,
    key: truncation === 'value,key,headers' ? null : record.key,
    value: truncation === 'none' ? record.value : Buffer.alloc(0),
    headers,
    sourcePartition: record.partition,
  }
}

/** Where a record is: offsets are of the topic as it is now. */
export type Coordinates = { topic: string; partition: number; offset: number }

/** What a dead letter's headers tell. Times are ISO 8601 UTC; what does not apply is null. */
export type DeadLetterHeaders = {
  reason: DeadLetterReason
  detail: string
  httpStatus: number | null
  response: Buffer | null
  attempts: number
  firstAttemptAt: string | null
  lastAttemptAt: string | null
  source: Coordinates
  sourceTimestampMs: number
  truncation: Truncation
}

/** Reads what `deadLetter` wrote. @returns undefined where the record is no dead letter */
export function readDeadLetterHeaders(headers: Headers): DeadLetterHeaders | undefined {
  const text = (name: string) => headerValue(headers, `${deadLetterPrefix}${name}`)?.toString() ?? null
  const count = (name: string) => {
    const value = text(name)
    return value !== null && /^\d{1,16}$/.test(value) ? Number(value) : null
  }
  const reason = deadLetterReasons.find((one) => one === text('reason'))
  const [topic, partition, offset] = [text('topic'), count('partition'), count('offset')]
  if (reason === undefined || topic === null || partition === null || offset === null) return undefined
  const truncated = text('truncated')
  return {
    reason,
    detail: text('detail') ?? '',
    httpStatus: count('http-status'),
    response: headerValue(headers, `${deadLetterPrefix}response`) ?? null,
    attempts: count('attempts') ?? 0,
    firstAttemptAt: text('first-attempt-at'),
    lastAttemptAt: text('last-attempt-at'),
    source: { topic, partition, offset },
    sourceTimestampMs: count('timestamp') ?? 0,
    truncation: truncated === null ? 'none' : truncated === 'value' ? 'value' : 'value,key,headers',
  }
}
