// Real: the reader, and protobufjs, which writes what is read and makes descriptors of schemas. Doubled: nothing. Failure: a field
// that does not arrive as it was written, an integer that is rounded, another message type than the one written.

import fc from 'fast-check'
import protobuf from 'protobufjs'
import 'protobufjs/ext/descriptor/index.js'
import { expect, test } from 'vitest'
import type { JsonValue } from '../json.ts'
import { writeMessageIndexes } from '../wire-format.ts'
import type { PayloadReader } from './payload.ts'
import { protobufReader } from './protobuf-reader.ts'

const message = {
  business_id: '42',
  external_conversation_id: 'c',
  external_message_id: 'm',
  content: 'Grüße 👋',
  sender_type: 'User',
}
const required = `
  string business_id = 1; string external_conversation_id = 2; string external_message_id = 3;
  string content = 4; string sender_type = 5;`
const proto3 = (body: string) => `// a comment\n/* another */ syntax = "proto3";\npackage acme.crm;\n${body}`

function reader(text: string, references: string[] = []): PayloadReader {
  const made = protobufReader(
    text,
    references.map((one, i) => ({ name: `r${i}.proto`, text: one })),
  )
  if (made.kind === 'unreadable') throw new Error(made.detail)
  return made.read
}

function rootOf(...texts: string[]): protobuf.Root {
  const root = new protobuf.Root()
  for (const text of texts) protobuf.parse(text, root, { keepCase: true })
  return root
}

function written(texts: string[], type: string, value: object, indexes = [0]): Buffer {
  const of = rootOf(...texts).lookupType(type)
  return Buffer.concat([writeMessageIndexes(indexes), of.encode(of.fromObject(value)).finish()])
}

function arrives(text: string, type: string, value: object, indexes = [0]): JsonValue {
  const read = reader(text)(written([text], type, value, indexes))
  if (read.kind === 'undecodable') throw new Error(read.detail)
  return read.value
}

test('a message of strings, with fields that we do not know', () => {
  const text = proto3(`message Anything { ${required}
    optional string consumer_name = 8; map<string, int64> constructor = 9; repeated Tag tags = 10; double __proto__ = 11;
    message Tag { string label = 1; } }`)
  const value = { ...message, consumer_name: 'Zoë', constructor: { a: 1 }, tags: [{ label: 'x' }, {}] }
  expect(arrives(text, 'acme.crm.Anything', value)).toEqual({ ...message, consumer_name: 'Zoë' })
})

test('of several message types the one that the indexes name, nested ones too', () => {
  const text = proto3(`
    enum Between { NOTHING = 0; }
    message First { string content = 1; message Inner { string content = 3; } }
    message Second { string content = 2; message A { string content = 4; }
      message B { string content = 5; message Deep { string content = 6; } } }
    service S { rpc R(First) returns (Second); }
    message Third { string content = 7; }`)
  const types: [string, number[]][] = [
    ['First', [0]],
    ['First.Inner', [0, 0]],
    ['Second', [1]],
    ['Second.B', [1, 1]],
    ['Second.B.Deep', [1, 1, 0]],
    ['Third', [2]],
  ]
  for (const [type, indexes] of types) {
    expect(arrives(text, `acme.crm.${type}`, { content: type }, indexes)).toEqual({ content: type })
  }
  const unknown = reader(text)(Buffer.from([2, 6]))
  expect(unknown).toEqual({ kind: 'undecodable', detail: 'its message indexes name no type of the schema' })
  expect(reader(text)(Buffer.alloc(0)).kind).toBe('undecodable')
  expect(reader(text)(Buffer.from([4, 0, 0, 1])).kind).toBe('undecodable')
})

test('every kind of integer is a whole id; negative ones and fractions are none', () => {
  const kinds = ['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64', 'int32', 'uint32', 'sint32', 'fixed32', 'sfixed32']
  for (const kind of kinds) {
    const text = proto3(`message M { ${kind} business_id = 1; }`)
    const values = kind.endsWith('64') ? [9007199254740993n, 1n, 2n ** 63n - 1n] : [1n, 2n ** 31n - 1n]
    for (const value of values) {
      const arrived = arrives(text, 'acme.crm.M', { business_id: String(value) })
      expect(arrived, kind).toEqual({ business_id: value })
    }
    if (kind.startsWith('u') || kind.startsWith('f')) continue
    expect(arrives(text, 'acme.crm.M', { business_id: '-5' }), kind).toEqual({ business_id: -5 })
  }
  const big = arrives(proto3('message M { uint64 business_id = 1; }'), 'acme.crm.M', {
    business_id: String(2n ** 64n - 1n),
  })
  expect(big).toEqual({ business_id: 2n ** 64n - 1n })
  const others = proto3(
    'message M { double business_id = 1; float channel_id = 2; bool content = 3; bytes consumer_name = 4; }',
  )
  const value = { business_id: Number.NaN, channel_id: Number.POSITIVE_INFINITY, content: true, consumer_name: 'AAAA' }
  expect(arrives(others, 'acme.crm.M', value)).toEqual({ ...value, consumer_name: [] })
})

