// Real: logs that SQLite has written. Doubled: crashes and damage, by changing copies of them.
// Failure: a log that a crash explains is called damaged, or one that lost whole transactions is not.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { walDamage } from './spool-wal.ts'

const frameBytes = 24 + 4_096

let folder: string
let database: DatabaseSync
/** One frame for each transaction; then the log begins anew over frames that are left. */
let whole: Buffer
let begunAnew: Buffer

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wal-'))
  database = new DatabaseSync(join(folder, 'x.sqlite'))
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA wal_checkpoint(TRUNCATE)')
  const insert = database.prepare('INSERT INTO t VALUES (?)')
  for (let i = 0; i < 6; i += 1) insert.run(i)
  whole = readFileSync(join(folder, 'x.sqlite-wal'))
  database.exec('PRAGMA wal_checkpoint(RESTART)')
  for (let i = 0; i < 2; i += 1) insert.run(i)
  begunAnew = readFileSync(join(folder, 'x.sqlite-wal'))
})

afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

function damageOf(log: Buffer): string | undefined {
  const file = join(folder, 'log')
  writeFileSync(file, log)
  return walDamage(file)
}

function flipped(log: Buffer, frame: number, at: number): Buffer {
  const copy = Buffer.from(log)
  const place = 32 + frame * frameBytes + at
  copy[place] = (copy[place] ?? 0) ^ 0x10
  return copy
}

test('sound: whole, begun anew over old frames, cut off anywhere, empty, not there', () => {
  expect(whole.length).toBe(32 + 6 * frameBytes)
  expect(begunAnew.length).toBe(whole.length)
  expect(begunAnew.subarray(16, 24).equals(whole.subarray(16, 24))).toBe(false)
  for (const log of [whole, begunAnew]) {
    expect(damageOf(log)).toBeUndefined()
    for (const bytes of [0, 20, 40, 32 + 24, 32 + frameBytes, 32 + 3 * frameBytes + 2_000, log.length - 1]) {
      expect(damageOf(log.subarray(0, bytes))).toBeUndefined()
    }
  }
  expect(walDamage(join(folder, 'nothing'))).toBeUndefined()
})

test('sound: the last transaction is torn, its end on the disk before its middle', () => {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE); BEGIN; INSERT INTO t VALUES (randomblob(30000)); COMMIT')
  const log = readFileSync(join(folder, 'x.sqlite-wal'))
  const frames = (log.length - 32) / frameBytes
  expect(frames).toBeGreaterThan(5)
  expect(damageOf(flipped(log, 2, 1_000))).toBeUndefined()
  expect(damageOf(flipped(log, frames - 1, 1_000))).toBeUndefined()
})

test('damaged: whole transactions follow after a broken frame', () => {
  expect(damageOf(flipped(whole, 2, 1_000))).toBe('its log is broken before its last 4 transactions')
  for (const at of [0, 5, 17, 23, 24, 4_119]) {
    for (const frame of [0, 1, 2, 3]) expect(damageOf(flipped(whole, frame, at)), `${frame} ${at}`).toBeTypeOf('string')
  }
  expect(damageOf(flipped(whole, 4, 1_000))).toBe('its log is broken before its last 2 transactions')
  expect(damageOf(flipped(begunAnew, 0, 1_000))).toBe('its log is broken before its last 2 transactions')
})

test('damaged: the header, without which nothing of the log is read', () => {
  for (const at of [0, 3, 9, 17, 30])
    expect(damageOf(flipped(whole, 0, at - 32))).toBe('the header of its log is broken')
})
