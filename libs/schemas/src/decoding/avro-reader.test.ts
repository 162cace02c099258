// Real: the reader, and avsc, which writes what is read. Doubled: nothing. Failure: a field that does not arrive as it was written, an
// integer that is rounded, a schema that other readers take and this one does not, a payload that keeps it busy.

import avro, { type Type } from 'avsc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonValue } from '../json.ts'
import { type OutboundRead, readOutboundMessage } from '../outbound-message.ts'
import { avroReader } from './avro-reader.ts'
import type { PayloadRead, SchemaReference } from './payload.ts'

type Fields = { name: string; type: unknown; [more: string]: unknown }[]

const wholeLongs = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a - b),
})

function reader(schema: unknown, references: SchemaReference[] = []): (payload: Buffer) => PayloadRead {
  const made = avroReader(JSON.stringify(schema), references)
  if (made.kind === 'unreadable') throw new Error(made.detail)
  return made.read
}

/** Written by avsc with this schema, read by ours. */
function arrives(schema: unknown, value: unknown): JsonValue {
  const type: Type = avro.Type.forSchema(
    structuredClone(schema) as avro.Schema,
    {
      wrapUnions: 'always',
      typeHook: (one: { type?: unknown } | string) =>
        one === 'long' || (typeof one === 'object' && one.type === 'long') ? wholeLongs : undefined,
    } as unknown as avro.ForSchemaOptions,
  )
  const read = reader(schema)(type.toBuffer(value))
  if (read.kind === 'undecodable') throw new Error(read.detail)
  return read.value
}

const record = (fields: Fields, more: object = {}) => ({ type: 'record', name: 'Anything', fields, ...more })
const message = {
  business_id: '42',
  external_conversation_id: 'c',
  external_message_id: 'm',
  content: 'Grüße 👋',
  sender_type: 'User',
}
const strings: Fields = Object.keys(message).map((name) => ({ name, type: 'string' }))
const read = (schema: unknown, value: unknown): OutboundRead => readOutboundMessage(arrives(schema, value))

test('a record of strings, whatever it is called, with fields that we do not know', () => {
  const extra: Fields = [
    { name: 'constructor', type: { type: 'map', values: ['null', 'long', { type: 'array', items: 'double' }] } },
    ...strings,
    { name: '__proto__', type: 'string' },
    {
      name: 'tags',
      type: { type: 'array', items: record([{ name: 'hasOwnProperty', type: 'bytes' }], { name: 'Tag' }) },
    },
  ]
  const value = {
    ...message,
    constructor: { a: null, b: { long: 5n }, c: { array: [1, 2] } },
    ['__proto__' as string]: 'x',
    tags: [{ hasOwnProperty: Buffer.from([1]) }, { hasOwnProperty: Buffer.alloc(300) }],
  }
  Object.defineProperty(value, '__proto__', { value: 'planted', enumerable: true })
  const arrived = arrives(record(extra, { namespace: 'com.acme.crm' }), value)
  expect(arrived).toEqual(message)
  expect(Object.getPrototypeOf(arrived)).toBe(Object.prototype)
})

test('integers are whole ids, beyond 2^53 too; negative ones and fractions are none', () => {
  const schema = record([
    { name: 'business_id', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'external_message_id', type: ['null', 'long'] },
    { name: 'external_conversation_id', type: 'int' },
    { name: 'channel_id', type: 'double' },
  ])
  const value = { business_id: 9007199254740993n, external_message_id: { long: 2n ** 63n - 1n }, channel_id: 42 }
  expect(arrives(schema, { ...value, external_conversation_id: -7 })).toEqual({
    business_id: 9007199254740993n,
    external_message_id: 9223372036854775807n,
    external_conversation_id: -7,
    channel_id: 42,
  })
  expect(read(schema, { ...value, external_conversation_id: 7 })).toMatchObject({
    kind: 'invalid',
    detail: expect.stringContaining('channel_id must be a string, or an integer in digits'),
    ids: { business_id: '9007199254740993', external_message_id: '9223372036854775807', external_conversation_id: '7' },
  })
})

test('optional fields: unions in any order, and fields that are not there', () => {
  const union = record([
    ...strings,
    { name: 'consumer_name', type: ['string', 'null'] },
    { name: 'consumer_image', type: ['null', 'int', 'string'] },
  ])
  expect(read(union, { ...message, consumer_name: null, consumer_image: { string: 'u' } })).toEqual({
    kind: 'valid',
    message: { ...message, consumer_name: null, consumer_image: 'u', channel_id: null },
  })
})