test('zero and the empty text are absence, where the schema cannot tell them', () => {
  const text = proto3(`message M { string channel_id = 1; int64 business_id = 2; string content = 3;
    optional int64 external_message_id = 4; optional string consumer_name = 5; optional string external_conversation_id = 6; }`)
  expect(arrives(text, 'acme.crm.M', {})).toEqual({})
  const zeros = Buffer.from([0, 0x0a, 0, 0x10, 0, 0x1a, 0, 0x20, 0, 0x2a, 0, 0x32, 0])
  expect(reader(text)(zeros)).toEqual({
    kind: 'read',
    value: { external_message_id: 0n, external_conversation_id: '' },
  })
  const proto2 =
    'message M { required string content = 1; optional int64 business_id = 2; optional string channel_id = 3; }'
  expect(reader(proto2)(Buffer.from([0, 0x0a, 0, 0x10, 0, 0x1a, 0]))).toEqual({
    kind: 'read',
    value: { content: '', business_id: 0n },
  })
})

test('Google’s wrappers are what they hold', () => {
  const text = proto3(`import "google/protobuf/wrappers.proto"; import "google/protobuf/timestamp.proto";
    import "acme/unknown.proto";
    message M { google.protobuf.StringValue channel_id = 1; google.protobuf.Int64Value business_id = 2;
      google.protobuf.Timestamp at = 3; acme.Unknown unknown = 4; google.protobuf.StringValue consumer_name = 5;
      google.protobuf.UInt64Value external_message_id = 6; oneof one { string content = 7; int32 number = 8; } }`)
  const payload = [
    0, 0x0a, 3, 0x0a, 1, 0x63, 0x12, 2, 0x08, 7, 0x1a, 2, 8, 1, 0x22, 1, 9, 0x2a, 0, 0x32, 0, 0x3a, 1, 0x68,
  ]
  expect(reader(text)(Buffer.from(payload))).toEqual({
    kind: 'read',
    value: { channel_id: 'c', business_id: 7n, external_message_id: 0n, content: 'h' },
  })
})

test('a sender type as an enum: of the message, of an import, of another package, with zero as its first name', () => {
  const sender = (type: string, more = '') =>
    proto3(`message M { ${type} sender_type = 1; message N { ${type} sender_type = 1; } ${more} }`)
  const own = 'enum SenderType { SENDER_TYPE_UNSPECIFIED = 0; SENDER_TYPE_USER = 1; SENDER_TYPE_CONSUMER = 2; }'
  expect(arrives(sender('SenderType', own), 'acme.crm.M', { sender_type: 2 })).toEqual({ sender_type: 'Consumer' })
  expect(arrives(sender('SenderType', own), 'acme.crm.M', {})).toEqual({ sender_type: 'SENDER_TYPE_UNSPECIFIED' })
  const nested = arrives(sender('SenderType', own), 'acme.crm.M.N', { sender_type: 1 }, [0, 0])
  expect(nested).toEqual({ sender_type: 'User' })
  const imported = 'syntax = "proto3"; package acme.types; enum Sender { User = 0; Consumer = 1; }'
  for (const type of ['.acme.types.Sender', 'acme.types.Sender', 'types.Sender']) {
    const read = reader(sender(type), [imported])
    expect(read(Buffer.from([0])), type).toEqual({ kind: 'read', value: { sender_type: 'User' } })
    expect(read(Buffer.from([0, 8, 1]))).toEqual({ kind: 'read', value: { sender_type: 'Consumer' } })
    expect(read(Buffer.from([0, 8, 7]))).toEqual({ kind: 'read', value: { sender_type: '' } })
  }
})

test('fields in camel case, or so named in JSON, where the schema has none of our name', () => {
  const text = proto3(`message M { string businessId = 1; string ext = 2 [json_name = "externalMessageId"];
    string channelId = 3; string channel_id = 4; }`)
  const payload = Buffer.from([0, 0x0a, 1, 0x62, 0x12, 1, 0x6d, 0x1a, 1, 0x78, 0x22, 1, 0x63])
  expect(reader(text)(payload)).toEqual({
    kind: 'read',
    value: { business_id: 'b', external_message_id: 'm', channel_id: 'c' },
  })
})

