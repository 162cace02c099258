// The outline of an LZ4 frame: how many bytes it can become at most, read from the sizes of its blocks without decompressing them.
// The decoder has no bound of its own. Format: lz4_Frame_format.md of the LZ4 project, version 1.6.

/** `bytesMax`: what it decompresses to is this or less. `broken`: it is no whole frame, `because` why. */
export type Lz4Frame = { kind: 'frame'; bytesMax: number } | { kind: 'broken'; because: string }

const magic = 0x18_4d_22_04
/** By the block size field, 4 to 7. */
const blockBytesMax: Record<number, number> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 }
/** One byte of a block adds at most as many to a match's length. */
const ratioMax = 255
const uncompressedFlag = 0x80_00_00_00

/** Reads the outline of one frame. What follows its end is not looked at. */
export function readLz4Frame(bytes: Buffer): Lz4Frame {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== magic) return broken('it does not begin like an LZ4 frame')
  const flags = bytes.readUInt8(4)
  const blockMax = blockBytesMax[(bytes.readUInt8(5) >> 4) & 7]
  if (flags >> 6 !== 1 || blockMax === undefined) return broken('its header is of no known version')
  const has = (bit: number) => (flags & bit) !== 0
  const [checksumOfBlocks, contentSize, dictionary] = [has(0x10), has(0x08), has(0x01)]
  let bytesMax = 0
  for (let at = 7 + (contentSize ? 8 : 0) + (dictionary ? 4 : 0); at + 4 <= bytes.length; ) {
    const word = bytes.readUInt32LE(at)
    if (word === 0) return { kind: 'frame', bytesMax }
    const isStored = word >= uncompressedFlag
    const size = isStored ? word - uncompressedFlag : word
    bytesMax += isStored ? size : Math.min(blockMax, size * ratioMax)
    at += 4 + size + (checksumOfBlocks ? 4 : 0)
  }
  return broken('it ends before its end mark')
}

function broken(because: string): Lz4Frame {
  return { kind: 'broken', because }
}
