// Owns what is registered: of which topics, under which names, with which schemas.

import type { OwnSchema, SchemaType } from '@bridge/schemas/registry'
import { type ContractName, type SchemaFormat, schemaFormats, schemaText } from '@bridge/schemas/schema-files'

/** The topics whose values have a schema: dead letters and events are bytes as they came. */
export const roles = ['outbound', 'bulk', 'receipts', 'replies'] as const
export type Role = (typeof roles)[number]

const contracts = {
  outbound: 'outbound-message',
  bulk: 'outbound-message',
  receipts: 'receipt',
  replies: 'reply',
} as const satisfies Record<Role, ContractName>

const types = { avro: 'AVRO', 'json-schema': 'JSON', protobuf: 'PROTOBUF' } as const satisfies Record<
  SchemaFormat,
  SchemaType
>

/** A schema of ours, and the name that it is registered under. `others`: what it is in the formats that were not chosen. */
export type Subject = {
  name: string
  format: SchemaFormat
  own: OwnSchema
  others: readonly { format: SchemaFormat; own: OwnSchema }[]
}

export function isRole(name: string): name is Role {
  return (roles as readonly string[]).includes(name)
}

export function isFormat(name: string): name is SchemaFormat {
  return (schemaFormats as readonly string[]).includes(name)
}

/** Whether the services write this topic, and not your producers. */
export function isPublished(role: Role): boolean {
  return role === 'receipts' || role === 'replies'
}

/** The subject of a topic's values, as Confluent's serializers name it unless told otherwise (TopicNameStrategy). */
export function subjectOf(role: Role, topic: string, format: SchemaFormat): Subject {
  const own = (as: SchemaFormat) => ({ type: types[as], text: schemaText(contracts[role], as) })
  const others = schemaFormats.filter((each) => each !== format).map((each) => ({ format: each, own: own(each) }))
  return { name: `${topic}-value`, format, own: own(format), others }
}