test('repeated fields, maps and messages under our names are refused by the contract; other wire types are unknown', () => {
  const text = proto3(`message M { repeated string content = 1; map<string, string> channel_id = 2; M business_id = 3;
    repeated int64 external_message_id = 4; string consumer_name = 5; }`)
  const payload = Buffer.from([0, 0x0a, 1, 0x62, 0x12, 0, 0x1a, 0, 0x22, 2, 1, 2, 0x28, 1])
  expect(reader(text)(payload)).toEqual({
    kind: 'read',
    value: { content: [], channel_id: [], business_id: [], external_message_id: [] },
  })
})

test('a schema as a descriptor in base64, as Python registers it', () => {
  const text = proto3(`message Anything { ${required} map<string, string> tags = 6; optional string channel_id = 7;
      enum S { A = 0; } message Inner { string consumerName = 3; } }
    message Other { SenderType sender_type = 1; }
    enum SenderType { USER = 0; CONSUMER = 1; }`)
  type Described = { file: { name: string; syntax: string }[] }
  type WithDescriptor = { toDescriptor(syntax: string): Described & protobuf.Message }
  const set = (rootOf(text).resolveAll() as unknown as WithDescriptor).toDescriptor('proto3')
  const file = set.file.find(({ name }) => name.includes('acme'))
  if (file === undefined) throw new Error(`no file of the package among ${set.file.map(({ name }) => name)}`)
  const bytes = (file.constructor as typeof protobuf.Message).encode(file as unknown as protobuf.Message).finish()
  const described = Buffer.from(bytes).toString('base64')
  const read = reader(described)
  expect(read(written([text], 'acme.crm.Anything', { ...message, tags: { a: 'b' }, channel_id: '' }))).toEqual({
    kind: 'read',
    value: message,
  })
  expect(read(Buffer.from([2, 2]))).toEqual({ kind: 'read', value: { sender_type: 'User' } })
  expect(read(Buffer.from([2, 2, 8, 1]))).toEqual({ kind: 'read', value: { sender_type: 'Consumer' } })
})

test('text that is not UTF-8, and what breaks off, is not decoded', () => {
  const read = reader(proto3('message M { string content = 1; int64 business_id = 2; fixed64 channel_id = 3; }'))
  const payloads: [number[], string][] = [
    [[0x0a, 3, 0xed, 0xa0, 0x80], 'content is not UTF-8'],
    [[0x0a, 4, 0x61], 'it ends early'],
    [[0x10, ...Array(10).fill(0xff)], 'a number has too many bytes'],
    [[0x19, 1, 2, 3], 'it ends early'],
    [[0x02, 0], 'a field has an impossible number'],
    [[0x0f], 'a field is of no known kind'],
    [[0x24], 'a field is of no known kind'],
    [[0x23, 0x2c], 'a group ends that did not begin'],
    [Array(5_000).fill(0x23), 'it is nested too deeply'],
    [[0x0a, ...Array(9).fill(0xff), 1], 'a length or count is impossibly large'],
  ]
  for (const [bytes, detail] of payloads) {
    expect(read(Buffer.from([0, ...bytes])), detail).toEqual({ kind: 'undecodable', detail })
  }
  expect(read(Buffer.from([0, 0x23, 0x0a, 1, 0x61, 0x2b, 0x2c, 0x24, 0x0a, 1, 0x62]))).toEqual({
    kind: 'read',
    value: { content: 'b' },
  })
})

test('schemas that are none', () => {
  const bad = ['message {', '{"type":"record"}', 'AAAA', '%', 'syntax = "proto3"; message M { string a = x; }']
  for (const text of [...bad, `message M {${'message N {'.repeat(3_000)}`]) {
    expect(protobufReader(text, []).kind, text.slice(0, 40)).toBe('unreadable')
  }
  // Comments without end or number take no time.
  expect(protobufReader(`${'/**/'.repeat(50_000)}syntax = "proto3"; message M { string content = 1; }`, []).kind).toBe(
    'reader',
  )
  expect(protobufReader(`${' \n'.repeat(250_000)}{`, []).kind).toBe('unreadable')
})

test('any texts and integers: what protobufjs writes is read as it was', () => {
  const text = proto3(`message M { ${required.replace('string business_id', 'uint64 business_id')} bytes extra = 9; }`)
  const type = rootOf(text).lookupType('acme.crm.M')
  const read = reader(text)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (some, business) => {
      const content = `${some.toWellFormed()}.`
      const value = type.fromObject({ ...message, business_id: String(business), content, extra: 'AAAA' })
      const payload = Buffer.concat([Buffer.from([0]), type.encode(value).finish()])
      expect(read(payload)).toEqual({ kind: 'read', value: { ...message, content, business_id: business } })
    }),
    { numRuns: 300 },
  )
})
