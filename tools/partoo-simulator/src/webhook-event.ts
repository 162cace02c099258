// Owns the shape of what Partoo sends and shows: webhook events, and messages and conversations in look-ups.
//
// The custom_channel object is a guess: Partoo publishes that it exists and that external_conversation_id and
// external_message_id correlate webhook messages with the caller's own, but neither its inner shape nor whether it sits
// on the message, on the conversation or on both. `customChannelOn` makes the place a choice, so that a receiver can be
// tested against each.

import type { Conversation, Message } from './conversations.ts'
import type { CustomChannelPlace } from './options.ts'

export type EventShape = { customChannelOn: CustomChannelPlace; businessIdAs: 'number' | 'string' }

export type EventType = 'message_created' | 'message_updated'

/** What a webhook can be configured for. */
export const eventTypes = [
  'business_created',
  'business_updated',
  'business_deleted',
  'message_updated',
  'message_created',
  'lead_received',
] as const

/** The body of a message_created or message_updated webhook. */
export function messageEvent(type: EventType, message: Message, conversation: Conversation, shape: EventShape) {
  return {
    type,
    payload: {
      message: shownMessage(message, shape),
      conversation: shownConversation(conversation, shape, shape.businessIdAs),
      org_id: message.org_id,
    },
  }
}

/** A message, as webhooks and GET /messages show it. */
export function shownMessage(message: Message, shape: EventShape) {
  const here = shape.customChannelOn === 'message' || shape.customChannelOn === 'both'
  return {
    id: message.id,
    conversation_id: message.conversation_id,
    date: message.date,
    content_type: message.content_type,
    sender_type: message.sender_type,
    sender_label: message.sender_label,
    status: message.status,
    is_deleted: false,
    content: message.content,
    user_id: message.user_id,
    custom_channel:
      here && message.channel_id !== null
        ? {
            channel_id: message.channel_id,
            external_conversation_id: message.external_conversation_id,
            // null for what was written in Partoo: the key is there, so that a receiver can tell a reply from an echo.
            external_message_id: message.external_message_id,
          }
        : null,
  }
}

/**
 * A conversation, as webhooks and GET /conversations show it.
 * @param businessIdAs the webhook example shows a number, other places a string
 */
export function shownConversation(conversation: Conversation, shape: EventShape, businessIdAs: 'number' | 'string') {
  const here = shape.customChannelOn === 'conversation' || shape.customChannelOn === 'both'
  return {
    id: conversation.id,
    consumer_img: conversation.consumer_image,
    consumer_name: conversation.consumer_name,
    business: { id: shownBusinessId(conversation.business_id, businessIdAs) },
    messaging_partner: conversation.messaging_partner,
    custom_channel:
      here && conversation.channel_id !== null
        ? {
            channel_id: conversation.channel_id,
            external_conversation_id: conversation.external_conversation_id,
          }
        : null,
  }
}

/** A number only where digits-only text survives the way there and back: no leading zero, nothing rounded. */
function shownBusinessId(businessId: string, as: 'number' | 'string'): number | string {
  return as === 'number' && /^\d+$/.test(businessId) && String(Number(businessId)) === businessId
    ? Number(businessId)
    : businessId
}

/** What a test delivery carries; the example of Partoo's documentation. */
export function sampleEvent(type: string, orgId: number) {
  return {
    type,
    payload: {
      message: {
        id: 123,
        conversation_id: 123,
        date: '2023-01-31 16:22:17.327878+00:00',
        content_type: 'Text',
        sender_type: 'User',
        sender_label: 'Jane Doe',
        status: 'Sending',
        is_deleted: false,
        content: 'This is a test delivery.',
        user_id: '123',
        custom_channel: null,
      },
      conversation: {
        id: 123,
        consumer_img: null,
        consumer_name: 'John Doe',
        business: { id: 123 },
        messaging_partner: 'Facebook',
        custom_channel: null,
      },
      org_id: orgId,
    },
  }
}
