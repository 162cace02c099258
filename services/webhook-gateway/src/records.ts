// The records that a classified webhook becomes: reply, receipt or event, with its key and its CloudEvents headers.
// Deterministic but for the time of arrival, so that copies of one webhook are recognised by `ce_id`.

import { createHash } from 'node:crypto'
import { cloudEventHeaders } from '@bridge/schemas/cloud-event'
import type { Receipt } from '@bridge/schemas/receipt'
import type { OutgoingRecord } from '@bridge/schemas/record'
import type { Reply } from '@bridge/schemas/reply'
import { type Classified, type CustomChannel, eventType, type MessageEvent } from './classify.ts'
import type { Topics } from './config.ts'
import type { FactKind } from './metrics.ts'
import type { Verified } from './verify.ts'

/** What is known of a delivery beside its body. Only the body is signed. */
export type Delivery = {
  tryout: boolean
  /** W3C trace context of the HTTP request. */
  traceparent: string | undefined
  /** ISO 8601, UTC. */
  receivedAt: string
}

/** One webhook as it is to be stored. */
export type Fact = {
  kind: FactKind
  foreign: boolean
  record: OutgoingRecord
  /** What is stored instead, all of it and in this order, where the topic refuses the record as too large. */
  whenTooLarge: (() => readonly OutgoingRecord[]) | undefined
}

/** The header of a reply without its `event`, and its value: the original is in the events topic. */
const omittedHeader: Header = ['partoo-event-omitted', Buffer.from('too-large')]

type Header = [name: string, value: Buffer]

/** Makes the record of a verified webhook. */
export function toFact(verified: Verified, classified: Classified, delivery: Delivery, topics: Topics): Fact {
  const { body } = verified
  switch (classified.kind) {
    case 'reply': {
      const record = (event: string | null): OutgoingRecord => ({
        topic: topics.replies,
        key: Buffer.from(channelKey(classified.event, classified.channel)),
        value: Buffer.from(JSON.stringify(toReply(classified.event, classified.channel, event))),
        headers: [
          ...ceHeaders(body, classified, delivery, 'partoo.reply'),
          ...(classified.untold ? [header('partoo-origin', 'unknown')] : []),
          ...(event === null ? [omittedHeader] : []),
        ],
        sourcePartition: 0,
      })
      return {
        kind: 'reply',
        foreign: false,
        record: record(body.toString('utf8')),
        // The original first: where the second cannot be stored, the copies that the repeat makes are of the event, which
        // nobody answers, not of the reply.
        whenTooLarge: () => [eventRecord(body, classified, delivery, topics), record(null)],
      }
    }
    case 'receipt':
      return {
        kind: 'receipt',
        foreign: false,
        record: {
          topic: topics.receipts,
          key: Buffer.from(channelKey(classified.event, classified.channel)),
          value: Buffer.from(JSON.stringify(toReceipt(classified, delivery))),
          headers: ceHeaders(body, classified, delivery, `partoo.receipt.${classified.status}`),
          sourcePartition: 0,
        },
        whenTooLarge: undefined,
      }
    case 'event':
      return {
        kind: 'event',
        foreign: classified.foreign,
        record: eventRecord(body, classified, delivery, topics),
        whenTooLarge: undefined,
      }
  }
}

function toReply(event: MessageEvent, channel: CustomChannel, original: string | null): Reply {
  const { message } = event
  return {
    message_id: message.id,
    conversation_id: event.conversationId,
    external_conversation_id: channel.externalConversationId,
    channel_id: channel.channelId,
    business_id: event.businessId,
    org_id: event.orgId,
    content: message.content,
    content_type: message.contentType,
    sender_type: message.senderType,
    sender_label: message.senderLabel,
    user_id: message.userId,
    created_at: message.date,
    consumer_name: event.consumerName,
    event: original,
  }
}

function toReceipt(classified: Extract<Classified, { kind: 'receipt' }>, delivery: Delivery): Receipt {
  const { event, channel, status } = classified
  return {
    status,
    reason: null,
    channel_id: channel.channelId,
    external_conversation_id: channel.externalConversationId,
    external_message_id: channel.externalMessageId.kind === 'carried' ? channel.externalMessageId.id : null,
    business_id: event.businessId,
    // The event's date is that of the message: it says when it was created, and not when it was delivered or failed.
    at: status === 'created' ? (event.message.date ?? delivery.receivedAt) : delivery.receivedAt,
    attempts: 0,
    http_status: null,
    source: null,
    partoo: { message_id: event.message.id, conversation_id: event.conversationId },
  }
}

function eventRecord(body: Buffer, classified: Classified, delivery: Delivery, topics: Topics): OutgoingRecord {
  const { event } = classified
  const type = eventType(event)
  const conversationId = event.kind === 'event' ? event.conversationId : null
  const headers = ceHeaders(body, classified, delivery, `partoo.event.${type}`)
  if (classified.kind === 'event') {
    if (classified.reason !== null) headers.push(header('partoo-reason', classified.reason))
    if (classified.foreign) headers.push(header('partoo-origin', 'foreign'))
    if (delivery.tryout) headers.push(header('partoo-tryout', 'true'))
  }
  return {
    topic: topics.events,
    key: Buffer.from(conversationId === null ? type : conversationKey(conversationId)),
    value: body,
    headers,
    sourcePartition: 0,
  }
}

function ceHeaders(body: Buffer, classified: Classified, delivery: Delivery, ceType: `partoo.${string}`): Header[] {
  const { event } = classified
  const message = event.kind === 'event' ? event.message : null
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 16)
  return cloudEventHeaders({
    id: `${eventType(event)}/${message?.id ?? '-'}/${digest}`,
    type: ceType,
    source: '/partoo/webhook-gateway',
    time: message?.date ?? delivery.receivedAt,
    contentType: event.kind === 'not-json' ? 'application/octet-stream' : 'application/json',
    traceparent: delivery.traceparent,
  })
}

/** A conversation's key in replies and receipts: the sender's own id for it, else one made of Partoo's. */
function channelKey(event: MessageEvent, channel: CustomChannel): string {
  return channel.externalConversationId ?? conversationKey(event.conversationId ?? '')
}

const conversationKey = (conversationId: string): string => `partoo-conversation-${conversationId}`

const header = (name: string, value: string): Header => [name, Buffer.from(value)]
