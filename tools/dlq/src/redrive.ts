// `redrive`: puts records back where they came from, in the order in which they were produced.
//
// All of it goes by chunks: a chunk is sent, then noted in the dead-letter topic. What ends this in between, however hard, leaves at most
// one chunk that is sent again by the next run: Partoo has its messages already, and creates none of them twice.

import { setTimeout as delay } from 'node:timers/promises'
import { createLog } from '@bridge/runtime/log'
import { SafeProducer } from '@bridge/runtime/safe-producer'
import { aligned } from '@bridge/runtime/tool-output'
import { exits } from '@bridge/runtime/tool-run'
import { readDeadLetterHeaders } from '@bridge/schemas/dead-letter'
import { oneLine } from '@bridge/schemas/masked'
import type { ConsumedRecord, OutgoingRecord } from '@bridge/schemas/record'
import { redriveNote, redrivenRecord } from '@bridge/schemas/redrive'
import { type Filter, meant } from './filter.ts'
import { placeName } from './letter.ts'
import { readLetters } from './letters.ts'
import { type Going, type Plan, plan, portions, type Stays, stays } from './plan.ts'
import type { Range } from './topic-reader.ts'
import { counted, grouped, type Work } from './work.ts'

const producerTimes = { connectionTimeoutMs: 10_000, requestTimeoutMs: 30_000 }
const chunkRecordsMax = 100
const triesMax = 5
const pauseMs = 1_000
const linesMax = 50

type Tally = { sent: number; gone: number; refused: number }

/** @returns the exit code */
export async function redrive(
  work: Work,
  { filter, again, dryRun }: { filter: Filter; again: boolean; dryRun: boolean },
): Promise<number> {
  const { output, identify, settings, signal } = work
  const planned = plan(await readLetters(work), meant(filter), settings.outboundTopics, again)
  const { going } = planned
  if (identify.unread !== null) output.error(`Of some the ids are not known: ${identify.unread}.`)
  if (dryRun) tellEach(work, going)
  tellPlan(work, planned, dryRun)
  if (dryRun || going.length === 0) return exits.done

  const tally: Tally = { sent: 0, gone: 0, refused: 0 }
  const log = createLog('dlq', 'silent')
  const producer = new SafeProducer({
    connection: settings.connection,
    log,
    ...producerTimes,
    waitingMax: chunkRecordsMax * 2,
  })
  let trouble: string | null = null
  try {
    for (const portion of portions(going)) {
      if (signal.aborted) break
      await sendPortion(work, producer, portion, tally, going.length)
    }
  } catch (error) {
    if (!signal.aborted) trouble = error instanceof Error ? error.message : String(error)
  } finally {
    work.progress.clear()
    await producer.close()
  }
  return tellEnd(work, tally, going.length, trouble)
}

async function sendPortion(work: Work, producer: SafeProducer, portion: Going[], tally: Tally, total: number) {
  const { signal, progress, output } = work
  const records = await fetchWhole(work, portion)
  for (let at = 0; at < portion.length && !signal.aborted; at += chunkRecordsMax) {
    const chunk = portion.slice(at, at + chunkRecordsMax).flatMap((going) => {
      const record = records.get(placeName(going.letter))
      const source = record && readDeadLetterHeaders(record.headers)?.source
      return record === undefined || source === undefined ? [] : [{ going, record: redrivenRecord(record, source) }]
    })
    tally.gone += portion.slice(at, at + chunkRecordsMax).length - chunk.length
    const refused = await publishAll(
      work,
      producer,
      chunk.map(({ record }) => record),
    )
    for (const [record, detail] of refused) {
      const going = chunk.find((one) => one.record === record)?.going
      progress.clear()
      output.error(`${going && placeName(going.letter)} was refused: ${detail}`)
    }
    tally.refused += refused.size
    const sent = chunk.filter(({ record }) => !refused.has(record)).map(({ going }) => going)
    tally.sent += sent.length
    const unnoted = await publishAll(work, producer, notes(work.settings.dlqTopic, sent))
    for (const detail of unnoted.values())
      throw new Error(`the note that ${sent.length} were sent was refused: ${detail}`)
    progress.update(`Redriven: ${grouped(tally.sent)} of ${grouped(total)}`)
  }
}

