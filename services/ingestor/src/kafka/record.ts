// A record of kafkajs as ours, made to be held: tens of thousands of them wait in memory for their turn, perhaps for hours.
//
// kafkajs's buffers are slices of the whole fetch, and small copies are slices of Node's shared pool: one record that waits
// would keep a megabyte of the one, or 8 KiB of the other. A buffer of its own costs 300 bytes beside its content. So bytes are
// held as one-byte strings, a character a byte, which cost 16 bytes beside their content and are moved together by the garbage
// collector; whoever asks for them gets a copy.

import type { ConsumedRecord, Headers } from '@bridge/schemas/record'
import type { KafkaMessage } from 'kafkajs'

/**
 * What a waiting record is taken to cost beside its bytes. Measured on Node 24: 300 bytes where its conversation has others,
 * 900 where it is the only one (the record, what the core notes of it, its ids, its lane); the rest is for what the garbage
 * collector has not found yet.
 */
const heldBytesMin = 1_024

const noHeaders: Headers = []

/** A record with its bytes copied. */
export function toRecord(topic: string, partition: number, message: KafkaMessage): ConsumedRecord {
  return new HeldRecord(topic, partition, message)
}

class HeldRecord implements ConsumedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly #key: string | null
  readonly #value: string | null
  /** Name and value by turns, in order. */
  readonly #headers: (string | null)[] | null

  constructor(topic: string, partition: number, { offset, timestamp, key, value, headers }: KafkaMessage) {
    this.topic = topic
    this.partition = partition
    this.offset = Number(offset)
    this.timestampMs = Number(timestamp)
    this.#key = held(key)
    this.#value = held(value)
    this.#headers = heldHeaders(headers)
  }

  get key(): Buffer | null {
    return bytesOf(this.#key)
  }

  get value(): Buffer | null {
    return bytesOf(this.#value)
  }

  get headers(): Headers {
    const flat = this.#headers
    if (flat === null) return noHeaders
    const headers: [string, Buffer | null][] = []
    for (let i = 0; i < flat.length; i += 2) headers.push([flat[i] as string, bytesOf(flat[i + 1] ?? null)])
    return headers
  }

  /** The content is there twice while it waits: as it came, and as the text that is sent. */
  get memoryBytes(): number {
    let bytes = heldBytesMin + (this.#key?.length ?? 0) + 2 * (this.#value?.length ?? 0)
    for (const text of this.#headers ?? []) bytes += 32 + (text?.length ?? 0)
    return bytes
  }
}

function held(bytes: Buffer | string | null | undefined): string | null {
  if (bytes == null) return null
  return typeof bytes === 'string' ? Buffer.from(bytes).toString('latin1') : bytes.toString('latin1')
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'latin1')
}

function heldHeaders(headers: KafkaMessage['headers']): (string | null)[] | null {
  if (headers === undefined) return null
  let flat: (string | null)[] | null = null
  for (const name in headers) {
    const values = headers[name]
    flat ??= []
    // Repeated names come as an array; one that every object has (`constructor`) too, and what the object has is no value.
    if (Array.isArray(values)) {
      for (const value of values) if (value === null || Buffer.isBuffer(value)) flat.push(name, held(value))
    } else {
      flat.push(name, held(values))
    }
  }
  return flat
}
