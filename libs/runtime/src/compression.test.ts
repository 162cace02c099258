// Real: the codecs as kafkajs calls them, kafkajs's own decoder of fetched batches, bytes that others compressed (Java's
// kafka-clients, Python's lz4, zstandard, cramjam). Doubled: the broker, whose batches are made here. Failure: bytes of anybody's
// that cannot be read, or are read as others; damage or a bomb that is taken for content, that is not told, or that keeps what lies before or beside it.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import zlib from 'node:zlib'
import kafkajs from 'kafkajs'
import { compressFrameSync } from 'lz4-napi'
import snappy from 'snappy'
import { expect, onTestFinished, test } from 'vitest'
import { compressions, compressionType, hearUnreadable, registerCodecs, type UnreadableBatch } from './compression.ts'

registerCodecs()

type Sample = { codec: 'gzip' | 'snappy' | 'lz4' | 'zstd'; made: string; base64: string }
type Codec = {
  compress: (encoder: { buffer: Buffer }) => Promise<Buffer>
  decompress: (bytes: Buffer) => Promise<Buffer>
}
type Row = { offset: string; value: Buffer }
type Part = { codec: number; records: Buffer; first: number; count: number }

const file = readFileSync(join(import.meta.dirname, 'compressed-samples.json'), 'utf8')
const { sha256, samples } = JSON.parse(file) as { sha256: string; samples: Sample[] }
const codec = (id: number) => (kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>)[id]?.() as Codec
const bytesOf = ({ base64 }: Sample) => Buffer.from(base64, 'base64')
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test.each(samples)('$codec made by $made', async (sample) => {
  expect(hash(await codec(compressionType(sample.codec)).decompress(bytesOf(sample)))).toBe(sha256)
})

test.each(compressions.slice(1))('what is compressed with %s becomes itself again', async (name) => {
  const { compress, decompress } = codec(compressionType(name))
  for (const buffer of [Buffer.from('a'), Buffer.alloc(3_000_000, 'Zoë'), zlib.gzipSync(Buffer.alloc(900_000, 'x'))]) {
    expect(hash(await decompress(await compress({ buffer })))).toBe(hash(buffer))
  }
})

test.each(samples)('damage to $codec made by $made is an error, without its content', async (sample) => {
  const { decompress } = codec(compressionType(sample.codec))
  const whole = bytesOf(sample)
  const damaged = [
    whole.subarray(0, whole.length >> 1),
    Buffer.from('commande'),
    Buffer.alloc(0),
    Buffer.alloc(64, 0xff),
  ]
  for (const bytes of damaged) {
    await expect(decompress(bytes)).rejects.toThrow(/^a batch \(\w+\) cannot be decompressed: (?!.*commande)/)
  }
})

test('a number that no codec has is an error, not taken for uncompressed', async () => {
  for (const id of [5, 6, 7])
    await expect(codec(id).decompress(Buffer.from('x'))).rejects.toThrow('no codec of this number')
})

const zeros = Buffer.alloc(70 * 1024 * 1024)
const bombs: [string, number, Buffer][] = [
  ['gzip', 1, zlib.gzipSync(zeros)],
  ['snappy', 2, snappy.compressSync(zeros)],
  ['snappy in blocks', 2, framed(snappy.compressSync(zeros.subarray(0, zeros.length / 4)), 4)],
  ['lz4', 3, compressFrameSync(zeros)],
  ['zstd', 4, zlib.zstdCompressSync(zeros)],
]

test.each(bombs)('a batch that would be more than 64 MiB is refused: %s', async (_, id, bomb) => {
  await expect(codec(id).decompress(bomb)).rejects.toThrow('it would be more than 67108864 bytes')
})

// ── As kafkajs reads them ────────────────────────────────────────────────────────────────────────────────────────────

const { resolve } = createRequire(import.meta.url)
const kafkajsSource = join(resolve('kafkajs'), '..', 'src', 'protocol')
const require = createRequire(import.meta.url)
const decodeMessages = require(`${kafkajsSource}/requests/fetch/v4/decodeMessages`) as (
  decoder: object,
) => Promise<Row[]>
const Decoder = require(`${kafkajsSource}/decoder`) as new (bytes: Buffer) => object

