// Real: the encoding. Doubled: nothing. Failure: an offset read back that was not written, metadata that Kafka refuses, or
// metadata of something else that is believed.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bitmapOffsetsMax, decodeSettled, encodeSettled, type OffsetRange, runsMax, union } from './settled-offsets.ts'

test('what is settled beyond the watermark is read back with it', () => {
  const metadata = encodeSettled(10, [
    { from: 11, to: 13 },
    { from: 400, to: 401 },
  ])
  expect(metadata).toMatch(/^1:10:[rb][\w-]+$/)
  expect(decodeSettled(metadata, 10)).toEqual([
    { from: 11, to: 13 },
    { from: 400, to: 401 },
  ])
})

test('ranges that touch are one', () => {
  const metadata = encodeSettled(0, [
    { from: 1, to: 2 },
    { from: 2, to: 3 },
  ])
  expect(decodeSettled(metadata, 0)).toEqual([{ from: 1, to: 3 }])
})

test('metadata of another watermark, another version, another tool, or none says nothing', () => {
  const metadata = encodeSettled(10, [{ from: 11, to: 13 }])
  expect(decodeSettled(metadata, 11)).toEqual([])
  expect(decodeSettled(metadata.replace(/^1:/, '2:'), 10)).toEqual([])
  expect(
    ['', 'NO_METADATA', '1:10', '1:10:', '1:10:x', '{"offset":10}'].flatMap((other) => decodeSettled(other, 10)),
  ).toEqual([])
})

test('every second one of 20,000 records past the oldest one settled: it fits', () => {
  expect(bitmapOffsetsMax).toBeGreaterThanOrEqual(20_000)
  const ranges = Array.from({ length: 10_000 }, (_, i) => ({ from: 2 * i + 1, to: 2 * i + 2 }))
  const metadata = encodeSettled(0, ranges)
  expect(metadata.length).toBeLessThanOrEqual(4_096)
  expect(decodeSettled(metadata, 0)).toEqual(ranges)
})

test('a million settled past a few hundred open ones fit too', () => {
  const ranges = Array.from({ length: runsMax }, (_, i) => ({
    from: 1 + i * 2_000_000,
    to: 1 + i * 2_000_000 + 1_999_999,
  }))
  const watermark = 9_000_000_000_000_000 - runsMax * 2_000_000
  const moved = ranges.map(({ from, to }) => ({ from: from + watermark, to: to + watermark }))
  const metadata = encodeSettled(watermark, moved)
  expect(metadata.length).toBeLessThanOrEqual(4_096)
  expect(decodeSettled(metadata, watermark)).toEqual(moved)
})

/** Thousands of them take longer to shrink than to understand: `endOnFailure`. */
const quick = { endOnFailure: true }

/** Ranges in order beyond a watermark, as runs of unsettled and settled offsets in turns. */
const world = (unsettled: fc.Arbitrary<number>, settled: fc.Arbitrary<number>, maxLength: number) =>
  fc.record({
    watermark: fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: 2 ** 52 })),
    ranges: fc.array(fc.tuple(unsettled, settled), { maxLength, size: 'max' }),
  })
function rangesOf(watermark: number, runs: readonly (readonly [number, number])[]): OffsetRange[] {
  let at = watermark
  return runs.map(([unsettled, settled]) => {
    const from = at + unsettled
    at = from + settled
    return { from, to: at }
  })
}

test('property: what fits into a bitmap, or into runs, is read back whole', () => {
  const short = fc.integer({ min: 1, max: 12 })
  const long = fc.integer({ min: 1, max: 2 ** 21 - 1 })
  fc.assert(
    fc.property(fc.oneof(world(short, short, 1_000), world(long, long, runsMax)), ({ watermark, ranges: runs }) => {
      const ranges = rangesOf(watermark, runs)
      const metadata = encodeSettled(watermark, ranges)
      expect(/^[ -~]{0,4096}$/.test(metadata)).toBe(true)
      expect(decodeSettled(metadata, watermark)).toEqual(ranges)
    }),
    { numRuns: 50, ...quick },
  )
})

test('property: of what does not fit the beginning is kept: never more than 4,096 bytes, never one that was not written', () => {
  const any = fc.oneof(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 1, max: 2 ** 30 }),
  )
  fc.assert(
    fc.property(world(any, any, 2_500), ({ watermark, ranges: runs }) => {
      const ranges = rangesOf(Math.min(watermark, 2 ** 40), runs)
      const metadata = encodeSettled(Math.min(watermark, 2 ** 40), ranges)
      expect(/^[ -~]{0,4096}$/.test(metadata)).toBe(true)
      const decoded = decodeSettled(metadata, Math.min(watermark, 2 ** 40))
      expect(decoded).toEqual(ranges.slice(0, decoded.length))
    }),
    { numRuns: 25, ...quick },
  )
})

test('property: metadata that was cut short says less, never something else', () => {
  const short = fc.integer({ min: 1, max: 300 })
  fc.assert(
    fc.property(world(short, short, 60), fc.nat(200), ({ watermark, ranges: runs }, cut) => {
      const ranges = rangesOf(watermark, runs)
      const settled = (offset: number) => ranges.some(({ from, to }) => offset >= from && offset < to)
      for (const { from, to } of decodeSettled(encodeSettled(watermark, ranges).slice(0, -1 - cut), watermark)) {
        expect([settled(from), settled(to - 1)]).toEqual([true, true])
      }
    }),
    { numRuns: 100 },
  )
})

// Runs longer than any log: offsets beyond 2^53 are read from it, or none at all (NaN).
test('property: whatever the metadata, what is read is in order, beyond the watermark, and made of offsets', () => {
  const payload = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
  const long = fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.map((byte) => byte | 128)))
  const metadata = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom('r', 'b'), payload).map(([kind, text]) => `1:10:${kind}${text}`),
    long.map((bytes) => `1:10:r${Buffer.concat([bytes, Buffer.from([1, 1])]).toString('base64url')}`),
  )
  fc.assert(
    fc.property(metadata, (text) => {
      let at = 10
      for (const { from, to } of decodeSettled(text, 10)) {
        expect(from).toBeGreaterThanOrEqual(at)
        expect(to).toBeGreaterThan(from)
        expect(Number.isSafeInteger(to)).toBe(true)
        at = to
      }
    }),
    { numRuns: 500, examples: [['1:10:rgICAgICAgIABAQ']] },
  )
})

test('property: two lists of ranges make one, in order, that do not touch', () => {
  const list = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 })), { maxLength: 20 })
    .map((runs) => rangesOf(0, runs))
  fc.assert(
    fc.property(list, list, (some, others) => {
      const offsetsOf = (ranges: OffsetRange[]) =>
        ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
      const all = union(some, others)
      expect(offsetsOf(all)).toEqual([...new Set(offsetsOf([...some, ...others]))].sort((a, b) => a - b))
      expect(all.every(({ from }, i) => from > (all[i - 1]?.to ?? -1))).toBe(true)
    }),
  )
})
