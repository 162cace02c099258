// The codecs of record batches: what kafkajs lacks (snappy, LZ4, zstd), and bounds on what a batch may become. They are registered
// once per process, where kafka.ts makes a client, and so hold for every consumer and producer of it.
//
//   C1  whoever wrote it: snappy raw (librdkafka, franz-go) and in Java's framing (snappy-java, "xerial"); LZ4 frames with linked or
//       independent blocks, with and without checksums and content size; zstd frames with and without content size
//   C2  a batch is decompressed to at most `batchBytesMax`; of one fetch, which may bring many, no further one is once
//       `fetchBytesMax` are reached, as kafkajs decompresses all of it before it hands out the first record
//   C3  what is over that is left for the next fetch: kafkajs takes an error of a certain name for a batch that was cut off, and
//       fetches from there again
//   C4  a batch that cannot be read is left in the same way where somebody listens for it: what else the fetch brought is handed
//       out, and the listener sees to it that it is known (`hearUnreadable`). Where nobody listens, the error fails the fetch, and
//       the consumer crashes
//   C5  what is published is what any client reads: raw snappy, LZ4 frames of independent blocks
// Where the batch lies is read from its header, which is just before what kafkajs hands over; format: Kafka's "Record Batch".

import { promisify } from 'node:util'
import zlib from 'node:zlib'
import kafkajs from 'kafkajs'
import { compressFrame, decompressFrame } from 'lz4-napi'
import snappy from 'snappy'
import { readLz4Frame } from './lz4-frame.ts'

export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** A batch that could not be read: its records' offsets, where its header tells them, and why, without anything of its content. */
export type UnreadableBatch = {
  codec: string
  offsets: { first: number; last: number } | undefined
  because: string
}

/** As much as an ingestor holds of records by default; producers make batches of a few MiB at most. */
const batchBytesMax = 64 * 1024 * 1024
const fetchBytesMax = 256 * 1024 * 1024
/** kafkajs passes the records of a batch as arguments of one call: with some 120,000 the stack overflows. */
const batchRecordsMax = 100_000

const gzip = promisify(zlib.gzip)
const gunzip = promisify(zlib.gunzip)
const zstdCompress = promisify(zlib.zstdCompress)
const zstdDecompress = promisify(zlib.zstdDecompress)
const bounded = { maxOutputLength: batchBytesMax }

type Codec = {
  name: string
  compress: (bytes: Buffer) => Promise<Buffer>
  decompress: (bytes: Buffer) => Promise<Buffer>
}

const codecs: Record<number, Codec> = {
  1: { name: 'gzip', compress: (bytes) => gzip(bytes), decompress: (bytes) => gunzip(bytes, bounded) },
  2: { name: 'snappy', compress: (bytes) => snappy.compress(bytes), decompress: readSnappy },
  3: { name: 'lz4', compress: (bytes) => compressFrame(bytes), decompress: readLz4 },
  4: { name: 'zstd', compress: (bytes) => zstdCompress(bytes), decompress: (bytes) => zstdDecompress(bytes, bounded) },
}
/** The other numbers that a batch can name: kafkajs would take them for "not compressed". */
for (const id of [5, 6, 7]) {
  const refuse = async () => {
    throw new Error('no codec of this number is known here')
  }
  codecs[id] = { name: `codec ${id}`, compress: refuse, decompress: refuse }
}

const listeners = new Set<(batch: UnreadableBatch) => void>()
let isRegistered = false

/** Gives kafkajs the codecs. Twice is fine. */
export function registerCodecs(): void {
  if (isRegistered) return
  isRegistered = true
  const theirs = kafkajs.CompressionCodecs as unknown as Record<number, () => unknown>
  for (const [id, codec] of Object.entries(codecs)) {
    const { compress } = codec
    const registered = {
      compress: (encoder: { buffer: Buffer }) => compress(encoder.buffer),
      decompress: (bytes: Buffer) => decompressBatch(codec, bytes),
    }
    theirs[Number(id)] = () => registered
  }
}

/** The number by which kafkajs and Kafka know a compression. */
export function compressionType(compression: Compression): kafkajs.CompressionTypes {
  return compressions.indexOf(compression)
}

