// Partoo's webhook events, read tolerantly: what was published about their shape is little, its enumerations are open, and
// the inside of `custom_channel` is not published at all. Reading never throws and never guesses: what is not there, or
// is no id, is null. What an event then counts as is the gateway's decision.
// Source: developers.partoo.co, "Webhooks" and "Custom Channels", read in November 2026.

import { readId } from '@bridge/schemas/ids'
import { decodeUtf8, isJsonObject, type JsonValue, parseJson } from '@bridge/schemas/json'

type JsonObject = { [key: string]: JsonValue }

/** What a type must be to appear in keys, headers and metrics; any other counts as `unknown`. */
const typeLabel = /^[A-Za-z0-9_.-]{1,64}$/
export const unknownType = 'unknown'

/** The types that Partoo names; it may add others. Source: developers.partoo.co, "List available webhook events". */
export const webhookEventTypes = [
  'message_created',
  'message_updated',
  'business_created',
  'business_updated',
  'business_deleted',
  'lead_received',
] as const

/** Events about one message; all others are known by their type only. */
export const messageEventTypes = ['message_created', 'message_updated'] as const

/** A webhook's body. Ids are strings, whole; `type` is a label. */
export type WebhookEvent =
  | { kind: 'not-json' }
  | { kind: 'not-an-event' }
  | {
      kind: 'event'
      type: string
      orgId: string | null
      conversationId: string | null
      businessId: string | null
      consumerName: string | null
      /** Null where the payload has no message. */
      message: WebhookMessage | null
    }

/** The payload's message; texts are Partoo's open enumerations, as they came. */
export type WebhookMessage = {
  id: string | null
  /** ISO 8601, UTC, milliseconds; null where unreadable. */
  date: string | null
  contentType: string | null
  senderType: string | null
  senderLabel: string | null
  status: string | null
  content: string | null
  userId: string | null
  channel: WebhookChannel
}

/** Whether the message belongs to a custom channel. `untold`: no key `custom_channel`, or one that is no object. */
export type WebhookChannel =
  | { kind: 'other' }
  | { kind: 'untold' }
  | {
      kind: 'custom'
      channelId: string | null
      externalConversationId: string | null
      externalMessageId: ExternalMessageId
    }

/**
 * The id under which the message was ingested. `none`: the key is there, and empty. `untold`: there is no such key.
 * `carried`: there is an id; null where it is none that the contracts allow.
 */
export type ExternalMessageId = { kind: 'none' } | { kind: 'untold' } | { kind: 'carried'; id: string | null }

/** Reads a webhook's body. Total: any bytes have an answer. */
export function readWebhookEvent(body: Uint8Array): WebhookEvent {
  const text = decodeUtf8(body)
  const value = text === undefined ? undefined : parseJson(text)
  if (value === undefined) return { kind: 'not-json' }
  if (!isJsonObject(value) || typeof value.type !== 'string') return { kind: 'not-an-event' }
  const payload = readObject(value.payload)
  const message = readObject(payload?.message)
  const conversation = readObject(payload?.conversation)
  return {
    kind: 'event',
    type: typeLabel.test(value.type) ? value.type : unknownType,
    orgId: readId(payload?.org_id),
    conversationId: readId(message?.conversation_id) ?? readId(conversation?.id),
    businessId: readId(readObject(conversation?.business)?.id),
    consumerName: readText(conversation?.consumer_name),
    message: message === undefined ? null : readMessage(message, conversation),
  }
}

function readMessage(message: JsonObject, conversation: JsonObject | undefined): WebhookMessage {
  return {
    id: readId(message.id),
    date: readDate(message.date),
    contentType: readText(message.content_type),
    senderType: readText(message.sender_type),
    senderLabel: readText(message.sender_label),
    status: readText(message.status),
    content: readText(message.content),
    userId: readId(message.user_id),
    channel: readChannel(message.custom_channel, conversation?.custom_channel),
  }
}

/** The message's own `custom_channel` comes first, then its conversation's. */
function readChannel(ofMessage: JsonValue | undefined, ofConversation: JsonValue | undefined): WebhookChannel {
  const given = [ofMessage, ofConversation].filter((value) => value !== undefined)
  const places = given.filter(isJsonObject)
  if (places.length === 0) {
    return given.length > 0 && given.every((value) => value === null) ? { kind: 'other' } : { kind: 'untold' }
  }
  return {
    kind: 'custom',
    channelId: firstId(places, 'channel_id'),
    externalConversationId: firstId(places, 'external_conversation_id'),
    externalMessageId: readExternalMessageId(places),
  }
}

/** The first place that has the key decides, null included: a message's own null says more than its conversation's id. */
function readExternalMessageId(places: readonly JsonObject[]): ExternalMessageId {
  const place = places.find((candidate) => Object.hasOwn(candidate, 'external_message_id'))
  if (place === undefined) return { kind: 'untold' }
  const value = place.external_message_id
  return value === null || value === '' ? { kind: 'none' } : { kind: 'carried', id: readId(value) }
}

function firstId(places: readonly JsonObject[], key: string): string | null {
  for (const place of places) {
    const id = readId(place[key])
    if (id !== null) return id
  }
  return null
}

function readObject(value: JsonValue | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined
}

function readText(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}

const date = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))$/

/**
 * Reads a date as Partoo writes it, "2023-01-31 16:22:17.327878+00:00", or with a `T`. A date without an offset is no
 * point in time, and is not read as one.
 *
 * @returns ISO 8601, UTC, cut to milliseconds; null where it is no such date
 */
export function readDate(value: unknown): string | null {
  const match = typeof value === 'string' ? date.exec(value) : null
  if (match === null) return null
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const offsetHour = Number(match[9] ?? 0)
  const offsetMinute = Number(match[10] ?? 0)
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return null
  if (offsetHour > 23 || offsetMinute > 59) return null
  // setUTCFullYear, as Date.UTC takes the years 0 to 99 for 1900 to 1999. A day beyond its month would move into the next.
  const local = new Date(0)
  local.setUTCFullYear(year, month - 1, day)
  if (day < 1 || local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day) return null
  local.setUTCHours(hour, minute, second, Number((match[7] ?? '').padEnd(3, '0').slice(0, 3)))
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000 * (match[8] === '-' ? -1 : 1)
  const iso = new Date(local.getTime() - offsetMs).toISOString()
  // Years outside 0 to 9999 are written with a sign and six digits, which no reader of ours expects.
  return iso.length === 24 ? iso : null
}
