// The spool's file on the disk: made, taken into possession and judged, before anything relies on it. A file that is not
// sound is refused and left to a person: acknowledged webhooks are in it, and none is dropped to be able to start.

import { accessSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { walDamage } from './spool-wal.ts'

export type SpoolFileOpened = { kind: 'open'; database: DatabaseSync } | { kind: 'refused'; because: string }

/** How long a process that is just ending may still have the file, in milliseconds. */
const inUsePatienceMs = 500
const schemaVersion = 1
/** SQLite's application id: says that a file is ours. */
const applicationId = 0x70_73_70_6c
const keptColumns = `
    destination TEXT NOT NULL CHECK (destination IN ('replies', 'receipts', 'events')),
    body BLOB NOT NULL,
    tryout INTEGER NOT NULL,
    traceparent TEXT,
    received_at TEXT NOT NULL,
    digest BLOB NOT NULL`
const schema = `
  BEGIN;
  CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, ${keptColumns}) STRICT;
  CREATE INDEX events_by_destination ON events (destination);
  CREATE TABLE quarantine (id INTEGER PRIMARY KEY, ${keptColumns}, because TEXT NOT NULL, since TEXT NOT NULL) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
  COMMIT;`

export function spoolFile(folder: string): string {
  return join(folder, 'spool.sqlite')
}

/** Opens the spool's file for this process alone; makes it where there is none. `because` says which file, and what to do. */
export function openSpoolFile(folder: string): SpoolFileOpened {
  const file = spoolFile(folder)
  const because = makeFile(folder, file) ?? damageBefore(file)
  if (because !== undefined) return { kind: 'refused', because }
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: inUsePatienceMs })
    const refusal = takeOver(database, file)
    if (refusal === undefined) return { kind: 'open', database }
    database.close()
    return { kind: 'refused', because: refusal }
  } catch (error) {
    if (database?.isOpen) database.close()
    return { kind: 'refused', because: refusalOf(error, file) }
  }
}

/** @returns what a pragma says, as `pragma(database, 'synchronous')` */
export function pragma(database: DatabaseSync, text: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${text}`).get() ?? {})[0]
}

/** @returns what SQLite says in one line; undefined where the error is not SQLite's: that is a bug */
export function sqliteLine(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return primaryCode(error) === codes.full ? 'the disk is full' : error.message
}

/** SQLite's result codes that are told apart: https://www.sqlite.org/rescode.html */
const codes = { busy: 5, corrupt: 11, full: 13, notADatabase: 26 }

function primaryCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
}

/**
 * Makes a folder with those that it is in. Node's own `recursive` never ends where a folder that is there takes no other one,
 * as in /proc.
 *
 * @returns the first that was made; undefined where all were there
 */
function makeFolder(folder: string): string | undefined {
  if (existsSync(folder)) return undefined
  const parent = dirname(folder)
  const firstMade = parent === folder ? undefined : makeFolder(parent)
  mkdirSync(folder, { mode: 0o700 })
  return firstMade ?? folder
}

/** @returns why the folder or the file cannot be made or written */
function makeFile(folder: string, file: string): string | undefined {
  try {
    const firstMade = makeFolder(folder)
    if (firstMade !== undefined) syncFolders(folder, dirname(firstMade))
    createEmpty(file)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const hint = code === 'ENOSPC' ? 'free some of its disk' : 'let the gateway write there, or name another folder'
    return `the spool cannot be kept in ${folder} (${message}): ${hint} (WEBHOOK_SPOOL_DIR)`
  }
}

/** Makes the file; never opens one that is there: closing it again would drop the locks of this process on it. */
function createEmpty(file: string): void {
  if (existsSync(file) || sizeOf(logOf(file)) > 0) return
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** A folder is durable once the one it is in is synced. */
function syncFolders(from: string, to: string): void {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const descriptor = openSync(folder, 'r')
    fsyncSync(descriptor)
    closeSync(descriptor)
    if (folder === resolve(to) || folder === dirname(folder)) return
  }
}

/** @returns what is wrong that SQLite would not mind: it throws away a log that does not fit, or its end */
function damageBefore(file: string): string | undefined {
  const log = logOf(file)
  const isMissing = sizeOf(file) === 0 && sizeOf(log) > 0
  const damage = isMissing ? `its log ${log} is there, but it is missing or empty` : walDamage(log)
  return damage === undefined ? undefined : damaged(file, damage)
}

/** Locks the file, looks whether it is a sound spool, and makes it one if it is empty. @returns why it is refused */
function takeOver(database: DatabaseSync, file: string): string | undefined {
  // `fullfsync` counts on macOS only, where a plain fsync does not reach the disk.
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL')
  database.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
  const isSpool = pragma(database, 'application_id') === applicationId
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined
  const version = Number(pragma(database, 'user_version'))
  if (!isSpool && !isEmpty) {
    return `${file} is no spool (another program's database, or its header is damaged): name another folder (WEBHOOK_SPOOL_DIR)`
  }
  if (version > schemaVersion) {
    return (
      `${file} was written by a newer version of the gateway (schema ${version}; this one knows ${schemaVersion}): ` +
      'start that version until the spool is empty, or name another folder (WEBHOOK_SPOOL_DIR) and keep this one'
    )
  }
  if (isSpool) {
    // SQLite takes part of a page for all of it, and then cannot read what is in it.
    const bytes = Number(pragma(database, 'page_count')) * Number(pragma(database, 'page_size'))
    if (sizeOf(logOf(file)) === 0 && sizeOf(file) < bytes) return damaged(file, 'its end is missing')
    // The whole check, not `quick_check`: a webhook that is missing from the index would never be found again.
    const verdict = pragma(database, 'integrity_check(1)')
    if (verdict !== 'ok') return damaged(file, String(verdict))
  } else {
    database.exec('PRAGMA auto_vacuum = INCREMENTAL')
  }
  if (pragma(database, 'journal_mode = WAL') !== 'wal') {
    return `${file} cannot have a write-ahead log on this kind of disk: name a folder on a local one (WEBHOOK_SPOOL_DIR)`
  }
  if (!isSpool) database.exec(schema)
  // What can only be read shows now, not with the first webhook.
  database.exec('BEGIN IMMEDIATE; ROLLBACK')
  return undefined
}

/** @returns why the file is refused, by what SQLite throws; anything else is a bug, and thrown again */
export function refusalOf(error: unknown, file: string): string {
  const line = sqliteLine(error)
  if (line === undefined) throw error
  switch (primaryCode(error)) {
    case codes.busy:
      return `${file} is in use by another process: each replica of the gateway needs a folder of its own (WEBHOOK_SPOOL_DIR)`
    case codes.corrupt:
    case codes.notADatabase:
      return damaged(file, line)
    case codes.full:
      return `${file} cannot be made, as its disk is full: free some of it`
    default:
      return `${file} cannot be used (${line}): let the gateway write it, or name another folder (WEBHOOK_SPOOL_DIR)`
  }
}

function damaged(file: string, detail: string): string {
  const [line] = detail.split('\n', 1)
  return (
    `${file} is damaged (${line}) and kept, as webhooks that Partoo will not repeat may be in it: ` +
    'move its folder away, save what can be read with `sqlite3 spool.sqlite .recover`, and start again'
  )
}

function logOf(file: string): string {
  return `${file}-wal`
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
