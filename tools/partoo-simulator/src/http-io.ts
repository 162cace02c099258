// Owns reading a request and writing an answer, with bounds and deadlines, for the API, the control API and the inbox.

import type { IncomingMessage, ServerResponse } from 'node:http'

export const bodyBytesMax = 1024 * 1024
const discardedBytesMax = 16 * bodyBytesMax

/** An answer, before it is written: a JSON value, or text with its content type. */
export type Answer = { status: number; json?: unknown; text?: string; headers?: Record<string, string> }

export type BodyRead = { kind: 'read'; bytes: Buffer } | { kind: 'too-large' } | { kind: 'gone' }

/**
 * Reads a request's body up to 1 MiB. A larger one is read to its end all the same, and thrown away, so that the client
 * is there to read the answer; beyond 16 MiB it is not. The server's requestTimeout is the deadline. Never rejects.
 */
export function readBody(request: IncomingMessage): Promise<BodyRead> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bodyBytesMax) {
        chunks.push(chunk)
        return
      }
      chunks = []
      if (bytes <= discardedBytesMax) return
      request.removeAllListeners('data')
      request.pause()
      resolve({ kind: 'too-large' })
    })
    request.on('end', () =>
      resolve(bytes > bodyBytesMax ? { kind: 'too-large' } : { kind: 'read', bytes: Buffer.concat(chunks) }),
    )
    request.on('error', () => resolve({ kind: 'gone' }))
    request.on('close', () => resolve({ kind: 'gone' }))
  })
}

/** Parses JSON without throwing. */
export function parseJson(bytes: Buffer): { kind: 'json'; value: unknown } | { kind: 'not-json' } {
  try {
    return { kind: 'json', value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) }
  } catch {
    return { kind: 'not-json' }
  }
}

/** Writes an answer; does nothing when the client is gone. @returns whether it was written */
export function writeAnswer(response: ServerResponse, answer: Answer): boolean {
  if (response.destroyed || response.headersSent) return false
  const isText = answer.text !== undefined
  const body = isText ? answer.text : answer.json === undefined ? '' : JSON.stringify(answer.json)
  if (body !== '') response.setHeader('Content-Type', isText ? 'text/plain; charset=utf-8' : 'application/json')
  // setHeader knows that names differ in case only: a given content type replaces the one above.
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  // A body of which a part was left unread: the connection cannot carry another request.
  if (response.req.isPaused()) response.setHeader('Connection', 'close')
  response.writeHead(answer.status)
  response.end(body)
  return true
}
