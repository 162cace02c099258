// Real: decoding, the readers of every schema language, avsc and protobufjs, which write the payloads that are spoiled. Doubled: the
// registry, whose schemas are there from the start. Failure: an exception, a message that breaks the contract, a detail with a text
// of the payload in it, a payload that keeps the process busy, memory that grows.
//
// By hand: FUZZ_PAYLOADS=1000000 for more, FUZZ_SEED to repeat a run.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readerOf, SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import { outboundMessage } from '@bridge/schemas/outbound-message'
import type { FetchedSchema } from '@bridge/schemas/registry'
import { writeFrame, writeMessageIndexes } from '@bridge/schemas/wire-format'
import avro from 'avsc'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { seededRandom } from './core/retry.ts'
import { decode, digestOf } from './decode.ts'

const payloadsCount = Number(process.env.FUZZ_PAYLOADS ?? 50_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
/** A payload takes microseconds; the machine may be busy with something else. */
const slowMs = 1_000
/** Half of it measured on an idle machine. */
const growthBytesMax = 16 * 1024 * 1024

const channels = { byId: new Map([['chat', { organization: 'o', name: null }]]), defaultChannelId: 'chat' }
const message = {
  business_id: '42',
  external_conversation_id: 'conversation',
  external_message_id: 'm',
  content: 'planted Grüße 👋',
  sender_type: 'User',
  consumer_name: null,
}

const names = Object.keys(message)
const strings = names.map((name) => ({ name, type: name === 'consumer_name' ? ['null', 'string'] : 'string' }))
const flat = { type: 'record', name: 'Flat', fields: strings }
const deep = {
  type: 'record',
  name: 'Deep',
  fields: [
    { name: 'tree', type: ['null', { type: 'map', values: 'Deep' }] },
    { name: 'lists', type: { type: 'array', items: { type: 'array', items: ['null', 'long', 'bytes'] } } },
    { name: 'nulls', type: { type: 'array', items: 'null' } },
    { name: '__proto__', type: 'double' },
    ...strings,
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
  ],
}
const numbers = {
  type: 'record',
  name: 'Numbers',
  fields: [
    { name: 'business_id', type: 'long' },
    { name: 'external_conversation_id', type: { type: 'bytes', logicalType: 'decimal', precision: 9 } },
    { name: 'external_message_id', type: { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' } },
    { name: 'content', type: 'string' },
    { name: 'sender_type', type: { type: 'enum', name: 'S', symbols: ['USER', 'CONSUMER'] } },
  ],
}
const proto = `syntax = "proto3"; package a.b; import "google/protobuf/wrappers.proto";
  message Flat { string business_id = 1; string external_conversation_id = 2; string external_message_id = 3; string content = 4;
    string sender_type = 5; optional string consumer_name = 6; map<string, Flat> tree = 7; repeated int64 numbers = 8;
    message Inner { int64 business_id = 1; sint64 external_conversation_id = 2; fixed64 external_message_id = 3;
      string content = 4; SenderType sender_type = 5; google.protobuf.StringValue consumer_name = 6; } }
  enum SenderType { SENDER_TYPE_USER = 0; SENDER_TYPE_CONSUMER = 1; }`

type Seed = { schema: FetchedSchema; payloads: Buffer[] }

function ofAvro(schema: object, ...values: object[]): Seed {
  const type = avro.Type.forSchema(structuredClone(schema) as avro.Schema, { wrapUnions: false })
  return {
    schema: { type: 'AVRO', text: JSON.stringify(schema), references: [] },
    payloads: values.map((value) => type.toBuffer(value)),
  }
}

function ofProtobuf(): Seed {
  const root = protobuf.parse(proto, new protobuf.Root(), { keepCase: true }).root
  const payload = (indexes: number[], fields: [number, Buffer | number][]) => {
    const writer = new protobuf.Writer()
    for (const [number, value] of fields) {
      if (typeof value === 'number') writer.uint32(number * 8).uint32(value)
      else writer.uint32(number * 8 + 2).bytes(value)
    }
    return Buffer.concat([writeMessageIndexes(indexes), writer.finish()])
  }
  const flatType = root.lookupType('a.b.Flat')
  const { consumer_name: _, ...own } = message
  const whole = flatType.encode({ ...own, tree: { x: { ...own } }, numbers: [1, 2, 3] }).finish()
  return {
    schema: { type: 'PROTOBUF', text: proto, references: [] },
    payloads: [
      Buffer.concat([Buffer.from([0]), whole]),
      payload(
        [0, 0],
        [
          [1, 42],
          [2, 4],
          [4, Buffer.from('planted')],
          [5, 1],
          [6, Buffer.from([0x0a, 1, 0x61])],
        ],
      ),
      payload(
        [0],
        [
          [1, Buffer.from('planted')],
          [9, Buffer.alloc(40, 1)],
        ],
      ),
    ],
  }
}

const text = Buffer.from(JSON.stringify({ ...message, ['__proto__' as string]: { a: 1 }, business_id: 42 }))
const leaf = { ...message, tree: null, lists: [[null, 1]], nulls: [null], kind: 'B' }
const seeds: Seed[] = [
  ofAvro(flat, message, { ...message, consumer_name: 'planted' }),
  ofAvro(deep, withProto({ ...leaf }), withProto({ ...leaf, tree: { x: withProto({ ...leaf }) } })),
  ofAvro(numbers, {
    business_id: 42,
    external_conversation_id: Buffer.from([1, 2]),
    external_message_id: Buffer.alloc(16, 7),
    content: 'planted',
    sender_type: 'USER',
  }),
  ofProtobuf(),
  { schema: { type: 'JSON', text: '{}', references: [] }, payloads: [text] },
  { schema: { type: 'AVRO', text: '"planted"', references: [] }, payloads: [text] },
]

/** An own property of that name, which a literal cannot have. */
function withProto(value: object): object {
  return Object.defineProperty(value, '__proto__', { value: 1.5, enumerable: true })
}

/** Ids from 1 on; everything else is unknown. */
async function readersOfSeeds(): Promise<SchemaReaders> {
  const readers = new SchemaReaders({
    fetchSchema: async (id) => {
      const schema = seeds[id - 1]?.schema
      return schema === undefined ? { kind: 'unknown' } : { kind: 'fetched', schema }
    },
  })
  for (let id = 1; id <= seeds.length + 1; id += 1) await readers.fetch(id)
  return readers
}

/** Random bytes, and spoiled ones, as seldom right as it takes to get deep. */
class Spoiler {
  readonly #random: () => number
  readonly #whole: Buffer[]

  constructor(random: () => number, whole: Buffer[]) {
    this.#random = random
    this.#whole = whole
  }

  below(end: number): number {
    return Math.floor(this.#random() * end)
  }

  next(): Buffer {
    if (this.below(20) === 0) return this.#noise(this.below(64))
    let bytes = this.#pick()
    for (let times = this.below(4); times > 0; times -= 1) bytes = this.#spoil(bytes)
    return bytes
  }

  #pick(): Buffer {
    return this.#whole[this.below(this.#whole.length)] ?? Buffer.alloc(0)
  }

  #noise(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  #spoil(bytes: Buffer): Buffer {
    const at = this.below(bytes.length + 1)
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)]
    switch (this.below(7)) {
      case 0:
        return Buffer.concat([before, this.#noise(1), behind.subarray(1)])
      case 1:
        return Buffer.concat([before, this.#noise(this.below(8)), behind])
      case 2:
        return Buffer.concat([before, behind.subarray(this.below(8))])
      case 3:
        return before
      case 4: {
        const other = this.#pick()
        return Buffer.concat([before, other.subarray(this.below(other.length + 1))])
      }
      case 5: {
        // A number as large as can be, where a length or a count may be.
        const large = Buffer.alloc(1 + this.below(10), 0xff)
        large[large.length - 1] = this.below(128)
        return Buffer.concat([before, large, behind.subarray(1)])
      }
      default:
        return Buffer.concat([before, bytes.subarray(this.below(bytes.length + 1)), behind]).subarray(0, 4_096)
    }
  }
}

test(`any payload has an answer, in little time and memory (FUZZ_SEED=${seed})`, { timeout: 3_600_000 }, async () => {
  const readers = await readersOfSeeds()
  const whole = seeds.flatMap(({ payloads }, i) => payloads.map((payload) => writeFrame(i + 1, payload)))
  const spoiler = new Spoiler(seededRandom(seed), [...whole, text, writeFrame(seeds.length + 1, text)])
  const kinds = new Map<string, number>()
  const baseline = { at: Math.max(1, Math.floor(payloadsCount / 5)), bytes: 0 }
  const rssMegabytes: number[] = []
  let slowestMs = 0
  for (let i = 0; i < payloadsCount; i += 1) {
    const value = spoiler.next()
    const startMs = performance.now()
    const decoded = decode(recordOf(value), channels, readers)
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
    kinds.set(decoded.kind, (kinds.get(decoded.kind) ?? 0) + 1)
    if (decoded.kind === 'work') {
      if (!outboundMessage.safeParse(decoded.message).success)
        throw new Error(`not a message: ${value.toString('hex')}`)
      digestOf(decoded.message)
    } else if (decoded.kind === 'poison' && /planted|Grüße/.test(decoded.detail)) {
      throw new Error(`a text in a detail: ${value.toString('hex')}`)
    }
    if (i === baseline.at) baseline.bytes = heapBytes()
    if (i % baseline.at === 0) rssMegabytes.push(Math.round(process.memoryUsage().rss / 1_048_576))
  }
  const growth = heapBytes() - baseline.bytes
  const told = {
    seed,
    payloadsCount,
    kinds: Object.fromEntries(kinds),
    slowestMs,
    growth,
    rssMegabytes,
  }
  if (process.env.FUZZ_PAYLOADS !== undefined) process.stdout.write(`${JSON.stringify(told)}\n`)
  expect(kinds.get('work'), JSON.stringify(told)).toBeGreaterThan(payloadsCount / 50)
  expect(kinds.get('poison')).toBeGreaterThan(payloadsCount / 10)
  expect(slowestMs).toBeLessThan(slowMs)
  expect(growth).toBeLessThan(growthBytesMax)
  expect(({} as { a?: unknown }).a).toBeUndefined()
})

test(`any schema makes a reader, or none, and that reads anything (FUZZ_SEED=${seed})`, { timeout: 3_600_000 }, () => {
  const texts = seeds.map(({ schema }) => Buffer.from(schema.text))
  const schemas = new Spoiler(seededRandom(seed), texts)
  const payloads = new Spoiler(
    seededRandom(seed + 1),
    seeds.flatMap(({ payloads }) => payloads),
  )
  let made = 0
  for (let i = 0; i < payloadsCount / 50; i += 1) {
    const spoiled = schemas.next().toString()
    for (const type of ['AVRO', 'PROTOBUF'] as const) {
      const references = [{ name: 'r', type, text: schemas.next().toString() }]
      const reader = readerOf({ type, text: spoiled, references })
      if (reader.kind === 'unreadable') continue
      made += 1
      for (let times = 0; times < 4; times += 1) reader.read(payloads.next())
    }
  }
  expect(made).toBeGreaterThan(payloadsCount / 5_000)
})

function recordOf(value: Buffer) {
  return { topic: 't', partition: 0, offset: 1, timestampMs: 0, key: null, value, headers: [] }
}

/** What is held after everything else was let go. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
