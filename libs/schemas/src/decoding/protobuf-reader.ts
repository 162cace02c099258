// Payloads written with Protobuf: the list of message indexes, then the message, read by the writer's own schema. Of the message type
// that the list names the fields that bear our names are read; everything else is passed over.
//
// This reads the wire format itself, and does not use protobufjs's decoder: that takes bytes that are no UTF-8 for text, compiles
// code from strangers' schemas, and needs every import.
//
//   strings                 the text
//   integers                the whole number, as an id; beyond 2^53 too
//   enums                   their names, of sender types see outbound-fields.ts
//   Google's wrappers       what they hold
//   bytes, messages, maps,  what the contract refuses, with the field's name
//     repeated fields
//
// Zero and the empty text: where the schema cannot tell them from absence (proto3 without `optional`) they are absence, on the wire or
// not, but an enum's zero, which is its first name. Where it can, they are what was written; an empty text in a field that our
// contract has as optional is absence there too, as producers set what they do not have to "".

import type { JsonValue } from '../json.ts'
import { outboundMessage } from '../outbound-message.ts'
import { readMessageIndexes } from '../wire-format.ts'
import { Cursor, unzigzag } from './cursor.ts'
import { integerValue, otherValue } from './outbound-fields.ts'
import type { PayloadRead, ReaderMade, SchemaReference } from './payload.ts'
import { type ProtobufField, type ProtobufMessage, type ProtobufScalar, readProtobufSchema } from './protobuf-schema.ts'

/** Fields that a message need not have. */
const optionalFields = new Set(
  Object.entries(outboundMessage.shape).flatMap(([name, type]) => (type.safeParse(undefined).success ? [name] : [])),
)

/** Makes a reader of a schema: the text of a .proto file, or a FileDescriptorProto in base64. */
export function protobufReader(text: string, references: readonly SchemaReference[]): ReaderMade {
  const schema = readProtobufSchema(text, references)
  if (schema.kind === 'unreadable') return schema
  return { kind: 'reader', read: (payload) => read(payload, schema.messages) }
}

function read(payload: Buffer, messages: readonly ProtobufMessage[]): PayloadRead {
  const head = readMessageIndexes(payload)
  if (head === undefined) return { kind: 'undecodable', detail: 'it has no list of message indexes' }
  const type = typeAt(messages, head.indexes)
  if (type === undefined) return { kind: 'undecodable', detail: 'its message indexes name no type of the schema' }
  const cursor = new Cursor(head.message)
  const value = messageOf(cursor, type)
  return cursor.fault === null ? { kind: 'read', value } : { kind: 'undecodable', detail: cursor.fault }
}

function typeAt(messages: readonly ProtobufMessage[], indexes: readonly number[]): ProtobufMessage | undefined {
  let types = messages
  let type: ProtobufMessage | undefined
  for (const index of indexes) {
    type = types[index]
    types = type?.nested ?? []
  }
  return type
}

function messageOf(cursor: Cursor, { fields }: ProtobufMessage): JsonValue {
  const message: { [name: string]: JsonValue } = {}
  while (!cursor.isAtEnd && cursor.step()) {
    const { number, wire } = tagOf(cursor)
    const field = fields.get(number)
    if (field === undefined) skip(cursor, number, wire)
    else if (field.isRepeated || !isWrittenAs(field, wire)) {
      skip(cursor, number, wire)
      // Of another wire type: as much a stranger as an unknown field. Of a repeated field any part is one too many.
      if (field.isRepeated) message[field.name] = otherValue
    } else message[field.name] = fieldOf(cursor, field)
  }
  for (const field of fields.values()) settleAbsence(message, field)
  return message
}

function settleAbsence(message: { [name: string]: JsonValue }, { name, of, hasPresence }: ProtobufField): void {
  const value = message[name]
  if (of.kind === 'enum') {
    if (value === undefined && !hasPresence) message[name] = of.texts.get(0) ?? ''
    return
  }
  const isZero = value === '' || value === 0n
  if (isZero && !hasPresence) delete message[name]
  if (value === '' && optionalFields.has(name)) delete message[name]
}

