// Confluent's wire format: a zero byte, the schema's id in four bytes, the payload; before a Protobuf payload a list of indexes
// that says which of the schema's message types it is. Reading never throws: these bytes come from anywhere.
//
// The list is a count and as many indexes, zigzag varints: the first is the place among the messages of the file, each further one
// among the messages nested in that. A single zero byte, a count of 0, stands for [0], the first message.

/** Bytes before the payload. */
export const frameBytes = 5

/** Types nested deeper do not occur. */
const indexesMax = 32

/** Whether a value claims to be in the wire format. No JSON text begins with a zero byte. */
export function isFramed(value: Buffer): boolean {
  return value[0] === 0
}

/** @returns id and payload (a view), or undefined where the value is not in the wire format or breaks off in its head */
export function readFrame(value: Buffer): { schemaId: number; payload: Buffer } | undefined {
  if (!isFramed(value) || value.length < frameBytes) return undefined
  return { schemaId: value.readUInt32BE(1), payload: value.subarray(frameBytes) }
}

/** A value in the wire format; for Protobuf the payload has the list of indexes already. */
export function writeFrame(schemaId: number, payload: Buffer): Buffer {
  const value = Buffer.allocUnsafe(frameBytes + payload.length)
  value[0] = 0
  value.writeUInt32BE(schemaId, 1)
  payload.copy(value, frameBytes)
  return value
}

/** @returns the list of indexes, at least one, and what is behind it (a view); undefined where there is no such list */
export function readMessageIndexes(payload: Buffer): { indexes: number[]; message: Buffer } | undefined {
  let at = 0
  /** One that is negative, too large or breaks off is undefined. */
  const next = (): number | undefined => {
    let zigzag = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = payload[at]
      if (byte === undefined) return undefined
      at += 1
      zigzag += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return zigzag % 2 === 0 ? zigzag / 2 : undefined
    }
    return undefined
  }
  const count = next()
  if (count === undefined || count > indexesMax) return undefined
  const indexes: number[] = []
  for (let i = 0; i < count; i += 1) {
    const index = next()
    if (index === undefined) return undefined
    indexes.push(index)
  }
  return { indexes: count === 0 ? [0] : indexes, message: payload.subarray(at) }
}

/** The list of indexes for a Protobuf payload, `[0]` as the single zero byte. */
export function writeMessageIndexes(indexes: readonly number[]): Buffer {
  if (indexes.length === 1 && indexes[0] === 0) return Buffer.from([0])
  const bytes: number[] = []
  for (const index of [indexes.length, ...indexes]) {
    let zigzag = index * 2
    for (; zigzag > 0x7f; zigzag = Math.floor(zigzag / 128)) bytes.push((zigzag & 0x7f) | 0x80)
    bytes.push(zigzag)
  }
  return Buffer.from(bytes)
}
