// What is done to the spool's file. It blocks while the disk works, so in the service it runs in the spool's thread.
//
//   S1  what was answered `kept` is on the disk: one transaction, one fsync (WAL, synchronous FULL), then the answer
//   S2  ids ascend for ever, also past what was removed (AUTOINCREMENT); the order is the order of ids
//   S3  each row has a digest of all that was kept; a row that differs is still read, and marked
//   S4  appends leave a part of the disk free, so that what is published can be removed when they have filled it
// No room, and a disk that does not take or give something, are answers: nothing of it is done then.

import { createHash } from 'node:crypto'
import { statfsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { type Destination, destinationNames } from './destination.ts'
import type { Appended, Kept, KeptRow } from './spool.ts'
import { openSpoolFile, pragma, refusalOf, spoolFile, sqliteLine } from './spool-file.ts'

/** `waiting`: events, without the quarantine. `bytes`: of the quarantine too, `rowOverheadBytes` a row included. */
export type SpoolState = {
  waiting: Record<Destination, number>
  bytes: number
  oldestReceivedAtMs: number | null
  quarantined: number
}
export type SpoolDatabaseOpened = { kind: 'open'; database: SpoolDatabase } | { kind: 'refused'; because: string }
export type Done = { kind: 'done' } | { kind: 'failed'; because: string }

/** Counted for a row beside its body: its other columns, its place in the index, and what stays free of its pages. */
export const rowOverheadBytes = 1_024
/** What appends leave free on the disk: room for the log of removals, and for the log to go into the file. */
const diskReserveBytes = 32 * 1_048_576
/** Rows of one transaction that removes or puts back: bounds the log. */
const rowsTogetherMax = 500
/** Pages given back to the disk at once, in 10 to 20 ms: so long an append may wait for it. */
const pagesTogetherMax = 1_000

const columns = 'destination, body, tryout, traceparent, received_at, digest'

export class SpoolDatabase {
  readonly #file: string
  readonly #bytesMax: number
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #waiting: Record<Destination, number> = { replies: 0, receipts: 0, events: 0 }
  #quarantined = 0
  #bytes = 0

  private constructor(database: DatabaseSync, options: { folder: string; bytesMax: number }) {
    this.#file = spoolFile(options.folder)
    this.#bytesMax = options.bytesMax
    this.#database = database
    this.#statements = prepareAll(database)
    this.#putBack()
    this.#count()
  }

  /** Opens the file or makes it, and puts back what was in quarantine. @param options.bytesMax of `bytes` in the state */
  static open(options: { folder: string; bytesMax: number }): SpoolDatabaseOpened {
    const opened = openSpoolFile(options.folder)
    if (opened.kind === 'refused') return opened
    try {
      return { kind: 'open', database: new SpoolDatabase(opened.database, options) }
    } catch (error) {
      opened.database.close()
      return { kind: 'refused', because: refusalOf(error, spoolFile(options.folder)) }
    }
  }

  get state(): SpoolState {
    return {
      waiting: { ...this.#waiting },
      bytes: this.#bytes,
      oldestReceivedAtMs: this.#oldestReceivedAtMs(),
      quarantined: this.#quarantined,
    }
  }

  /** Whether nothing waits; the quarantine does not count. */
  get isEmpty(): boolean {
    return destinationNames.every((name) => this.#waiting[name] === 0)
  }

  /** Keeps webhooks in one transaction, in their order; `full` are those beyond the bound. With a reason: in quarantine. */
  append(kepts: readonly Kept[], quarantineBecause?: string): Appended[] {
    let bytes = this.#bytes
    let appended: Appended[] = []
    const room = this.#diskRoomFor(kepts)
    if (room.kind === 'failed') return kepts.map(() => room)
    const done = this.#transact(() => {
      appended = kepts.map((kept) => {
        const rowBytes = kept.body.length + rowOverheadBytes
        if (bytes + rowBytes > this.#bytesMax) return { kind: 'full' }
        bytes += rowBytes
        const id = Number(this.#statements.insert.run(...valuesOf(kept)).lastInsertRowid)
        if (quarantineBecause !== undefined) this.#move(id, quarantineBecause)
        return { kind: 'kept', id }
      })
    })
    if (done.kind === 'failed') return kepts.map(() => done)
    this.#bytes = bytes
    for (const [i, { destination }] of kepts.entries()) {
      if (appended[i]?.kind !== 'kept') continue
      if (quarantineBecause === undefined) this.#waiting[destination] += 1
      else this.#quarantined += 1
    }
    return appended
  }

  /** Reads what a destination has after an id, oldest first, within both bounds; one at least, if there is one. */
  read(
    destination: Destination,
    afterId: number,
    { eventsMax, bytesMax }: { eventsMax: number; bytesMax: number },
  ): { kind: 'rows'; rows: KeptRow[] } | { kind: 'failed'; because: string } {
    const rows: KeptRow[] = []
    let bytes = 0
    try {
      for (const row of this.#statements.read.iterate(destination, afterId, Math.max(1, eventsMax))) {
        const kept = keptRowOf(destination, row)
        bytes += kept.body.length
        if (rows.length > 0 && bytes > bytesMax) break
        rows.push(kept)
      }
      return { kind: 'rows', rows }
    } catch (error) {
      return this.#failed('read', error)
    }
  }

  /** Deletes what a destination has up to and including an id. Where that fails, some of it may be deleted. */
  removeTo(destination: Destination, id: number): Done {
    for (;;) {
      let rows: { body_bytes: number }[] = []
      const done = this.#transact(() => {
        rows = this.#statements.remove.all(destination, id, rowsTogetherMax) as typeof rows
      })
      if (done.kind === 'failed') return done
      this.#waiting[destination] -= rows.length
      for (const { body_bytes } of rows) this.#bytes -= body_bytes + rowOverheadBytes
      if (rows.length < rowsTogetherMax) return done
    }
  }

  /** Moves a row to the quarantine; where there is none of this id, nothing is to do. */
  quarantine(id: number, because: string): Done {
    let destination: Destination | undefined
    const done = this.#transact(() => {
      destination = this.#move(id, because)
    })
    if (done.kind === 'failed' || destination === undefined) return done
    this.#waiting[destination] -= 1
    this.#quarantined += 1
    return done
  }

  /** Gives back to the disk some of what an empty spool does not need. @returns whether there is more of it */
  tidy(): boolean {
    try {
      if (this.pragma('freelist_count') !== 0) {
        this.#database.exec(`PRAGMA incremental_vacuum(${pagesTogetherMax})`)
        if (this.pragma('freelist_count') !== 0) return true
      }
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // Nothing depends on it, and it is tried again.
      if (sqliteLine(error) === undefined) throw error
    }
    return false
  }

  /** @returns what a pragma says, as `pragma('synchronous')` */
  pragma(text: string): unknown {
    return pragma(this.#database, text)
  }

  close(): void {
    this.#database.close()
  }

  /** Null where nothing waits, or the disk does not say. */
  #oldestReceivedAtMs(): number | null {
    try {
      const receivedAtMs = Date.parse(String(this.#statements.oldest.get()?.received_at))
      return Number.isNaN(receivedAtMs) ? null : receivedAtMs
    } catch (error) {
      if (sqliteLine(error) === undefined) throw error
      return null
    }
  }

  #move(id: number, because: string): Destination | undefined {
    const row = this.#statements.quarantine.get(because, new Date().toISOString(), id)
    this.#statements.removeOne.run(id)
    return row?.destination as Destination | undefined
  }

  /** Does all of the work, or nothing of it. */
  #transact(work: () => void): Done {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      work()
      this.#database.exec('COMMIT')
      return { kind: 'done' }
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      return this.#failed('written', error)
    }
  }

  #diskRoomFor(kepts: readonly Kept[]): Done {
    // Each byte goes into the log first, and then from there into the file.
    const bytes = kepts.reduce((sum, { body }) => sum + 2 * (body.length + rowOverheadBytes), diskReserveBytes)
    try {
      // Of the file, not its folder: a file that somebody deleted keeps nothing.
      const { blocks, bavail, bsize } = statfsSync(this.#file)
      // Some kinds of disk do not tell; then only SQLite sees that one is full.
      if (blocks === 0 || bavail * bsize >= bytes) return { kind: 'done' }
      return {
        kind: 'failed',
        because: `the disk of ${this.#file} is full: less than ${Math.ceil(bytes / 1_048_576)} MiB are free`,
      }
    } catch (error) {
      return { kind: 'failed', because: `${this.#file} cannot be written: ${(error as Error).message}` }
    }
  }

  #failed(what: 'read' | 'written', error: unknown): { kind: 'failed'; because: string } {
    const line = sqliteLine(error)
    if (line === undefined) throw error
    return { kind: 'failed', because: `${this.#file} cannot be ${what}: ${line}` }
  }

  /** Puts the quarantine back into the order, under its old ids; what the disk does not take now stays in quarantine. */
  #putBack(): void {
    let moved = rowsTogetherMax
    const move = () => {
      moved = Number(this.#statements.putBack.run(rowsTogetherMax).changes)
      this.#statements.release.run(rowsTogetherMax)
    }
    while (moved === rowsTogetherMax && this.#transact(move).kind === 'done') {}
  }

  #count(): void {
    for (const { destination, events, bytes } of this.#statements.countEvents.all() as Counted[]) {
      this.#waiting[destination] = events
      this.#bytes += bytes + events * rowOverheadBytes
    }
    for (const { events, bytes } of this.#statements.countQuarantine.all() as Counted[]) {
      this.#quarantined += events
      this.#bytes += bytes + events * rowOverheadBytes
    }
  }
}