test('before a damaged batch all is handed out; where it lies is told, and what follows waits', async () => {
  const told = listen()
  const good = (first: number) => part(4, first, ['one', 'two'])
  const damaged = { ...good(102), records: Buffer.from('not zstd at all') }
  const rows = await decode([good(100), damaged, good(104)])
  expect(rows.map(({ offset, value }) => [offset, String(value)])).toEqual([
    ['100', 'one'],
    ['101', 'two'],
  ])
  expect(told).toEqual([{ codec: 'zstd', offsets: { first: 102, last: 103 }, because: expect.any(String) }])
})

test('a damaged batch that comes first leaves nothing to hand out, and does not fail what was fetched with it', async () => {
  const told = listen()
  expect(await decode([{ codec: 2, records: Buffer.alloc(40, 0xff), first: 7, count: 3 }])).toEqual([])
  expect(told).toEqual([
    { codec: 'snappy', offsets: { first: 7, last: 9 }, because: expect.stringContaining('67108864') },
  ])
})

test('where nobody listens the fetch fails', async () => {
  await expect(decode([{ codec: 3, records: Buffer.from('junk'), first: 7, count: 3 }])).rejects.toThrow(
    'a batch (lz4) cannot be decompressed: it does not begin like an LZ4 frame',
  )
})

test('more records in a batch than kafkajs can pass on are told', async () => {
  const told = listen()
  const values = Array.from({ length: 100_001 }, () => '')
  expect(await decode([part(1, 0, values)])).toEqual([])
  expect(told[0]?.because).toBe('it has 100001 records, and at most 100000 can be read at once')
  expect(await decode([part(1, 0, values.slice(1))])).toHaveLength(100_000)
})

test('many bombs below the bound are read over several fetches', async () => {
  const told = listen()
  const big = part(4, 0, ['x'.repeat(60 * 1024 * 1024)])
  let left = Array.from({ length: 8 }, (_, first) => ({ ...big, first }))
  const read: string[][] = []
  for (; left.length > 0 && read.length < 9; left = left.slice(read.at(-1)?.length)) {
    read.push((await decode(left)).map(({ offset }) => offset))
  }
  expect(read).toEqual([
    ['0', '1', '2', '3', '4'],
    ['5', '6', '7'],
  ])
  expect(told).toEqual([])
})

function listen(): UnreadableBatch[] {
  const told: UnreadableBatch[] = []
  onTestFinished(hearUnreadable((batch) => told.push(batch)))
  return told
}

/** snappy-java's framing, of `times` equal blocks. */
function framed(block: Buffer, times: number): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(block.length)
  const header = Buffer.from('82534e41505059000000000100000001', 'hex')
  return Buffer.concat([header, ...Array.from({ length: times }, () => [size, block]).flat()])
}

/** A record batch without keys and headers. */
function part(id: number, first: number, values: string[]): Part {
  const records = values.map((value, i) => {
    const bytes = Buffer.from(value)
    const body = Buffer.concat([Buffer.from([0, 0]), varint(i), varint(-1), varint(bytes.length), bytes, varint(0)])
    return Buffer.concat([varint(body.length), body])
  })
  const plain = Buffer.concat(records)
  const compressed = id === 1 ? zlib.gzipSync(plain) : zlib.zstdCompressSync(plain)
  return { codec: id, records: compressed, first, count: values.length }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** What kafkajs reads of one partition of a fetch. */
function decode(parts: Part[]): Promise<Row[]> {
  const batches = parts.map(({ codec: id, records, first, count }) => {
    const header = Buffer.alloc(61)
    header.writeBigInt64BE(BigInt(first), 0)
    header.writeInt32BE(records.length + 49, 8)
    header.writeInt8(2, 16)
    header.writeInt16BE(id, 21)
    header.writeInt32BE(count - 1, 23)
    header.writeInt32BE(count, 57)
    return Buffer.concat([header, records])
  })
  const set = Buffer.concat(batches)
  const size = Buffer.alloc(4)
  size.writeInt32BE(set.length)
  return decodeMessages(new Decoder(Buffer.concat([size, set])))
}
