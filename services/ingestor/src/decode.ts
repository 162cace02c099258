// From a Kafka record to work for the core, or to the reason why it can never be work. Plain JSON without a registry.

import { hash } from 'node:crypto'
import { decodeUtf8, parseJsonOutermost } from '@bridge/schemas/json'
import { noIds, type OutboundMessage, readOutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { Decoded } from './core/facts.ts'
import type { Channels } from './organizations.ts'

/**
 * Decodes a record. Total: there is an answer for any bytes. `detail` names fields and rules, never values.
 *
 * - null value: a tombstone
 * - not UTF-8, no JSON, or the wire format of a schema registry: `undecodable`
 * - JSON that is no outbound message, or one for a channel that is not configured: `invalid`
 */
export function decode(record: ConsumedRecord, channels: Channels): Decoded {
  const bytes = record.value
  if (bytes === null) return { kind: 'tombstone' }
  if (bytes[0] === 0) {
    const detail = 'the value begins with a zero byte: the wire format of a schema registry, and none is configured'
    return { kind: 'poison', reason: 'undecodable', detail, ids: noIds }
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) return { kind: 'poison', reason: 'undecodable', detail: 'the value is not UTF-8', ids: noIds }
  const value = parseJsonOutermost(text)
  if (value === undefined) return { kind: 'poison', reason: 'undecodable', detail: 'the value is not JSON', ids: noIds }
  const read = readOutboundMessage(value)
  if (read.kind === 'invalid') return { kind: 'poison', reason: 'invalid', detail: read.detail, ids: read.ids }
  const { message } = read
  const channelId = message.channel_id ?? channels.defaultChannelId
  const channel = channelId === null ? undefined : channels.byId.get(channelId)
  if (channelId === null || channel === undefined) {
    const detail =
      channelId === null
        ? 'channel_id is missing, and several channels are configured'
        : 'channel_id names a channel that is not configured'
    return { kind: 'poison', reason: 'invalid', detail, ids: { ...noIds, ...pickIds(message), channel_id: channelId } }
  }
  return { kind: 'work', message, channelId, organization: channel.organization, digest: digestOf(message) }
}

/**
 * What two messages with one id have in common where they are the same: 72 bits over conversation, business, sender and
 * content. No two different ones are one text: what is in front of each length is of a known form.
 */
export function digestOf(message: OutboundMessage): string {
  const { external_conversation_id: conversation, business_id: business, sender_type, content } = message
  const text = `${conversation.length}:${conversation}${business.length}:${business}${sender_type}:${content}`
  // 12 characters, as V8 copies so few: a longer slice would keep all of the digest in memory with it.
  return hash('sha256', text, 'base64').slice(0, 12)
}

function pickIds(message: { business_id: string; external_conversation_id: string; external_message_id: string }) {
  const { business_id, external_conversation_id, external_message_id } = message
  return { business_id, external_conversation_id, external_message_id }
}
