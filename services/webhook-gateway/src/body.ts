// Reads request bodies: raw bytes, up to a size, by a moment, and all of them together within one bound of memory.

import type { IncomingMessage } from 'node:http'

/** `no-room`: too many bytes are held for other requests. `broken-off`: the sender left. `late`: it is too slow. */
export type Body =
  | { kind: 'whole'; bytes: Buffer }
  | { kind: 'too-large' }
  | { kind: 'no-room' }
  | { kind: 'broken-off' }
  | { kind: 'late' }

export class BodyReader {
  readonly #bodyBytesMax: number
  readonly #heldBytesMax: number
  #heldBytes = 0

  /** @param heldBytesMax bytes of bodies that are being read or are not released yet */
  constructor(options: { bodyBytesMax: number; heldBytesMax: number }) {
    this.#bodyBytesMax = options.bodyBytesMax
    this.#heldBytesMax = options.heldBytesMax
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Reads a body; never rejects. The bytes of a `whole` one are held until they are released; of others none are. */
  read(request: IncomingMessage, byMs: number): Promise<Body> {
    // A length that is declared spares the reading; Node discards the body once the answer is out.
    if (Number(request.headers['content-length'] ?? 0) > this.#bodyBytesMax) {
      return Promise.resolve({ kind: 'too-large' })
    }
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      let bytes = 0
      const end = (body: Body) => {
        clearTimeout(timer)
        request.off('data', onData).off('end', onEnd).off('close', onClose)
        if (body.kind !== 'whole') {
          this.#heldBytes -= bytes
          // What is still to come is discarded, so that the sender gets to read the answer.
          request.resume()
        }
        resolve(body)
      }
      const onData = (chunk: Buffer) => {
        bytes += chunk.length
        this.#heldBytes += chunk.length
        chunks.push(chunk)
        if (bytes > this.#bodyBytesMax) end({ kind: 'too-large' })
        else if (this.#heldBytes > this.#heldBytesMax) end({ kind: 'no-room' })
      }
      // A chunk is memory of its own: where it is the only one, it is the body.
      const onEnd = () =>
        end({ kind: 'whole', bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes) })
      const onClose = () => end({ kind: 'broken-off' })
      const timer = setTimeout(() => end({ kind: 'late' }), Math.max(0, byMs - performance.now()))
      request.on('data', onData).on('end', onEnd).on('close', onClose)
    })
  }

  /** Gives back the room of a body that was read whole. */
  release(body: Buffer): void {
    this.#heldBytes -= body.length
  }
}