/**
 * Tells of every batch that cannot be read, each time it is fetched, before kafkajs leaves it out: its partition does not get past
 * it. Of all consumers of the process; who listens answers for all of them.
 *
 * @returns ends it
 */
export function hearUnreadable(listener: (batch: UnreadableBatch) => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** How much has been made of what one fetch brought: its batches are views of the same memory (C2). */
const decompressedOf = new WeakMap<ArrayBufferLike, number>()

async function decompressBatch({ name, decompress }: Codec, bytes: Buffer): Promise<Buffer> {
  const before = decompressedOf.get(bytes.buffer) ?? 0
  if (before > fetchBytesMax) throw leftForTheNextFetch('this fetch has brought enough')
  const header = readHeader(bytes)
  try {
    if (header !== undefined && header.records > batchRecordsMax) {
      throw new Error(`it has ${header.records} records, and at most ${batchRecordsMax} can be read at once`)
    }
    const read = await decompress(bytes)
    decompressedOf.set(bytes.buffer, before + read.length)
    return read
  } catch (error) {
    const because = whyNot(error)
    if (listeners.size === 0) throw new Error(`a batch (${name}) cannot be decompressed: ${because}`)
    const offsets = header && { first: header.first, last: header.last }
    for (const listener of listeners) listener({ codec: name, offsets, because })
    throw leftForTheNextFetch(because)
  }
}

/** C3: kafkajs's decodeMessages goes by the name. */
function leftForTheNextFetch(because: string): Error {
  return Object.assign(new Error(because), { name: 'KafkaJSPartialMessageError' })
}

function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge
  return error.message
}

const tooLarge = `it would be more than ${batchBytesMax} bytes`
const headerBytes = 61

/** The header of a batch in Kafka's format since 0.11, of which these are the records; undefined where they are of an older one. */
function readHeader(records: Buffer): { first: number; last: number; records: number } | undefined {
  if (records.byteOffset < headerBytes) return undefined
  const header = Buffer.from(records.buffer, records.byteOffset - headerBytes, headerBytes)
  if (header.readInt8(16) !== 2 || header.readInt32BE(8) !== records.length + headerBytes - 12) return undefined
  const first = Number(header.readBigInt64BE(0))
  return { first, last: first + header.readInt32BE(23), records: header.readInt32BE(57) }
}

async function readLz4(bytes: Buffer): Promise<Buffer> {
  const frame = readLz4Frame(bytes)
  if (frame.kind === 'broken') throw new Error(frame.because)
  if (frame.bytesMax > batchBytesMax) throw new Error(tooLarge)
  return decompressFrame(bytes)
}

/** snappy-java: magic, version, lowest compatible version, then blocks of their size and raw snappy, all big-endian. */
const framedSnappy = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const framedSnappyHeaderBytes = 16

async function readSnappy(bytes: Buffer): Promise<Buffer> {
  if (!bytes.subarray(0, framedSnappy.length).equals(framedSnappy)) {
    if (snappyBytes(bytes) > batchBytesMax) throw new Error(tooLarge)
    return readSnappyBlock(bytes)
  }
  const blocks: Buffer[] = []
  let becomes = 0
  for (let at = framedSnappyHeaderBytes; at < bytes.length; ) {
    const size = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : Number.POSITIVE_INFINITY
    const block = bytes.subarray(at + 4, at + 4 + size)
    if (block.length < size) throw new Error('it ends inside a block')
    becomes += snappyBytes(block)
    if (becomes > batchBytesMax) throw new Error(tooLarge)
    blocks.push(block)
    at += 4 + size
  }
  return Buffer.concat(await Promise.all(blocks.map(readSnappyBlock)))
}

async function readSnappyBlock(block: Buffer): Promise<Buffer> {
  return (await snappy.uncompress(block)) as Buffer
}

/** What a raw snappy block says that it becomes: a varint of up to 32 bits in front, which the decoder holds it to. */
function snappyBytes(block: Buffer): number {
  let bytes = 0
  for (let i = 0; i < 5; i += 1) {
    const byte = block[i] ?? 0
    bytes += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return bytes
  }
  return Number.POSITIVE_INFINITY
}
