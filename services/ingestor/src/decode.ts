// From a Kafka record to work for the core, or to the reason why it can never be work. What a record is, its bytes say: those of the
// wire format of a schema registry begin with a zero byte, which no JSON does. So both may be in one topic, and headers such as
// `content-type` or the `ce_*` of CloudEvents in binary mode change nothing.

import { hash } from 'node:crypto'
import type { SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import { decodeUtf8, type JsonValue, parseJsonOutermost } from '@bridge/schemas/json'
import { noIds, type OutboundMessage, readOutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import { isFramed, readFrame } from '@bridge/schemas/wire-format'
import type { Decoded } from './core/facts.ts'
import type { Channels } from './organizations.ts'

/** The schemas of a registry, as far as decoding asks them. */
export type Schemas = Pick<SchemaReaders, 'read'>

/** It is not known yet what this id means: the record is to be decoded again when it is. */
export type SchemaNeeded = { kind: 'schema-needed'; schemaId: number }

/**
 * Decodes a record. Total: there is an answer for any bytes. Never waits. `detail` names fields and rules, never values.
 *
 * - null value: a tombstone
 * - not UTF-8, no JSON, or in the wire format and not readable by the schema that it names: `undecodable`
 * - what is no outbound message, or one for a channel that is not configured: `invalid`
 *
 * @param schemas null where no registry is configured: what is in the wire format is `undecodable` then
 */
export function decode(record: ConsumedRecord, channels: Channels, schemas: Schemas | null): Decoded | SchemaNeeded {
  const bytes = record.value
  if (bytes === null) return { kind: 'tombstone' }
  if (isFramed(bytes)) {
    const framed = readFramed(bytes, schemas)
    return framed.kind === 'read' ? workOf(framed.value, channels) : framed
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) return undecodable('the value is not UTF-8')
  const value = parseJsonOutermost(text)
  return value === undefined ? undecodable('the value is not JSON') : workOf(value, channels)
}

function readFramed(
  bytes: Buffer,
  schemas: Schemas | null,
): { kind: 'read'; value: JsonValue } | SchemaNeeded | Extract<Decoded, { kind: 'poison' }> {
  if (schemas === null) {
    return undecodable(
      'the value begins with a zero byte: the wire format of a schema registry, and none is configured',
    )
  }
  const frame = readFrame(bytes)
  if (frame === undefined) return undecodable('the value begins with a zero byte, and is too short for a schema id')
  const read = schemas.read(frame.schemaId, frame.payload)
  switch (read.kind) {
    case 'read':
      return read
    case 'schema-needed':
      return { kind: 'schema-needed', schemaId: frame.schemaId }
    case 'undecodable':
      return undecodable(read.detail)
  }
}

function undecodable(detail: string): Extract<Decoded, { kind: 'poison' }> {
  return { kind: 'poison', reason: 'undecodable', detail, ids: noIds }
}

function workOf(value: JsonValue, channels: Channels): Decoded {
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