/** Stores records in their order. @returns those that Kafka will never take, and why. Rejects where it takes none for long. */
async function publishAll(
  { progress, output, signal }: Work,
  producer: SafeProducer,
  records: readonly OutgoingRecord[],
): Promise<Map<OutgoingRecord, string>> {
  const refused = new Map<OutgoingRecord, string>()
  let open = records
  for (let tries = 1; open.length > 0; tries += 1) {
    const published = await Promise.all(
      open.map(async (record) => ({ record, result: await producer.publish(record) })),
    )
    for (const { record, result } of published) if (result.kind === 'refused') refused.set(record, result.detail)
    // The producer lets nothing overtake what failed, so that the rest is in order still.
    open = published.filter(({ result }) => result.kind === 'failed').map(({ record }) => record)
    const failed = published.find(({ result }) => result.kind === 'failed')?.result
    if (failed?.kind !== 'failed') return refused
    if (tries === triesMax || signal.aborted) throw new Error(failed.detail)
    progress.clear()
    output.error(`Kafka did not take ${open.length}, trying again: ${failed.detail}`)
    await delay(pauseMs * tries, undefined, { signal }).catch(() => {})
  }
  return refused
}

/** One note a partition of the dead-letter topic. */
function notes(dlqTopic: string, sent: readonly Going[]): OutgoingRecord[] {
  const letters = sent.flatMap(({ letter, copies }) => [letter, ...copies])
  const byPartition = Map.groupBy(letters, ({ partition }) => partition)
  return [...byPartition].map(([partition, noted]) =>
    redriveNote(
      dlqTopic,
      partition,
      noted.map(({ offset }) => offset),
    ),
  )
}

/** The records of a portion, by place; what retention has taken meanwhile is missing. */
async function fetchWhole({ reader }: Work, portion: readonly Going[]): Promise<Map<string, ConsumedRecord>> {
  const records = new Map<string, ConsumedRecord>()
  const names = new Set(portion.map(({ letter }) => placeName(letter)))
  const byPartition = Map.groupBy(portion, ({ letter }) => letter.partition)
  const ranges = [...byPartition].map(([partition, goings]): Range => {
    const offsets = goings.map(({ letter }) => letter.offset)
    return {
      partition,
      from: offsets.reduce((a, b) => Math.min(a, b)),
      to: offsets.reduce((a, b) => Math.max(a, b)) + 1,
    }
  })
  await reader.read(ranges, (record) => {
    if (names.has(placeName(record))) records.set(placeName(record), record)
  })
  return records
}

function tellEach({ output }: Work, going: readonly Going[]): void {
  const rows = going.slice(0, linesMax).map(({ letter }) => {
    const { channel_id: channel, external_conversation_id: conversation, external_message_id: message } = letter.ids
    const { topic, partition } = letter.source
    const ids = [channel, conversation, message].map((id) => (id === null ? '?' : oneLine(id, [], 40)))
    return [placeName(letter), letter.reason, '→', `${topic} partition ${partition}`, ...ids]
  })
  const head = ['LETTER', 'REASON', '', 'TO', 'CHANNEL', 'CONVERSATION', 'MESSAGE']
  const [first = '', ...lines] = aligned([head, ...rows])
  if (rows.length > 0) output.line(output.paint('dim', first))
  for (const line of lines) output.line(line)
  if (going.length > rows.length) output.line(`… and ${grouped(going.length - rows.length)} more`)
}

function tellPlan({ output }: Work, { going, staying }: Plan, dryRun: boolean): void {
  const targets = Map.groupBy(going, ({ letter: { source } }) => `${source.topic} partition ${source.partition}`)
  for (const [target, goings] of [...targets].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const conversations = new Set(goings.map(({ letter: { ids } }) => ids.external_conversation_id))
    // Whose those are that cannot be read is not known.
    conversations.delete(null)
    const whose = conversations.size === 0 ? '' : ` of ${counted(conversations.size, 'conversation')}`
    output.line(`${dryRun ? 'Would go' : 'To go'} to ${target}: ${counted(goings.length, 'message')}${whose}`)
  }
  for (const [why, letters] of Object.entries(staying) as [Stays, unknown[]][]) {
    if (letters.length > 0) output.line(`Stay: ${grouped(letters.length)}, ${stays[why]}`)
  }
  if (going.length === 0) output.line('Nothing to redrive.')
  else if (dryRun) output.line('Dry run: nothing was sent.')
}

function tellEnd(
  { output, signal }: Work,
  { sent, gone, refused }: Tally,
  total: number,
  trouble: string | null,
): number {
  if (gone > 0) output.line(`Gone meanwhile, by the topic's retention: ${gone}.`)
  if (refused > 0) output.error(`Refused by Kafka: ${refused}. They are in the dead-letter topic as before.`)
  const rest = total - sent - gone - refused
  const done = `${grouped(sent)} of ${counted(total, 'message')} redriven`
  if (trouble !== null) {
    output.error(`${done}, then Kafka did not take more: ${trouble}\nThe same command goes on where this one ended.`)
    return exits.failed
  }
  if (rest > 0 && signal.aborted) {
    output.error(`Ended before it was done: ${done}. The same command goes on where this one ended.`)
    return exits.interrupted
  }
  output.line(`Done: ${done}.`)
  return refused > 0 ? exits.failed : exits.done
}
