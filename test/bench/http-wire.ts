// HTTP/1.1 as the benchmark's server needs it: requests with a Content-Length on connections that stay open, and one kind of
// answer. Less than node:http does, at a third of its cost, so that the server is not what limits a measurement.

/** One request: its path and its body. */
export type WireRequest = { path: string; body: string }

/** The bytes of one connection, taken apart into requests. Chunked requests are refused: no client of the benchmark sends them. */
export class RequestReader {
  #rest = ''

  /** Takes what arrived, and answers the requests that are whole now. Throws where it cannot be a request. */
  take(chunk: Buffer): WireRequest[] {
    // One character a byte, so that lengths in characters are lengths in bytes.
    this.#rest += chunk.toString('latin1')
    const requests: WireRequest[] = []
    for (;;) {
      const headEnd = this.#rest.indexOf('\r\n\r\n')
      if (headEnd < 0) return requests
      const bodyStart = headEnd + 4
      const bodyEnd = bodyStart + contentLength(this.#rest, headEnd)
      if (this.#rest.length < bodyEnd) return requests
      const pathStart = this.#rest.indexOf(' ') + 1
      requests.push({
        path: this.#rest.slice(pathStart, this.#rest.indexOf(' ', pathStart)),
        body: this.#rest.slice(bodyStart, bodyEnd),
      })
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
  if (/\r\ntransfer-encoding:/i.test(head)) throw new Error('a chunked request')
  return 0
}