type Counted = { destination: Destination; events: number; bytes: number }
type Statements = ReturnType<typeof prepareAll>

function prepareAll(database: DatabaseSync) {
  const counted = 'destination, count(*) AS events, sum(length(body)) AS bytes'
  return {
    insert: database.prepare(`INSERT INTO events (${columns}) VALUES (?, ?, ?, ?, ?, ?)`),
    read: database.prepare(`SELECT id, ${columns} FROM events WHERE destination = ? AND id > ? ORDER BY id LIMIT ?`),
    oldest: database.prepare('SELECT received_at FROM events ORDER BY id LIMIT 1'),
    remove: database.prepare(
      `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE destination = ? AND id <= ? ORDER BY id LIMIT ?)
       RETURNING length(body) AS body_bytes`,
    ),
    removeOne: database.prepare('DELETE FROM events WHERE id = ?'),
    quarantine: database.prepare(
      `INSERT INTO quarantine (id, ${columns}, because, since) SELECT id, ${columns}, ?, ? FROM events WHERE id = ?
       RETURNING destination`,
    ),
    putBack: database.prepare(
      `INSERT INTO events (id, ${columns}) SELECT id, ${columns} FROM quarantine ORDER BY id LIMIT ?`,
    ),
    release: database.prepare('DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine ORDER BY id LIMIT ?)'),
    countEvents: database.prepare(`SELECT ${counted} FROM events GROUP BY destination`),
    countQuarantine: database.prepare(`SELECT ${counted} FROM quarantine GROUP BY destination`),
  }
}

function valuesOf(kept: Kept) {
  const { destination, body, tryout, traceparent, receivedAt } = kept
  return [destination, body, tryout ? 1 : 0, traceparent ?? null, receivedAt, digestOf(kept)] as const
}

/** A row as a kept webhook, whatever the disk made of it. */
function keptRowOf(destination: Destination, row: Record<string, unknown>): KeptRow {
  const { body } = row
  const kept = {
    destination,
    body: body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.alloc(0),
    tryout: row.tryout === 1,
    traceparent: typeof row.traceparent === 'string' ? row.traceparent : undefined,
    receivedAt: String(row.received_at),
  }
  const { digest } = row
  return { ...kept, id: Number(row.id), isWhole: digest instanceof Uint8Array && digestOf(kept).equals(digest) }
}

/** The first 16 bytes of a SHA-256 over all that is kept of a webhook. */
function digestOf({ destination, body, tryout, traceparent, receivedAt }: Kept): Buffer {
  const rest = [destination, tryout, traceparent ?? '', receivedAt].join('\n')
  return createHash('sha256').update(`${rest}\n`).update(body).digest().subarray(0, 16)
}
