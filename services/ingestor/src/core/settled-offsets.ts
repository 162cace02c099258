// The settled offsets beyond a watermark as a commit's metadata carries them: `1:<watermark>:<kind><payload>`, ASCII, at most
// 4,096 bytes. The version and the watermark say whether it can be read and what it belongs to: a commit by another tool, or
// another version of ours, has other metadata, and what it says is not believed.
//
// Two kinds, the shorter is written. `r`, runs: the lengths of unsettled and settled runs in turns, from the watermark on, as
// base-128 numbers; short where little is left open. `b`, bits: one an offset; never longer than `bitmapOffsetsMax` offsets
// need, however they are mixed. Both in base64url.

/** Settled: `from` and what follows, up to `to`, which is not. */
export type OffsetRange = { from: number; to: number }

const version = '1'
const metadataBytesMax = 4_096
/** Version, watermark of 16 digits, separators, kind. */
const headerBytes = 20
const payloadBytesMax = Math.floor(((metadataBytesMax - headerBytes) * 3) / 4)

/** Offsets beyond the watermark that always fit, whichever of them are settled. */
export const bitmapOffsetsMax = payloadBytesMax * 8
/** Runs that always fit: two numbers of three bytes each, for runs of up to two million offsets. */
export const runsMax = Math.floor(payloadBytesMax / 6)

/**
 * Encodes settled offsets. What would not fit is left out from its end, and so called again by another owner: admission holds
 * back before that happens.
 *
 * @param ranges in order, all beyond the watermark, not overlapping; touching ones are joined
 */
export function encodeSettled(watermark: number, ranges: Iterable<OffsetRange>): string {
  const joined = join(ranges)
  const runs = encodeRuns(watermark, joined)
  const offsets = (joined.at(-1)?.to ?? watermark) - watermark
  const isWhole = runs.length <= payloadBytesMax
  const useBits = offsets <= bitmapOffsetsMax && (!isWhole || Math.ceil(offsets / 8) < runs.length)
  const payload = useBits ? encodeBits(watermark, joined) : runs.subarray(0, isWhole ? runs.length : wholeRuns(runs))
  return `${version}:${watermark}:${useBits ? 'b' : 'r'}${payload.toString('base64url')}`
}

/** @returns the settled ranges, in order; none where the metadata is not ours, or belongs to another watermark */
export function decodeSettled(metadata: string, watermark: number): OffsetRange[] {
  const match = /^1:(\d{1,16}):([rb])([\w-]*)$/.exec(metadata)
  if (match === null || Number(match[1]) !== watermark) return []
  const payload = Buffer.from(match[3] ?? '', 'base64url')
  return match[2] === 'b' ? decodeBits(payload, watermark) : decodeRuns(payload, watermark)
}

/** All that is in one of the two, in order, joined where they touch. */
export function union(some: readonly OffsetRange[], others: readonly OffsetRange[]): OffsetRange[] {
  return join([...some, ...others].sort((a, b) => a.from - b.from))
}

/** @param ranges in order of their beginnings */
function join(ranges: Iterable<OffsetRange>): OffsetRange[] {
  const joined: OffsetRange[] = []
  for (const { from, to } of ranges) {
    const last = joined.at(-1)
    if (last !== undefined && last.to >= from) last.to = Math.max(last.to, to)
    else joined.push({ from, to })
  }
  return joined
}

function encodeRuns(watermark: number, ranges: readonly OffsetRange[]): Buffer {
  const bytes: number[] = []
  let at = watermark
  for (const { from, to } of ranges) {
    for (let length of [from - at, to - from]) {
      for (; length >= 128; length = Math.floor(length / 128)) bytes.push(128 + (length % 128))
      bytes.push(length)
    }
    at = to
  }
  return Buffer.from(bytes)
}

/** How many bytes of the runs fit without cutting a pair. */
function wholeRuns(runs: Buffer): number {
  let ends = 0
  let fits = 0
  for (let i = 0; i < payloadBytesMax; i += 1) {
    if ((runs[i] ?? 0) >= 128) continue
    ends += 1
    if (ends % 2 === 0) fits = i + 1
  }
  return fits
}

function decodeRuns(payload: Buffer, watermark: number): OffsetRange[] {
  const ranges: OffsetRange[] = []
  let at = watermark
  let isSettled = false
  let length = 0
  let scale = 1
  for (const byte of payload) {
    length += (byte % 128) * scale
    scale *= 128
    if (byte >= 128) continue
    // Longer than any log: not ours after all.
    if (!Number.isSafeInteger(at + length)) return ranges
    if (isSettled && length > 0) ranges.push({ from: at, to: at + length })
    at += length
    isSettled = !isSettled
    length = 0
    scale = 1
  }
  return ranges
}

function encodeBits(watermark: number, ranges: readonly OffsetRange[]): Buffer {
  const bits = Buffer.alloc(Math.ceil(((ranges.at(-1)?.to ?? watermark) - watermark) / 8))
  for (const { from, to } of ranges) {
    for (let offset = from - watermark; offset < to - watermark; offset += 1) {
      bits[offset >> 3] = (bits[offset >> 3] ?? 0) | (1 << (offset & 7))
    }
  }
  return bits
}

function decodeBits(bits: Buffer, watermark: number): OffsetRange[] {
  const ranges: OffsetRange[] = []
  for (let offset = 0; offset < bits.length * 8; offset += 1) {
    if ((((bits[offset >> 3] ?? 0) >> (offset & 7)) & 1) === 0) continue
    const last = ranges.at(-1)
    if (last !== undefined && last.to === watermark + offset) last.to += 1
    else ranges.push({ from: watermark + offset, to: watermark + offset + 1 })
  }
  return ranges
}