function fieldOf(cursor: Cursor, { name, of }: ProtobufField): JsonValue {
  switch (of.kind) {
    case 'scalar':
      return scalarOf(cursor, of.scalar, name)
    case 'enum':
      return of.texts.get(Number(BigInt.asIntN(32, cursor.varint64()))) ?? ''
    case 'wrapper':
      return wrappedIn(cursor, of.scalar, name)
  }
}

/** What a wrapper holds; an empty one holds zero or the empty text. */
function wrappedIn(outer: Cursor, scalar: ProtobufScalar, name: string): JsonValue {
  const cursor = new Cursor(outer.take(outer.varint()))
  let value: JsonValue = scalar === 'string' ? '' : 0n
  while (!cursor.isAtEnd && cursor.step()) {
    const { number, wire } = tagOf(cursor)
    if (number === 1 && wire === wireOf[scalar]) value = scalarOf(cursor, scalar, name)
    else skip(cursor, number, wire)
  }
  if (cursor.fault !== null) outer.fail(cursor.fault)
  return value
}

const wireOf: Readonly<Record<ProtobufScalar, number>> = {
  string: 2,
  other: 2,
  bool: 0,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  sint32: 0,
  sint64: 0,
  fixed64: 1,
  sfixed64: 1,
  double: 1,
  fixed32: 5,
  sfixed32: 5,
  float: 5,
}

function isWrittenAs({ of }: ProtobufField, wire: number): boolean {
  if (of.kind === 'enum') return wire === 0
  return wire === (of.kind === 'wrapper' ? 2 : wireOf[of.scalar])
}

function scalarOf(cursor: Cursor, scalar: ProtobufScalar, name: string): JsonValue {
  switch (scalar) {
    case 'string':
      return cursor.text(cursor.varint(), name)
    case 'other':
      cursor.take(cursor.varint())
      return otherValue
    case 'bool':
      return cursor.varint64() !== 0n
    case 'int32':
      return integerValue(BigInt.asIntN(32, cursor.varint64()))
    case 'int64':
      return integerValue(BigInt.asIntN(64, cursor.varint64()))
    case 'uint32':
      return BigInt.asUintN(32, cursor.varint64())
    case 'uint64':
      return cursor.varint64()
    case 'sint32':
    case 'sint64':
      return integerValue(unzigzag(cursor.varint64()))
    case 'fixed32':
      return BigInt(fixed(cursor, 4)?.readUInt32LE() ?? 0)
    case 'sfixed32':
      return integerValue(BigInt(fixed(cursor, 4)?.readInt32LE() ?? 0))
    case 'fixed64':
      return fixed(cursor, 8)?.readBigUInt64LE() ?? 0n
    case 'sfixed64':
      return integerValue(fixed(cursor, 8)?.readBigInt64LE() ?? 0n)
    case 'float':
      return fixed(cursor, 4)?.readFloatLE() ?? 0
    case 'double':
      return fixed(cursor, 8)?.readDoubleLE() ?? 0
  }
}

function fixed(cursor: Cursor, length: number): Buffer | undefined {
  const bytes = cursor.take(length)
  return bytes.length === length ? bytes : undefined
}

function tagOf(cursor: Cursor): { number: number; wire: number } {
  const tag = cursor.varint()
  const number = Math.floor(tag / 8)
  if (number === 0 || number > 536_870_911) cursor.fail('a field has an impossible number')
  return { number, wire: tag % 8 }
}

function skip(cursor: Cursor, number: number, wire: number): void {
  switch (wire) {
    case 0:
      cursor.skipVarint()
      return
    case 1:
      cursor.take(8)
      return
    case 2:
      cursor.take(cursor.varint())
      return
    case 3:
      cursor.deeper(() => skipGroup(cursor, number))
      return
    case 5:
      cursor.take(4)
      return
    default:
      cursor.fail('a field is of no known kind')
  }
}

function skipGroup(cursor: Cursor, number: number): void {
  while (cursor.step()) {
    const inner = tagOf(cursor)
    if (inner.wire === 4) {
      if (inner.number !== number) cursor.fail('a group ends that did not begin')
      return
    }
    skip(cursor, inner.number, inner.wire)
  }
}
