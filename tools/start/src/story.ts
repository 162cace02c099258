// Owns the story: a message from Kafka to Partoo, an answer from Partoo to Kafka, and how each step is told. What it
// touches comes in as a StoryWorld, so that the order and the wording can be tested without one.

import { unlessAborted, withinMs } from '@bridge/local-kafka/deadline'
import type { Receipt, ReceiptStatus } from '@bridge/schemas/receipt'
import type { Reply } from '@bridge/schemas/reply'
import type { Seen } from './follow.ts'
import { timeOfDay } from './terminal.ts'

/** What a producer writes for the story. */
export type StoryMessage = {
  business_id: string
  external_conversation_id: string
  external_message_id: string
  content: string
  sender_type: 'Consumer'
  consumer_name: string
}

export type StoryWorld = {
  /** Produces with the conversation's id as key; answers where the record is. */
  produce(message: StoryMessage): Promise<Pick<Seen, 'topic' | 'partition' | 'offset' | 'timestampMs'>>
  /** Answers the first record on the receipts or replies topic, seen already or later, for which `wanted` is true. */
  seen(wanted: (record: Seen) => boolean): Promise<Seen>
  /** Types a reply into a conversation of Partoo's, as the business does in the inbox. */
  typeReply(conversationId: string, content: string): Promise<{ messageId: string; atMs: number }>
}

/** One step as it is told. */
export type StoryLine = {
  atMs: number
  step: 'message produced' | 'accepted by Partoo' | 'created' | 'reply typed' | 'reply in partoo-replies'
  ids: string
  /** Where it was seen. */
  where: string
  /** What was said, where the step is the one to show it. */
  text?: string
}

export type StoryEnd = { kind: 'told' } | { kind: 'broken-off'; missing: string }

const question = 'Hello! Is a table for two free tonight?'
const answer = 'Yes: at eight, by the window.'
const stepDeadlineMs = 30_000
const stepWidth = 'reply in partoo-replies'.length

/**
 * Plays the story, each step told as it is seen, in the order of what causes what.
 * @param id makes the ids of this story unlike those of any other
 * @param signal breaks the story off: rejects with its reason
 */
export async function playStory(
  world: StoryWorld,
  id: string,
  tell: (line: StoryLine) => void,
  signal: AbortSignal,
): Promise<StoryEnd> {
  const conversation = `alice-${id}`
  const message: StoryMessage = {
    business_id: '42',
    external_conversation_id: conversation,
    external_message_id: `hi-${id}`,
    content: question,
    sender_type: 'Consumer',
    consumer_name: 'Alice',
  }
  const within = <T>(promise: Promise<T>): Promise<T | 'late'> => {
    return unlessAborted(withinMs(stepDeadlineMs, promise), signal)
  }

  const produced = await within(world.produce(message))
  if (produced === 'late') return { kind: 'broken-off', missing: 'Kafka does not take the message' }
  tell({
    atMs: produced.timestampMs,
    step: 'message produced',
    ids: `${message.external_message_id} in conversation ${conversation}`,
    where: place(produced),
    text: question,
  })

  const accepted = await within(world.seen((record) => isReceipt(record, 'accepted', message)))
  if (accepted === 'late') return { kind: 'broken-off', missing: 'no receipt says that Partoo accepted the message' }
  const acceptance = JSON.parse(String(accepted.value)) as Receipt
  tell({
    atMs: accepted.timestampMs,
    step: 'accepted by Partoo',
    ids: `${message.external_message_id}: HTTP ${acceptance.http_status}, attempt ${acceptance.attempts}`,
    where: place(accepted),
  })

  const created = await within(world.seen((record) => isReceipt(record, 'created', message)))
  if (created === 'late') return { kind: 'broken-off', missing: 'no webhook told that the message was created' }
  const { partoo } = JSON.parse(String(created.value)) as Receipt
  tell({
    atMs: created.timestampMs,
    step: 'created',
    ids: `${message.external_message_id} is message ${partoo?.message_id} of conversation ${partoo?.conversation_id}`,
    where: place(created),
  })
  if (!partoo?.conversation_id) return { kind: 'broken-off', missing: 'the receipt names no conversation to reply in' }

  const typed = await within(world.typeReply(partoo.conversation_id, answer))
  if (typed === 'late') return { kind: 'broken-off', missing: 'the simulator does not take a reply' }
  tell({
    atMs: typed.atMs,
    step: 'reply typed',
    ids: `message ${typed.messageId} of conversation ${partoo.conversation_id}`,
    where: "Partoo's inbox",
    text: answer,
  })

  const replied = await within(world.seen((record) => isReplyTo(record, typed.messageId)))
  if (replied === 'late') return { kind: 'broken-off', missing: 'the reply does not come to the replies topic' }
  const reply = JSON.parse(String(replied.value)) as Reply
  tell({
    atMs: replied.timestampMs,
    step: 'reply in partoo-replies',
    ids: `message ${reply.message_id} for conversation ${reply.external_conversation_id}`,
    where: place(replied),
    text: String(reply.content),
  })
  return { kind: 'told' }
}

/** Answers a story line as terminal lines; ids and texts of the story fit into 80 columns. */
export function layOut(line: StoryLine): string[] {
  const time = `  ${timeOfDay(line.atMs)}  `
  const indent = ' '.repeat(time.length)
  const lines = [`${time}${line.step.padEnd(stepWidth)}  ${line.ids}`, `${indent}in ${line.where}`]
  if (line.text !== undefined) lines.push(`${indent}"${line.text}"`)
  return lines
}

function isReceipt(record: Seen, status: ReceiptStatus, message: StoryMessage): boolean {
  const receipt = parse<Receipt>(record.value)
  return receipt?.status === status && receipt.external_message_id === message.external_message_id
}

function isReplyTo(record: Seen, messageId: string): boolean {
  const reply = parse<Reply & Partial<Receipt>>(record.value)
  return reply !== undefined && reply.status === undefined && reply.message_id === messageId
}

function parse<T>(value: Buffer | null): T | undefined {
  try {
    return (JSON.parse(String(value)) ?? undefined) as T | undefined
  } catch {
    return undefined
  }
}

function place({ topic, partition, offset }: Pick<Seen, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}, partition ${partition}, offset ${offset}`
}
