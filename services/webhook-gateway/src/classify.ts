// What a verified webhook counts as: a reply, a receipt, or one of the other events. Pure and total: every event has
// exactly one kind, and what cannot be told is an event, whole, never dropped and never guessed.
//
//   a reply      a message_created on a custom channel of a known organization that nobody ingested
//   a receipt    the echo of an ingested message (created), or what became of it (delivered, failed)
//   an event     everything else, with what is odd about it: reason, foreign, tryout
//
// A message event on a custom channel is complete when it tells what the decision needs, and where the fact belongs:
//   - payload.message, and `custom_channel` (null included) on the message or its conversation;
//   - message_created: sender_type, unless an external_message_id already says that it is an echo;
//   - message_updated of an ingested message: status;
//   - a conversation: external_conversation_id, or Partoo's conversation id;
//   - org_id, where organizations are configured.
// Else it is an event with the reason `fields-missing`. A message id is not needed: ids that are not told are null.

import { messageEventTypes, unknownType, type WebhookEvent, type WebhookMessage } from '@bridge/partoo/webhook-event'
import type { Destination } from './destination.ts'

export type EventReason = 'not-json' | 'not-an-event' | 'fields-missing'
export type WebhookReceiptStatus = 'created' | 'delivered' | 'failed'

/** An event that is about one message. */
export type MessageEvent = Extract<WebhookEvent, { kind: 'event' }> & { message: WebhookMessage }

export type Classified =
  /** `untold`: the custom channel's shape does not say whether the message was ingested. */
  | { kind: 'reply'; event: MessageEvent; channel: CustomChannel; untold: boolean }
  | { kind: 'receipt'; event: MessageEvent; channel: CustomChannel; status: WebhookReceiptStatus }
  | { kind: 'event'; event: WebhookEvent; reason: EventReason | null; foreign: boolean }

/** Where each kind is stored. */
export const destinations = { reply: 'replies', receipt: 'receipts', event: 'events' } as const satisfies Record<
  Classified['kind'],
  Destination
>

export type CustomChannel = Extract<WebhookMessage['channel'], { kind: 'custom' }>

/**
 * Says what an event counts as.
 *
 * @param orgIds organizations that are ours; empty: every one is
 * @param tryout whether it is a test delivery: always an event
 */
export function classify(event: WebhookEvent, orgIds: ReadonlySet<string>, tryout: boolean): Classified {
  if (event.kind !== 'event') return { kind: 'event', event, reason: event.kind, foreign: false }
  const foreign = orgIds.size > 0 && event.orgId !== null && !orgIds.has(event.orgId)
  if (foreign || tryout || !isMessageEvent(event.type)) return { kind: 'event', event, reason: null, foreign }
  if (event.message === null) return incomplete(event)
  const { message } = event
  const { channel } = message
  if (channel.kind === 'untold') return incomplete(event)
  // System notes are nobody's message: neither a reply nor the echo of one.
  if (channel.kind === 'other' || message.senderType === 'Metadata') return plain(event)
  const belongs = channel.externalConversationId !== null || event.conversationId !== null
  if (!belongs || (orgIds.size > 0 && event.orgId === null)) return incomplete(event)
  const messageEvent = { ...event, message }
  return event.type === 'message_created' ? created(messageEvent, channel) : updated(messageEvent, channel)
}

function created(event: MessageEvent, channel: CustomChannel): Classified {
  if (channel.externalMessageId.kind === 'carried') return { kind: 'receipt', event, channel, status: 'created' }
  if (event.message.senderType === null) return incomplete(event)
  // What the consumer said came in through the ingest endpoint: as a reply it would be sent round in circles.
  if (event.message.senderType === 'Consumer') return { kind: 'receipt', event, channel, status: 'created' }
  return { kind: 'reply', event, channel, untold: channel.externalMessageId.kind === 'untold' }
}

function updated(event: MessageEvent, channel: CustomChannel): Classified {
  const { externalMessageId } = channel
  if (externalMessageId.kind !== 'carried' || externalMessageId.id === null) return plain(event)
  switch (event.message.status) {
    case 'Success':
      return { kind: 'receipt', event, channel, status: 'delivered' }
    case 'Failed':
      return { kind: 'receipt', event, channel, status: 'failed' }
    case null:
      return incomplete(event)
    default:
      return plain(event)
  }
}

const plain = (event: WebhookEvent): Classified => ({ kind: 'event', event, reason: null, foreign: false })

const incomplete = (event: WebhookEvent): Classified => ({
  kind: 'event',
  event,
  reason: 'fields-missing',
  foreign: false,
})

function isMessageEvent(type: string): boolean {
  return (messageEventTypes as readonly string[]).includes(type)
}

/** The type as keys, headers and logs have it. */
export function eventType(event: WebhookEvent): string {
  return event.kind === 'event' ? event.type : unknownType
}
