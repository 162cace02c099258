// The contract of redriving: how a dead letter goes back to the topic that it came from, and how the dead-letter topic remembers it.
//
// What goes back is the record as it was, and two headers: how often it has gone back by now, and where it was first. Should it be
// put away again, its new dead letter has them still: so it is seen to have come back, and keeps its place in the order.
//
// That a dead letter has gone back is noted behind it, in its own partition: the note outlives it, whatever the retention. A note
// has `partoo-dlq-note` and no `partoo-dlq-reason`, no key, and its value is JSON: {"redriven":[<offsets of the partition>]}.

import { type Coordinates, deadLetterPrefix } from './dead-letter.ts'
import { decodeUtf8, isJsonObject, parseJson } from './json.ts'
import { type ConsumedRecord, type Headers, headerValue, type OutgoingRecord } from './record.ts'

const redrivenName = 'partoo-redriven'
const firstName = 'partoo-redriven-first'
const noteName = `${deadLetterPrefix}note`
const note = Buffer.from('redriven')

/** How often a record was redriven, and where it was first; null where it never was. */
export function readRedriven(headers: Headers): { times: number; first: Coordinates } | null {
  const times = headerValue(headers, redrivenName)?.toString() ?? ''
  const first = /^(.+)\/(\d{1,9})\/(\d{1,16})$/.exec(headerValue(headers, firstName)?.toString() ?? '')
  if (!/^\d{1,6}$/.test(times) || first === null) return null
  return {
    times: Number(times),
    first: { topic: first[1] ?? '', partition: Number(first[2]), offset: Number(first[3]) },
  }
}

/**
 * The record that a dead letter was made of, to be written to the topic and partition that it came from. A header that was null
 * is empty: the client cannot write null ones.
 *
 * @param letter as it is in the dead-letter topic, not truncated
 * @param source where it came from, as its headers tell
 */
export function redrivenRecord(letter: ConsumedRecord, source: Coordinates): OutgoingRecord {
  const before = readRedriven(letter.headers)
  const { topic, partition, offset } = before?.first ?? source
  const headers: [string, Buffer][] = letter.headers
    .filter(([name]) => !name.startsWith(deadLetterPrefix) && name !== redrivenName && name !== firstName)
    .map(([name, value]) => [name, value ?? Buffer.alloc(0)])
  headers.push([redrivenName, Buffer.from(String((before?.times ?? 0) + 1))])
  headers.push([firstName, Buffer.from(`${topic}/${partition}/${offset}`)])
  return {
    topic: source.topic,
    key: letter.key,
    value: letter.value,
    headers,
    sourcePartition: source.partition,
    partition: source.partition,
  }
}

/** The note that these dead letters of one partition have been redriven. */
export function redriveNote(topic: string, partition: number, offsets: readonly number[]): OutgoingRecord {
  const value = Buffer.from(JSON.stringify({ redriven: offsets }))
  return { topic, key: null, value, headers: [[noteName, note]], sourcePartition: partition, partition }
}

/** Reads a note. @returns the offsets that it names; undefined where the record is none */
export function readRedriveNote({ headers, value }: Pick<ConsumedRecord, 'headers' | 'value'>): number[] | undefined {
  if (headerValue(headers, noteName) === undefined) return undefined
  const read = parseJson(decodeUtf8(value ?? Buffer.alloc(0)) ?? '')
  const offsets = isJsonObject(read) && Array.isArray(read.redriven) ? read.redriven : []
  return offsets.flatMap((offset) => (typeof offset === 'bigint' ? [Number(offset)] : []))
}
