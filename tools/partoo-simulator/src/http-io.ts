// Owns reading a request and writing an answer, with bounds and deadlines, for the API, the control API and the inbox.

import type { IncomingMessage, ServerResponse } from 'node:http'

export const bodyBytesMax = 1024 * 1024

/** An answer, before it is written: a JSON value, or text with its content type. */
export type Answer = { status: number; json?: unknown; text?: string; headers?: Record<string, string> }

export type BodyRead = { kind: 'read'; bytes: Buffer } | { kind: 'too-large' } | { kind: 'gone' }

/** Reads a request's body up to 1 MiB. The server's requestTimeout is the deadline. Never rejects. */
export function readBody(request: IncomingMessage): Promise<BodyRead> {
  return new Promise((resolve) => {
    if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) {
      resolve({ kind: 'too-large' })
      return
    }
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bodyBytesMax) {
        request.removeAllListeners('data')
        request.pause()
        resolve({ kind: 'too-large' })
        return
      }
      chunks.push(chunk)
    })
    request.on('end', () => resolve({ kind: 'read', bytes: Buffer.concat(chunks) }))
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
  response.writeHead(answer.status, {
    ...(body === '' ? {} : { 'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json' }),
    ...answer.headers,
    // 413 leaves part of the body unread: the connection cannot carry another request.
    ...(answer.status === 413 ? { Connection: 'close' } : {}),
  })
  response.end(body)
  return true
}
