// What the spool and its thread say to each other. Bodies travel in one piece of memory that is handed over, not copied:
// a Buffer is often a part of a larger piece, and all of that would be copied with it.

import type { Destination } from './destination.ts'
import type { Appended, Kept, KeptRow } from './spool.ts'
import type { SpoolState } from './spool-database.ts'

/** `quarantineBecause`: they are kept in quarantine. `close` is answered by the thread's end. */
export type Request =
  | { kind: 'append'; kepts: Packed<Kept>; quarantineBecause: string | undefined }
  | { kind: 'read'; destination: Destination; afterId: number; eventsMax: number; bytesMax: number }
  | { kind: 'removeTo'; destination: Destination; id: number }
  | { kind: 'quarantine'; id: number; because: string }
  | { kind: 'close' }

export type Answer =
  | { kind: 'appended'; appended: Appended[] }
  | { kind: 'rows'; rows: Packed<KeptRow> }
  | { kind: 'done' }
  | { kind: 'failed'; because: string }

/** Numbered, so that an answer finds its question. */
export type Asked = { call: number; request: Request }
/** `state`: what is in the file since. */
export type Answered = { call: number; answer: Answer; state: SpoolState }
/** The thread's first word. */
export type Opening = { kind: 'open'; state: SpoolState } | { kind: 'refused'; because: string }

/** Rows, and the bodies of all of them one after the other. */
export type Packed<Row extends { body: Buffer }> = {
  rows: { row: Omit<Row, 'body'>; bodyBytes: number }[]
  bodies: Uint8Array<ArrayBuffer>
}

export function pack<Row extends { body: Buffer }>(rows: readonly Row[]): Packed<Row> {
  const bodies = new Uint8Array(rows.reduce((bytes, { body }) => bytes + body.length, 0))
  let at = 0
  const packed = rows.map(({ body, ...row }) => {
    bodies.set(body, at)
    at += body.length
    return { row, bodyBytes: body.length }
  })
  return { rows: packed, bodies }
}

export function unpack<Row extends { body: Buffer }>({
  rows,
  bodies,
}: Packed<Row>): (Omit<Row, 'body'> & { body: Buffer })[] {
  let at = 0
  return rows.map(({ row, bodyBytes }) => {
    const body = Buffer.from(bodies.buffer, at, bodyBytes)
    at += bodyBytes
    return { ...row, body }
  })
}
