// Owns whose message a dead letter is: reads the ids out of a record by the same rules as the ingestor, as far as they are there.

import { SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import { decodeUtf8, type JsonValue, parseJsonOutermost } from '@bridge/schemas/json'
import { type KnownIds, noIds, readOutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import { Registry, type RegistryConnection } from '@bridge/schemas/registry'
import { isFramed, readFrame } from '@bridge/schemas/wire-format'

export class Identify {
  readonly #registry: Registry | undefined
  readonly #schemas: SchemaReaders | undefined
  readonly #defaultChannelId: string | null
  #unread: string | null = null

  /** @param defaultChannelId of messages that name none, where the ingestor speaks for one channel */
  constructor(registry: RegistryConnection | undefined, defaultChannelId: string | null) {
    this.#registry = registry && new Registry(registry)
    this.#schemas = this.#registry && new SchemaReaders(this.#registry)
    this.#defaultChannelId = defaultChannelId
  }

  /** Why some have no ids that could have some; null where that is not so. */
  get unread(): string | null {
    return this.#unread
  }

  /** What cannot be read has none. */
  async idsOf({ value }: ConsumedRecord): Promise<KnownIds> {
    const read = value === null ? undefined : await this.#read(value)
    if (read === undefined) return noIds
    const message = readOutboundMessage(read)
    const ids = message.kind === 'valid' ? message.message : message.ids
    return {
      channel_id: ids.channel_id ?? this.#defaultChannelId,
      business_id: ids.business_id,
      external_conversation_id: ids.external_conversation_id,
      external_message_id: ids.external_message_id,
    }
  }

  async close(): Promise<void> {
    await this.#registry?.close()
  }

  async #read(value: Buffer): Promise<JsonValue | undefined> {
    if (!isFramed(value)) return parseJsonOutermost(decodeUtf8(value) ?? '')
    const frame = readFrame(value)
    if (frame === undefined) return undefined
    if (this.#schemas === undefined) {
      this.#unread = 'some are in the wire format of a schema registry, and SCHEMA_REGISTRY_URL is not set'
      return undefined
    }
    let read = this.#schemas.read(frame.schemaId, frame.payload)
    if (read.kind === 'schema-needed') {
      const fetched = await this.#schemas.fetch(frame.schemaId)
      if (typeof fetched === 'object') this.#unread = `the schema registry does not answer: ${fetched.unavailable}`
      read = this.#schemas.read(frame.schemaId, frame.payload)
    }
    return read.kind === 'read' ? read.value : undefined
  }
}