test('a sender type as an enum, its names in any case', () => {
  const schema = (symbols: string[]) =>
    record([...strings.slice(0, 4), { name: 'sender_type', type: { type: 'enum', name: 'S', symbols } }])
  const sender = (symbols: string[], sender_type: string) => {
    const arrived = arrives(schema(symbols), { ...message, sender_type }) as { sender_type: string }
    return arrived.sender_type
  }
  expect(sender(['User', 'Consumer'], 'Consumer')).toBe('Consumer')
  expect(sender(['CONSUMER', 'USER'], 'USER')).toBe('User')
  expect(sender(['SENDER_USER', 'SENDER_CONSUMER'], 'SENDER_CONSUMER')).toBe('Consumer')
  // Who is meant is not guessed.
  expect(sender(['AGENT', 'END_USER'], 'END_USER')).toBe('END_USER')
})

test('bytes are no text, but decimals without a fraction and uuids are ids', () => {
  const decimal = { type: 'bytes', logicalType: 'decimal', precision: 30 }
  const schema = record([
    { name: 'business_id', type: decimal },
    { name: 'external_message_id', type: { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' } },
    { name: 'channel_id', type: { ...decimal, scale: 2 } },
    { name: 'content', type: 'bytes' },
    { name: 'external_conversation_id', type: { type: 'fixed', name: 'D', size: 3, logicalType: 'decimal', scale: 0 } },
  ])
  const value = {
    business_id: Buffer.from('018ee90ff6c373e0ee4e3f0ad2', 'hex'),
    external_message_id: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    channel_id: Buffer.from('A'),
    content: Buffer.from('planted'),
    external_conversation_id: Buffer.from([0xff, 0xff, 0xff]),
  }
  expect(arrives(schema, value)).toEqual({
    business_id: 0x018ee90ff6c373e0ee4e3f0ad2n,
    external_message_id: '00112233-4455-6677-8899-aabbccddeeff',
    channel_id: [],
    content: [],
    external_conversation_id: -1,
  })
  expect(read(schema, value)).toMatchObject({ detail: expect.stringContaining('content must be a string') })
})

test('nested named types, recursive ones, and those of referenced schemas', () => {
  const base = { type: 'enum', name: 'com.acme.Sender', symbols: ['Consumer', 'User'] }
  const tree = {
    type: 'record',
    name: 'Tree',
    namespace: 'com.acme.deep',
    fields: [
      { name: 'left', type: ['null', 'Tree'] },
      { name: 'sender', type: 'com.acme.Sender' },
    ],
  }
  const schema = record(
    [{ name: 'tree', type: 'com.acme.deep.Tree' }, ...strings.slice(0, 4), { name: 'sender_type', type: 'Sender' }],
    { namespace: 'com.acme' },
  )
  const registry = {}
  for (const one of [base, tree]) avro.Type.forSchema(one as avro.Schema, { registry, wrapUnions: true })
  const bytes = avro.Type.forSchema(schema as avro.Schema, { registry, wrapUnions: true }).toBuffer({
    ...message,
    tree: { left: { 'com.acme.deep.Tree': { left: null, sender: 'User' } }, sender: 'Consumer' },
  })
  const references = [base, tree].map((one) => ({ name: one.name, text: JSON.stringify(one) }))
  expect(reader(schema, references)(bytes)).toEqual({ kind: 'read', value: message })
  expect(avroReader(JSON.stringify(schema), references.slice(1))).toMatchObject({ kind: 'unreadable' })
})

test('a union of records at the top is read; what is no record is no message', () => {
  const schema = ['null', record([{ name: 'id', type: 'int' }], { name: 'Else' }), record(strings)]
  expect(arrives(schema, { Anything: message })).toEqual(message)
  expect(arrives(schema, { Else: { id: 1 } })).toEqual({})
  expect(arrives(schema, null)).toBeNull()
  expect(arrives('string', '{"content":"planted"}')).toBeNull()
})

test('text that is not UTF-8 is not decoded, and the field is named', () => {
  const payload = Buffer.concat([Buffer.from([6]), Buffer.from([0xed, 0xa0, 0x80])])
  expect(reader(record([{ name: 'content', type: 'string' }]))(payload)).toEqual({
    kind: 'undecodable',
    detail: 'content is not UTF-8',
  })
  const mark = Buffer.concat([Buffer.from([8]), Buffer.from('\ufeffa')])
  expect(reader(record([{ name: 'content', type: 'string' }]))(mark)).toEqual({
    kind: 'read',
    value: { content: '\ufeffa' },
  })
})

test('payloads that break off, go on, or claim more than they hold end at once', () => {
  const nulls = record([{ name: 'nulls', type: { type: 'array', items: 'null' } }])
  const huge = (more: number[]) => Buffer.from([...Array(6).fill(0xff), 0x1f, ...more])
  expect(reader(nulls)(huge([0]))).toMatchObject({ kind: 'undecodable' })
  const longs = record([{ name: 'longs', type: { type: 'map', values: 'long' } }])
  expect(reader(longs)(huge([0]))).toMatchObject({ kind: 'undecodable' })
  // A block with its size in bytes, negative.
  expect(reader(longs)(Buffer.from([1, 1, 0]))).toMatchObject({ kind: 'undecodable' })
  const list = {
    type: 'record',
    name: 'List',
    fields: [{ name: 'next', type: ['null', 'List'] }],
  }
  expect(reader(list)(Buffer.alloc(10_000, 2))).toMatchObject({ detail: 'it is nested too deeply' })
  const endless = {
    type: 'record',
    name: 'E',
    fields: [
      { name: 'a', type: 'E' },
      { name: 'b', type: 'E' },
    ],
  }
  expect(reader(endless)(Buffer.alloc(0))).toMatchObject({ kind: 'undecodable' })
  expect(reader(record(strings))(Buffer.from([0, 0, 0, 0, 0, 0]))).toMatchObject({
    detail: 'it goes on behind its end',
  })
  expect(reader(record(strings))(Buffer.from([0, 0, 0, 0]))).toMatchObject({ detail: 'it ends early' })
})

test('blocks with their sizes, as Java and C write them, are passed over', () => {
  const schema = record([
    { name: 'list', type: { type: 'array', items: 'int' } },
    { name: 'content', type: 'string' },
  ])
  // Two items in a block of two bytes (−2, 2), one item (1), the end.
  const payload = Buffer.from([3, 4, 10, 12, 2, 14, 0, 2, 0x68])
  expect(reader(schema)(payload)).toEqual({ kind: 'read', value: { content: 'h' } })
})

test('schemas that are none, and such as would never end', () => {
  const bad = ['', '{', '7', 'null', '"nothing"', '{"type":"record"}', '{"type":"record","fields":[null]}', '{}']
  for (const text of [...bad, '['.repeat(5_000) + ']'.repeat(5_000)]) {
    expect(avroReader(text, []).kind, text.slice(0, 40)).toBe('unreadable')
  }
})

const names = fc.constantFrom('business_id', 'content', 'channel_id', 'a', 'b', 'c')
const types = fc.letrec<{ type: unknown }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>('null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'),
    fc.record({ type: fc.constant('array'), items: tie('type') }),
    fc.record({ type: fc.constant('map'), values: tie('type') }),
    fc.uniqueArray(names, { minLength: 1 }).chain((fields) =>
      fc.record({
        type: fc.constant('record'),
        fields: fc
          .tuple(...fields.map(() => tie('type')))
          .map((of) => fields.map((name, i) => ({ name, type: of[i] }))),
      }),
    ),
  ),
})).type

test('any schema, any value that it can have: what avsc writes is read to its end, and strings are what they were', () => {
  fc.assert(
    fc.property(fc.array(types, { minLength: 1, maxLength: 4 }), fc.string({ unit: 'binary' }), (extra, content) => {
      let named = 0
      // Records get names of their own, and may not be named twice.
      const schema = JSON.parse(
        JSON.stringify(
          record([
            ...extra.slice(1).map((type, i) => ({ name: `x${i}`, type })),
            { name: 'content', type: 'string' },
            { name: 'last', type: extra[0] },
          ]),
          (_, value) => {
            if (value?.type !== 'record') return value
            named += 1
            return { ...value, name: `R${named}` }
          },
        ),
      )
      const type = avro.Type.forSchema(schema, { wrapUnions: true })
      const value = { ...(type.random() as object), content: content.toWellFormed() }
      const arrived = reader(schema)(type.toBuffer(value))
      expect(arrived).toMatchObject({ kind: 'read', value: { content: value.content } })
    }),
    { numRuns: 300 },
  )
})
