// A Kafka record as the bridge handles it: bytes, and headers as a list, since Kafka allows a name twice and a null value.

/** Headers in order. A null value is legal in Kafka and arrives from other clients; ours are never written with one. */
export type Headers = readonly (readonly [name: string, value: Buffer | null])[]

/**
 * A record read from a topic. `offset` is this record's; `timestampMs` is the broker's or the producer's, wall clock. Bytes are
 * to be asked for once: a record that is made to be held makes them anew each time. `memoryBytes`: what holding it takes, with
 * all that is noted of it, where that is known.
 */
export type ConsumedRecord = {
  topic: string
  partition: number
  offset: number
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: Headers
  readonly memoryBytes?: number
}

/** A record to be written. No header value is null: kafkajs throws on those inside its encoder. */
export type OutgoingRecord = {
  topic: string
  key: Buffer | null
  value: Buffer | null
  headers: readonly (readonly [name: string, value: Buffer])[]
  /** Where the key is null: the partition is this modulo the topic's partition count, so that order is kept. */
  sourcePartition: number
  /** Where it is to be this partition, whatever its key, as long as the topic has it. */
  partition?: number
}

/** The last value of a header, or undefined. Names are compared as they are: Kafka's are case-sensitive. */
export function headerValue(headers: Headers, name: string): Buffer | undefined {
  for (let i = headers.length - 1; i >= 0; i -= 1) {
    const header = headers[i]
    if (header?.[0] === name && header[1] !== null) return header[1]
  }
  return undefined
}

/** Bytes that a record takes: in memory where it is held and knows, else, about, in a batch, with a fixed overhead. */
export function recordBytes(record: {
  key: Buffer | null
  value: Buffer | null
  headers: Headers
  readonly memoryBytes?: number
}): number {
  if (record.memoryBytes !== undefined) return record.memoryBytes
  let bytes = 64 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) bytes += 8 + Buffer.byteLength(name) + (value?.length ?? 0)
  return bytes
}
