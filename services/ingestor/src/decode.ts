// From a Kafka record to work for the core, or to the reason why it can never be work. Plain JSON without a registry.

import { decodeUtf8, parseJson } from '@bridge/schemas/json'
import { noIds, readOutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { Channels } from './config.ts'
import type { Decoded } from './core/facts.ts'

/**
 * Decodes a record. Total: there is an answer for any bytes. `detail` names fields and rules, never values.
 *
 * - null value: a tombstone
 * - not UTF-8, no JSON, or the wire format of a schema registry: `undecodable`
 * - JSON that is no outbound message, or one for a channel that is not configured: `invalid`
 */
export function decode(record: ConsumedRecord, channels: Channels): Decoded {
  if (record.value === null) return { kind: 'tombstone' }
  if (record.value[0] === 0) {
    const detail = 'the value begins with a zero byte: the wire format of a schema registry, and none is configured'
    return { kind: 'poison', reason: 'undecodable', detail, ids: noIds }
  }
  const text = decodeUtf8(record.value)
  if (text === undefined) return { kind: 'poison', reason: 'undecodable', detail: 'the value is not UTF-8', ids: noIds }
  const value = parseJson(text)
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
  return { kind: 'work', message, channelId, organization: channel.organization }
}

function pickIds(message: { business_id: string; external_conversation_id: string; external_message_id: string }) {
  const { business_id, external_conversation_id, external_message_id } = message
  return { business_id, external_conversation_id, external_message_id }
}
