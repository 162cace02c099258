// Payloads written with Avro, read along the writer's own schema: of the outermost record the fields that bear our names, whatever
// the record is called; everything else is passed over. A union at the top, several records in one topic, is read too.
//
// This is no general reader, and does not use avsc: that trusts the counts in a payload, and a single damaged one (an array of 2^40
// items) would keep the process busy for hours.
//
//   int, long               the whole number, as an id; logical types (timestamps) are passed over
//   string, enum            the text; of an enum see outbound-fields.ts
//   bytes, fixed            no text: they may be anything. But a decimal without fraction is its whole number, a uuid its text
//   float, double, boolean  what they are: never an id
//   record, array, map      what the contract refuses, with the field's name

import type { JsonValue } from '../json.ts'
import { type AvroNode, readAvroSchema } from './avro-schema.ts'
import { Cursor, unzigzag } from './cursor.ts'
import { integerValue, otherValue, outboundFields } from './outbound-fields.ts'
import type { PayloadRead, ReaderMade, SchemaReference } from './payload.ts'

/** As many bytes as a number of 1,024 digits has, about. */
const integerBytesMax = 425

/** Makes a reader of a schema's text. @param references in the order that they are needed in */
export function avroReader(text: string, references: readonly SchemaReference[]): ReaderMade {
  const schema = readAvroSchema(text, references)
  if (schema.kind === 'unreadable') return schema
  return { kind: 'reader', read: (payload) => read(payload, schema.node) }
}

function read(payload: Buffer, node: AvroNode): PayloadRead {
  const cursor = new Cursor(payload)
  const value = outermost(cursor, node)
  if (!cursor.isAtEnd) cursor.fail('it goes on behind its end')
  return cursor.fault === null ? { kind: 'read', value } : { kind: 'undecodable', detail: cursor.fault }
}

function outermost(cursor: Cursor, node: AvroNode): JsonValue {
  if (node.kind === 'union') return outermost(cursor, branch(cursor, node.branches))
  if (node.kind !== 'record') {
    skip(cursor, node)
    return null
  }
  const message: { [name: string]: JsonValue } = {}
  for (const { name, type } of node.fields) {
    if (!cursor.step()) break
    if (outboundFields.includes(name)) message[name] = fieldOf(cursor, type, name)
    else skip(cursor, type)
  }
  return message
}

function fieldOf(cursor: Cursor, node: AvroNode, field: string): JsonValue {
  switch (node.kind) {
    case 'null':
      return null
    case 'boolean':
      return cursor.byte() !== 0
    case 'long':
      return integerValue(unzigzag(cursor.varint64()))
    case 'float':
      return four(cursor.take(4))
    case 'double':
      return eight(cursor.take(8))
    case 'string':
      return cursor.text(length(cursor), field)
    case 'bytes': {
      const bytes = cursor.take(length(cursor))
      return node.isInteger ? integerOf(bytes) : otherValue
    }
    case 'fixed': {
      const bytes = cursor.take(node.size)
      if (node.isInteger) return integerOf(bytes)
      return node.isUuid ? uuidOf(bytes) : otherValue
    }
    case 'enum':
      return node.texts[symbolOf(cursor, node.texts)] ?? ''
    case 'union':
      return fieldOf(cursor, branch(cursor, node.branches), field)
    case 'array':
    case 'map':
    case 'record':
      skip(cursor, node)
      return otherValue
  }
}

function skip(cursor: Cursor, node: AvroNode): void {
  if (!cursor.step()) return
  switch (node.kind) {
    case 'null':
      return
    case 'boolean':
      cursor.byte()
      return
    case 'long':
      cursor.skipVarint()
      return
    case 'float':
      cursor.take(4)
      return
    case 'double':
      cursor.take(8)
      return
    case 'string':
    case 'bytes':
      cursor.take(length(cursor))
      return
    case 'fixed':
      cursor.take(node.size)
      return
    case 'enum':
      symbolOf(cursor, node.texts)
      return
    case 'union':
      cursor.deeper(() => skip(cursor, branch(cursor, node.branches)))
      return
    case 'record':
      cursor.deeper(() => {
        for (const { type } of node.fields) if (cursor.fault === null) skip(cursor, type)
      })
      return
    case 'array':
    case 'map':
      cursor.deeper(() => skipBlocks(cursor, node))
      return
  }
}

/** Blocks of items until an empty one; one with a negative count tells its bytes. */
function skipBlocks(cursor: Cursor, { kind, items }: { kind: 'array' | 'map'; items: AvroNode }): void {
  for (let count = length(cursor); count !== 0 && cursor.step(); count = length(cursor)) {
    if (count < 0) {
      cursor.take(length(cursor))
      continue
    }
    for (let i = 0; i < count && cursor.fault === null; i += 1) {
      if (kind === 'map') cursor.take(length(cursor))
      skip(cursor, items)
    }
  }
}

/** A length, a count or an index: zigzag, and so perhaps negative. */
function length(cursor: Cursor): number {
  const coded = cursor.varint()
  return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2
}

function branch(cursor: Cursor, branches: readonly AvroNode[]): AvroNode {
  const found = branches[length(cursor)]
  if (found === undefined) cursor.fail('a union has no such branch')
  return found ?? { kind: 'null' }
}

function symbolOf(cursor: Cursor, symbols: readonly string[]): number {
  const index = length(cursor)
  if (symbols[index] === undefined) cursor.fail('an enum has no such symbol')
  return index
}

function four(bytes: Buffer): number {
  return bytes.length === 4 ? bytes.readFloatLE() : 0
}

function eight(bytes: Buffer): number {
  return bytes.length === 8 ? bytes.readDoubleLE() : 0
}

/** Of bytes in two's complement, the first one the highest. */
function integerOf(bytes: Buffer): JsonValue {
  if (bytes.length === 0 || bytes.length > integerBytesMax) return otherValue
  return integerValue(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`)))
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
