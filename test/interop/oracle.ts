// Owns the judgement on what a client produced: against Partoo's record of calls, the receipts, and the records themselves.

import type { Call } from '@bridge/partoo-simulator/calls'
import kafkajs from 'kafkajs'
import { json, type Read } from '../support/kafka.ts'
import type { ReadWithCodecs } from './batch-codecs.ts'
import { type Cell, cellName } from './clients.ts'
import type { Meant, MessageFields } from './messages.ts'

export type Evidence = {
  /** Calls that Partoo accepted, in order of arrival. */
  calls: Call[]
  receipts: Read[]
  outbound: ReadWithCodecs
  partitions: number
  topic: string
}

/** Everything that is wrong with what came of a cell, a line each; none: it passed. */
export function judge(cell: Cell, meant: Meant[], evidence: Evidence): string[] {
  return [
    ...meant.flatMap((one) => judgeMessage(one, evidence)),
    ...judgeOrder(meant, evidence),
    ...judgeCodec(cell, evidence),
  ]
}

function judgeMessage({ line, fields }: Meant, { calls, receipts, partitions, topic }: Evidence): string[] {
  const id = fields.external_message_id
  const about = (what: string) => `${shown(id)}: ${what}`
  const of = receipts.filter((receipt) => json(receipt).external_message_id === id)
  const mine = calls.filter((call) => call.external_message_id === id)
  const [call] = mine
  if (call === undefined)
    return [about(`never arrived; ${of.map((receipt) => json(receipt).status).join() || 'no receipt'}`)]
  const problems: string[] = []
  if (mine.length > 1) problems.push(about(`arrived ${mine.length} times`))
  const arrived = arrivedFields(call)
  for (const [name, value] of Object.entries(fields)) {
    const seen = arrived[name as keyof MessageFields]
    if (seen !== value) problems.push(about(`${name} is ${shown(seen)}, not ${shown(value)}`))
  }

  const receipt = of.find((one) => json(one).status === 'accepted')
  if (receipt === undefined) return [...problems, about('no receipt says that it was accepted')]
  const source = json(receipt).source as { topic: string; partition: number; offset: number }
  if (source.topic !== topic) problems.push(about(`came from ${source.topic}`))
  if (receipt.key !== fields.external_conversation_id) problems.push(about('its receipt has another key'))
  if (receipt.headers.traceparent !== line.headers.traceparent)
    problems.push(about('its receipt has another traceparent'))
  if (receipt.headers.ce_id !== `${topic}/${source.partition}/${source.offset}/accepted`) {
    problems.push(about(`its receipt has the ce_id ${receipt.headers.ce_id}`))
  }
  if (line.key !== null && source.partition !== partitionOf(topic, line.key, partitions)) {
    problems.push(about(`is in partition ${source.partition}, where Java does not place its key`))
  }
  return problems
}

function arrivedFields(call: Call): MessageFields {
  const body = call.body as Partial<MessageFields>
  return {
    business_id: body.business_id ?? '',
    external_conversation_id: body.external_conversation_id ?? '',
    external_message_id: body.external_message_id ?? '',
    content: body.content ?? '',
    sender_type: body.sender_type ?? 'User',
    consumer_name: body.consumer_name ?? null,
    consumer_image: body.consumer_image ?? null,
  }
}

/** In each sequence the calls are in the order in which its messages were produced. */
function judgeOrder(meant: Meant[], { calls }: Evidence): string[] {
  const sequences = Map.groupBy(meant, ({ sequence }) => sequence)
  return [...sequences].flatMap(([sequence, members]) => {
    if (sequence === null) return []
    const ids = members.map(({ fields }) => fields.external_message_id)
    const arrived = calls.map((call) => call.external_message_id).filter((id) => id !== null && ids.includes(id))
    const expected = ids.filter((id) => arrived.includes(id))
    return arrived.join() === expected.join() ? [] : [`${shown(sequence)}: arrived in the order ${arrived.map(shown)}`]
  })
}

function judgeCodec(cell: Cell, { outbound }: Evidence): string[] {
  // Small batches that would grow are left as they are by some clients: those with the long texts are what tells.
  const used = outbound.codecsOf(cellName(cell))
  const expected = cell.codec === 'none' ? [] : [cell.codec]
  const others = [...used].filter((codec) => codec !== cell.codec)
  if (others.length > 0) return [`compressed with ${others}, not with ${cell.codec}`]
  const isTooSmall = cell.format.endsWith('-own')
  return used.size === expected.length || isTooSmall ? [] : [`not compressed with ${cell.codec}`]
}

/** Where Java's producer, and with it kafkajs's, places a key. */
function partitionOf(topic: string, key: string, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
  }))
  return kafkajs.Partitioners.DefaultPartitioner()({ topic, partitionMetadata, message: { key, value: null } })
}

const shown = (text: unknown) =>
  JSON.stringify(typeof text === 'string' && text.length > 60 ? `${text.slice(0, 57)}…` : text)
