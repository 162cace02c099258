// `show`: tells all of some dead letters.

import { aligned } from '@bridge/runtime/tool-output'
import { exits } from '@bridge/runtime/tool-run'
import { deadLetterPrefix, readDeadLetterHeaders } from '@bridge/schemas/dead-letter'
import { decodeUtf8 } from '@bridge/schemas/json'
import { oneLine } from '@bridge/schemas/masked'
import type { ConsumedRecord } from '@bridge/schemas/record'
import { readRedriveNote } from '@bridge/schemas/redrive'
import { type Letter, type Place, placeName, readLetter } from './letter.ts'
import type { Range } from './topic-reader.ts'
import type { Work } from './work.ts'

const lineLengthMax = 1_024

type Found = { letter: Letter; record: ConsumedRecord }

/** @returns the exit code: 1 where one of them is not there */
export async function show(work: Work, { places, value }: { places: Place[]; value: boolean }): Promise<number> {
  const { output } = work
  const found = await find(work, places)
  for (const place of places) {
    const name = placeName(place)
    const one = found.get(name)
    if (one === undefined) {
      output.error(`${name} is no dead letter: list tells which there are.`)
      continue
    }
    output.line(output.paint('bold', name))
    for (const line of aligned(rows(one, value))) output.line(`  ${line}`)
  }
  return places.every((place) => found.has(placeName(place))) ? exits.done : exits.failed
}

/** Reads from the first of them on, as the notes that tell which were redriven are behind them. */
async function find({ reader, identify, progress }: Work, places: Place[]): Promise<Map<string, Found>> {
  const names = new Set(places.map(placeName))
  const found = new Map<string, Found>()
  const ranges = (await reader.whole()).flatMap(({ partition, to }): Range[] => {
    const offsets = places.filter((place) => place.partition === partition).map(({ offset }) => offset)
    return offsets.length === 0 ? [] : [{ partition, from: Math.min(...offsets), to }]
  })
  await reader.read(ranges, async (record) => {
    progress.update('Reading the dead letters')
    for (const offset of readRedriveNote(record) ?? []) {
      const one = found.get(placeName({ partition: record.partition, offset }))
      if (one !== undefined) one.letter.isRedriven = true
    }
    if (!names.has(placeName(record))) return
    const letter = readLetter(record, await identify.idsOf(record))
    if (letter !== undefined) found.set(placeName(record), { letter, record })
  })
  progress.clear()
  return found
}

function rows({ letter, record }: Found, isValueShown: boolean): string[][] {
  const { source, first, ids } = letter
  const response = readDeadLetterHeaders(record.headers)?.response ?? null
  const headers = record.headers.filter(([name]) => !name.startsWith(deadLetterPrefix))
  const table: [string, string | null][] = [
    ['put away', new Date(letter.putAwayMs).toISOString()],
    ['reason', letter.reason],
    ['detail', letter.detail],
    ['HTTP status', letter.httpStatus === null ? null : String(letter.httpStatus)],
    ['Partoo answered', response === null ? null : (decodeUtf8(response) ?? `base64 ${response.toString('base64')}`)],
    ['attempts', `${letter.attempts}${attemptTimes(letter)}`],
    ['channel', ids.channel_id],
    ['business', ids.business_id],
    ['conversation', ids.external_conversation_id],
    ['message', ids.external_message_id],
    ['came from', `${source.topic}, partition ${source.partition}, offset ${source.offset}`],
    ['produced', new Date(letter.sourceTimestampMs).toISOString()],
    ['redriven', letter.isRedriven ? 'yes' : 'no'],
    ['redriven before', letter.redrives === 0 ? null : `${letter.redrives}×`],
    ['at first', letter.redrives === 0 ? null : `${first.topic}, partition ${first.partition}, offset ${first.offset}`],
    ['whole', letter.truncation === 'none' ? 'yes' : `no: without ${letter.truncation.replaceAll(',', ', ')}`],
    ...headers.map(([name, value]): [string, string] => [
      'header',
      `${name}: ${value === null ? 'null' : plain(value)}`,
    ]),
    ['key', record.key === null ? 'null' : isValueShown ? plain(record.key) : `${record.key.length} bytes`],
  ]
  const shown = table.flatMap(([name, text]) => (text === null ? [] : [[name, oneLine(text, [], lineLengthMax)]]))
  const { value } = record
  const valueText = value === null ? 'null' : isValueShown ? plain(value) : `${value.length} bytes; --value shows them`
  return [...shown, ['value', valueText]]
}

function attemptTimes({ firstAttemptAt, lastAttemptAt }: Letter): string {
  if (firstAttemptAt === null) return ''
  return lastAttemptAt === null || lastAttemptAt === firstAttemptAt
    ? `, ${firstAttemptAt}`
    : `, ${firstAttemptAt} to ${lastAttemptAt}`
}

/** As text where it is text: a terminal would obey its control characters. */
function plain(bytes: Buffer): string {
  const text = decodeUtf8(bytes)
  return text === undefined
    ? `base64 ${bytes.toString('base64')}`
    : text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)
}
