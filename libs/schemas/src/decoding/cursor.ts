// Reading binary payloads that may be anything: every read is within bounds, and the work that a payload can ask for is bounded.
//
// What goes wrong is noted as `fault`, and reads answer zero and nothing from then on: whoever reads looks at the fault where it
// loops, and at the end.

import { isUtf8 } from 'node:buffer'

/** Steps that any payload may take, and those for each byte more: a block of 2^60 nulls takes no byte, and must end. */
const stepsMin = 100_000
const stepsPerByte = 8

/** How deep values may be nested. */
const depthMax = 100

const none = Buffer.alloc(0)

export class Cursor {
  /** Why it cannot go on: one line for a person, without a value. */
  fault: string | null = null
  readonly #bytes: Buffer
  #at = 0
  #steps: number
  #depth = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#steps = stepsMin + bytes.length * stepsPerByte
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  fail(detail: string): void {
    this.fault ??= detail
    this.#at = this.#bytes.length
  }

  /** One step of work. @returns whether it may be done */
  step(): boolean {
    this.#steps -= 1
    if (this.#steps < 0) this.fail('it claims to hold more than its bytes can')
    return this.fault === null
  }

  /** Goes one level deeper, for as long as `run` takes. */
  deeper(run: () => void): void {
    this.#depth += 1
    if (this.#depth > depthMax) this.fail('it is nested too deeply')
    else run()
    this.#depth -= 1
  }

  byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) {
      this.fail('it ends early')
      return 0
    }
    this.#at += 1
    return byte
  }

  /** The next bytes, as a view. */
  take(length: number): Buffer {
    if (length < 0 || length > this.#bytes.length - this.#at) {
      this.fail(length < 0 ? 'a length is negative' : 'it ends early')
      return none
    }
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A varint that is a length, a count or a tag: beyond 2^49 it is a fault. */
  varint(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    this.fail('a length or count is impossibly large')
    return 0
  }

  /** A varint of up to 64 bits, unsigned. */
  varint64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    this.fail('a number has too many bytes')
    return 0n
  }

  skipVarint(): void {
    for (let i = 0; i < 10; i += 1) if (this.byte() < 0x80) return
    this.fail('a number has too many bytes')
  }

  /** So many bytes as text. @param field for the fault, where they are not UTF-8 */
  text(length: number, field: string): string {
    const bytes = this.take(length)
    if (isUtf8(bytes)) return bytes.toString()
    this.fail(`${field} is not UTF-8`)
    return ''
  }
}

/** The signed integer that a zigzag-coded one stands for. */
export function unzigzag(coded: bigint): bigint {
  return (coded >> 1n) ^ -(coded & 1n)
}
