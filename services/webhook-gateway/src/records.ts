// The records that a classified webhook becomes: reply, receipt or event, with its key and its CloudEvents headers.
// Deterministic but for the time of arrival, so that copies of one webhook are recognised by `ce_id`.

import { readWebhookEvent } from '@bridge/partoo/webhook-event'
import { cloudEventHeaders } from '@bridge/schemas/cloud-event'
import type { Receipt } from '@bridge/schemas/receipt'
import type { OutgoingRecord } from '@bridge/schemas/record'
import type { Reply } from '@bridge/schemas/reply'
import {
  type Classified,
  type CustomChannel,
  classify,
  destinations,
  eventType,
  type MessageEvent,
} from './classify.ts'
import type { Topics } from './config.ts'
import type { Kept } from './spool.ts'
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
  classified: Classified
  record: OutgoingRecord
  /** What the spool keeps of it: enough to make the fact again. */
  kept: Kept
  /** What is stored instead, all of it and in this order, where the topic refuses the record as too large. */
  whenTooLarge: (() => readonly OutgoingRecord[]) | undefined
}

/** The header of a reply without its `event`, and its value: the original is in the events topic. */
const omittedHeader: Header = ['partoo-event-omitted', Buffer.from('too-large')]

type Header = [name: string, value: Buffer]

/** Whose events are ours, and where they go. */
export type FactOptions = {
  /** Organizations that are ours; empty: every one is. */
  orgIds: ReadonlySet<string>
  topics: Topics
}

/** What a verified webhook is, and what is to be stored of it. Total: every body has a fact. */
export function toFact(verified: Verified, delivery: Delivery, { orgIds, topics }: FactOptions): Fact {
  const classified = classify(readWebhookEvent(verified.body), orgIds, delivery.tryout)
  const kept = { destination: destinations[classified.kind], body: verified.body, ...delivery }
  return { classified, kept, ...toRecord(verified, classified, delivery, topics) }
}

function toRecord(
  verified: Verified,
  classified: Classified,
  delivery: Delivery,
  topics: Topics,
): Pick<Fact, 'record' | 'whenTooLarge'> {
  const { body } = verified
  switch (classified.kind) {
    case 'reply': {
      const record = (event: string | null): OutgoingRecord => ({
        topic: topics.replies,
        key: Buffer.from(channelKey(classified.event, classified.channel)),
        value: Buffer.from(JSON.stringify(toReply(classified.event, classified.channel, event))),
        headers: [
          ...ceHeaders(verified, classified, delivery, 'partoo.reply'),
          ...(classified.untold ? [header('partoo-origin', 'unknown')] : []),
          ...(event === null ? [omittedHeader] : []),
        ],
        sourcePartition: 0,
      })
      return {
        record: record(body.toString('utf8')),
        // The original first: where the second cannot be stored, the copies that the repeat makes are of the event, which
        // nobody answers, not of the reply.
        whenTooLarge: () => [eventRecord(verified, classified, delivery, topics), record(null)],
      }
    }
    case 'receipt':
      return {
        record: {
          topic: topics.receipts,
          key: Buffer.from(channelKey(classified.event, classified.channel)),
          value: Buffer.from(JSON.stringify(toReceipt(classified, delivery))),
          headers: ceHeaders(verified, classified, delivery, `partoo.receipt.${classified.status}`),
          sourcePartition: 0,
        },
        whenTooLarge: undefined,
      }
    case 'event':
      return { record: eventRecord(verified, classified, delivery, topics), whenTooLarge: undefined }
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

function eventRecord(verified: Verified, classified: Classified, delivery: Delivery, topics: Topics): OutgoingRecord {
  const { event } = classified
  const type = eventType(event)
  const conversationId = event.kind === 'event' ? event.conversationId : null
  const headers = ceHeaders(verified, classified, delivery, `partoo.event.${type}`)
  if (classified.kind === 'event') {
    if (classified.reason !== null) headers.push(header('partoo-reason', classified.reason))
    if (classified.foreign) headers.push(header('partoo-origin', 'foreign'))
    if (delivery.tryout) headers.push(header('partoo-tryout', 'true'))
  }
  return {
    topic: topics.events,
    key: Buffer.from(conversationId === null ? type : conversationKey(conversationId)),
    value: verified.body,
    headers,
    sourcePartition: 0,
  }
}

function ceHeaders(
  { digest }: Verified,
  classified: Classified,
  delivery: Delivery,
  ceType: `partoo.${string}`,
): Header[] {
  const { event } = classified
  const message = event.kind === 'event' ? event.message : null
  return cloudEventHeaders({
    id: `${eventType(event)}/${message?.id ?? '-'}/${digest.slice(0, 16)}`,
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
