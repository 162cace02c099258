// HTTP/1.1 as the benchmark's own servers and clients need it: messages with a Content-Length on connections that stay open. Less
// than node:http does, at a third of its cost, so that neither is what limits a measurement.

/** One request: its path and its body. */
export type WireRequest = { path: string; body: string }

/** The bytes of one connection, taken apart into requests. Chunked requests are refused: no client of the benchmark sends them. */
export class RequestReader {
  readonly #messages = new MessageReader()

  /** Takes what arrived, and answers the requests that are whole now. Throws where it cannot be a request. */
  take(chunk: Buffer): WireRequest[] {
    const requests: WireRequest[] = []
    this.#messages.take(chunk, (text, bodyStart, bodyEnd) => {
      const pathStart = text.indexOf(' ') + 1
      const path = text.slice(pathStart, text.indexOf(' ', pathStart))
      requests.push({ path, body: text.slice(bodyStart, bodyEnd) })
    })
    return requests
  }
}

/** The bytes of one connection, taken apart into answers. Chunked answers are refused: no server under measurement sends them. */
export class AnswerReader {
  readonly #messages = new MessageReader()

  /** Takes what arrived. @returns the status of each answer that is whole now */
  take(chunk: Buffer): number[] {
    const statuses: number[] = []
    // HTTP/1.1 200 OK
    this.#messages.take(chunk, (text) => statuses.push(Number(text.slice(9, 12))))
    return statuses
  }
}

class MessageReader {
  #rest = ''

  /** @param each gets each whole message, from the beginning of `text` on, and where its body is */
  take(chunk: Buffer, each: (text: string, bodyStart: number, bodyEnd: number) => void): void {
    // One character a byte, so that lengths in characters are lengths in bytes.
    this.#rest += chunk.toString('latin1')
    for (;;) {
      const headEnd = this.#rest.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const bodyStart = headEnd + 4
      const bodyEnd = bodyStart + contentLength(this.#rest, headEnd)
      if (this.#rest.length < bodyEnd) return
      each(this.#rest, bodyStart, bodyEnd)
      this.#rest = this.#rest.slice(bodyEnd)
    }
  }
}

/** An answer with a JSON body of ASCII characters. @param retryAfterS seconds for Retry-After, if any */
export function wireAnswer(status: number, body: string, retryAfterS?: number): string {
  const retryAfter = retryAfterS === undefined ? '' : `retry-after: ${retryAfterS}\r\n`
  return `HTTP/1.1 ${status} .\r\ncontent-type: application/json\r\n${retryAfter}content-length: ${body.length}\r\n\r\n${body}`
}

const lengthHeader = /\r\ncontent-length: *(\d+)/i

function contentLength(text: string, headEnd: number): number {
  const head = text.slice(0, headEnd)
  const length = lengthHeader.exec(head)?.[1]
  if (length !== undefined) return Number(length)
  if (/\r\ntransfer-encoding:/i.test(head)) throw new Error('a chunked message')
  return 0
}
