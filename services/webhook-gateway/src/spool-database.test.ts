// Real: SQLite and files in a folder of each test's own, a second process. Doubled: a full disk, by SQLite's own bound of pages.
// Failure: a webhook that was kept and is neither read nor refused aloud, an order that is not that of the appends, a damaged
// body that passes for whole, a file that was refused and is not the same afterwards.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { destinationNames } from './destination.ts'
import type { Appended, Kept, KeptRow } from './spool.ts'
import { rowOverheadBytes, SpoolDatabase } from './spool-database.ts'

const bytesMax = 100 * 1_048_576
const all = { eventsMax: 100_000, bytesMax: 1_000_000_000 }

let folder: string
let databases: SpoolDatabase[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'))
  databases = []
})

afterEach(() => {
  for (const database of databases) database.close()
  rmSync(folder, { recursive: true, force: true })
})

function open(options: { folder?: string; bytesMax?: number } = {}): SpoolDatabase {
  const opened = SpoolDatabase.open({ folder, bytesMax, ...options })
  if (opened.kind === 'refused') throw new Error(opened.because)
  databases.push(opened.database)
  return opened.database
}

function close(database: SpoolDatabase): void {
  databases.splice(databases.indexOf(database), 1)
  database.close()
}

function refusal(inFolder = folder): string {
  const opened = SpoolDatabase.open({ folder: inFolder, bytesMax })
  if (opened.kind === 'open') {
    databases.push(opened.database)
    throw new Error('it was opened')
  }
  expect(opened.because).not.toContain('\n')
  return opened.because
}

const kept = (text: string, more: Partial<Kept> = {}): Kept => ({
  destination: 'replies',
  body: Buffer.from(text),
  tryout: false,
  traceparent: undefined,
  receivedAt: '2026-03-01T10:00:00.000Z',
  ...more,
})
const file = (inFolder = folder) => join(inFolder, 'spool.sqlite')
const idOf = (appended: Appended | undefined) => (appended?.kind === 'kept' ? appended.id : Number.NaN)
const rowsOf = (database: SpoolDatabase, destination: Kept['destination'] = 'replies', afterId = 0): KeptRow[] => {
  const read = database.read(destination, afterId, all)
  if (read.kind === 'failed') throw new Error(read.because)
  return read.rows
}
const texts = (database: SpoolDatabase, destination: Kept['destination'] = 'replies') =>
  rowsOf(database, destination).map(({ body }) => body.toString())

test('what is kept is read again as it was, in order, by destination, also after it was closed', () => {
  const database = open()
  const odd = { body: Buffer.from([0, 255, 10, 13]), tryout: true, traceparent: '00-ab-cd-01' }
  const appended = database.append([kept('a'), kept('b', { destination: 'events' }), kept('', odd), kept('c')])
  expect(appended.map(({ kind }) => kind)).toEqual(['kept', 'kept', 'kept', 'kept'])
  const ids = appended.map(idOf)
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  const expected = [kept('a'), kept('', odd), kept('c')].map((row, i) => ({
    ...row,
    id: ids[[0, 2, 3][i] ?? 0],
    isWhole: true,
  }))
  expect(rowsOf(database)).toEqual(expected)
  close(database)
  const again = open()
  expect(rowsOf(again)).toEqual(expected)
  expect(texts(again, 'events')).toEqual(['b'])
  expect(again.state.waiting).toEqual({ replies: 3, receipts: 0, events: 1 })
})

test('the file is durable, ours alone, and gives pages back', () => {
  const database = open()
  expect(database.pragma('journal_mode')).toBe('wal')
  expect(database.pragma('synchronous')).toBe(2)
  expect(database.pragma('locking_mode')).toBe('exclusive')
  expect(database.pragma('auto_vacuum')).toBe(2)
  close(database)
  const again = open()
  expect([again.pragma('journal_mode'), again.pragma('synchronous')]).toEqual(['wal', 2])
})

test('a folder that is missing is made for its user alone', () => {
  const inFolder = join(folder, 'a', 'b')
  open({ folder: inFolder }).append([kept('a')])
  expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700)
  expect(statSync(inFolder).mode & 0o777).toBe(0o700)
  for (const path of [file(inFolder), `${file(inFolder)}-wal`]) expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a read is bounded in events and in bytes, and has one row at least', () => {
  const database = open()
  const ids = database.append(['aaaa', 'bbbb', 'cccc'].map((text) => kept(text))).map(idOf)
  const read = (afterId: number, eventsMax: number, readBytesMax: number) => {
    const answer = database.read('replies', afterId, { eventsMax, bytesMax: readBytesMax })
    return answer.kind === 'rows' ? answer.rows.map(({ body }) => body.toString()) : answer
  }
  expect(read(0, 2, 1_000)).toEqual(['aaaa', 'bbbb'])
  expect(read(0, 9, 8)).toEqual(['aaaa', 'bbbb'])
  expect(read(0, 9, 1)).toEqual(['aaaa'])
  expect(read(ids[1] ?? 0, 9, 1_000)).toEqual(['cccc'])
  expect(read(ids[2] ?? 0, 9, 1_000)).toEqual([])
})

test('what is removed is gone, of that destination alone, and its id never comes again', () => {
  const database = open()
  const ids = database.append([kept('a'), kept('e', { destination: 'events' }), kept('b'), kept('c')]).map(idOf)
  expect(database.removeTo('replies', ids[2] ?? 0)).toEqual({ kind: 'done' })
  expect(texts(database)).toEqual(['c'])
  expect(texts(database, 'events')).toEqual(['e'])
  database.removeTo('replies', 1_000)
  database.removeTo('events', 1_000)
  expect(database.state).toMatchObject({ bytes: 0, oldestReceivedAtMs: null })
  expect(database.isEmpty).toBe(true)
  close(database)
  expect(idOf(open().append([kept('d')])[0])).toBeGreaterThan(ids[3] ?? 0)
})

test('more than one transaction of removals', () => {
  const database = open()
  const ids = database.append(Array.from({ length: 1_201 }, (_, i) => kept(String(i)))).map(idOf)
  database.removeTo('replies', ids[1_199] ?? 0)
  expect(texts(database)).toEqual(['1200'])
  expect(database.state).toMatchObject({ waiting: { replies: 1 }, bytes: 4 + rowOverheadBytes })
})

test('the oldest is the one that was received first', () => {
  const database = open()
  const later = kept('b', { receivedAt: '2026-03-01T10:00:05.000Z' })
  const ids = database.append([kept('a'), later]).map(idOf)
  expect(database.state.oldestReceivedAtMs).toBe(Date.parse('2026-03-01T10:00:00Z'))
  database.removeTo('replies', ids[0] ?? 0)
  expect(database.state.oldestReceivedAtMs).toBe(Date.parse('2026-03-01T10:00:05Z'))
})

test('beyond the bound nothing is kept; with room again, it is', () => {
  const rowBytes = 1_000 + rowOverheadBytes
  const database = open({ bytesMax: 3 * rowBytes })
  const body = Buffer.alloc(1_000)
  const appended = database.append([
    kept('', { body }),
    kept('', { body }),
    kept('', { body: Buffer.alloc(3_000) }),
    kept('', { body }),
  ])
  expect(appended.map(({ kind }) => kind)).toEqual(['kept', 'kept', 'full', 'kept'])
  expect(database.append([kept('')])).toEqual([{ kind: 'full' }])
  expect(database.state.bytes).toBe(3 * rowBytes)
  database.quarantine(idOf(appended[1]), 'too large')
  expect(database.append([kept('')])).toEqual([{ kind: 'full' }])
  database.removeTo('replies', idOf(appended[0]))
  expect(database.append([kept('')])[0]?.kind).toBe('kept')
})

test('a row in quarantine is not read, counts in bytes, and waits again in its old place after the next start', () => {
  const database = open()
  const ids = database.append(['a', 'b', 'c'].map((text) => kept(text))).map(idOf)
  expect(database.quarantine(ids[1] ?? 0, 'too large')).toEqual({ kind: 'done' })
  expect(database.quarantine(ids[1] ?? 0, 'too large')).toEqual({ kind: 'done' })
  const [direct] = database.append([kept('d')], 'too large')
  expect(texts(database)).toEqual(['a', 'c'])
  const { bytes } = database.state
  expect(database.state).toMatchObject({ waiting: { replies: 2 }, quarantined: 2 })
  expect(bytes).toBe(4 * (1 + rowOverheadBytes))
  database.append([kept('e')])
  close(database)
  const again = open()
  expect(texts(again)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(rowsOf(again)[3]?.id).toBe(idOf(direct))
  expect(rowsOf(again).every(({ isWhole }) => isWhole)).toBe(true)
  expect(again.state).toMatchObject({ waiting: { replies: 5 }, quarantined: 0 })
})

test('on a full disk appends fail, what is kept is read and can be removed, and then there is room again', () => {
  const database = open()
  const body = Buffer.alloc(20_000, 'x')
  const ids = database.append([kept('', { body }), kept('', { body }), kept('small')]).map(idOf)
  database.pragma(`max_page_count = ${database.pragma('page_count')}`)
  const before = database.state
  const refused = database.append([kept('', { body }), kept('', { body })])
  expect(refused).toEqual(Array(2).fill({ kind: 'failed', because: `${file()} cannot be written: the disk is full` }))
  expect(database.quarantine(ids[0] ?? 0, 'too large').kind).toBe('failed')
  expect(database.append([kept('', { body })], 'too large')[0]?.kind).toBe('failed')
  expect(database.state).toEqual(before)
  expect(rowsOf(database).map((row) => [row.id, row.isWhole])).toEqual(ids.map((id) => [id, true]))
  expect(database.removeTo('replies', ids[0] ?? 0)).toEqual({ kind: 'done' })
  expect(database.append([kept('', { body })])[0]?.kind).toBe('kept')
  expect(rowsOf(database)).toHaveLength(3)
})

test('a file that was deleted under it keeps nothing', () => {
  const database = open()
  rmSync(file())
  expect(database.append([kept('a')])[0]).toMatchObject({ kind: 'failed', because: expect.stringContaining('ENOENT') })
})

test('what an empty spool does not need goes back to the disk, some at a time', () => {
  const database = open()
  const body = Buffer.alloc(100_000)
  const ids = database.append(Array.from({ length: 60 }, () => kept('', { body }))).map(idOf)
  database.removeTo('replies', ids.at(-1) ?? 0)
  let turns = 1
  while (database.tidy()) turns += 1
  expect(turns).toBe(2)
  expect(statSync(file()).size).toBeLessThan(65_536)
  expect(statSync(`${file()}-wal`).size).toBe(0)
})

// ── Refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A sound spool of many rows. @returns what it keeps, by id */
function fill(): Map<number, Kept> {
  const database = open()
  const kepts = Array.from({ length: 90 }, (_, i) => {
    const body = createHash('shake256', { outputLength: 1 + ((i * 197) % 9_000) })
      .update(String(i))
      .digest()
    const traceparent = i % 2 === 0 ? undefined : `00-${i}`
    return kept('', { body, destination: destinationNames[i % 3] ?? 'events', tryout: i % 7 === 0, traceparent })
  })
  const ids = database.append(kepts).map(idOf)
  close(database)
  return new Map(ids.map((id, i) => [id, kepts[i] as Kept]))
}

test.each([
  ['a path below a file', (path: string) => writeFileSync(path, ''), (path: string) => join(path, 'spool')],
  ['a file in the place of the folder', (path: string) => writeFileSync(path, ''), (path: string) => path],
  [
    'a folder in the place of the file',
    (path: string) => mkdirSync(file(path), { recursive: true }),
    (path: string) => path,
  ],
])('a folder that cannot be used: %s', (_name, prepare, pathOf) => {
  const path = join(folder, 'x')
  prepare(path)
  const because = refusal(pathOf(path))
  expect(because).toContain(path)
  expect(because).toContain('WEBHOOK_SPOOL_DIR')
})

test('a file in use: by this process, by another, and after both were refused still', () => {
  const database = open()
  database.append([kept('a')])
  const inUse = `${file()} is in use by another process: each replica of the gateway needs a folder of its own (WEBHOOK_SPOOL_DIR)`
  const openElsewhere = () => {
    const code = `
      import { SpoolDatabase } from ${JSON.stringify(new URL('./spool-database.ts', import.meta.url).href)}
      console.log(JSON.stringify(SpoolDatabase.open({ folder: ${JSON.stringify(folder)}, bytesMax: 1e9 })))`
    return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }))
  }
  expect(refusal()).toBe(inUse)
  expect(openElsewhere()).toEqual({ kind: 'refused', because: inUse })
  database.append([kept('b')])
  expect(texts(database)).toEqual(['a', 'b'])
})

test('a newer schema, and a database that is no spool, are refused and left as they are', () => {
  fill()
  const database = new DatabaseSync(file())
  database.exec('PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
  const before = readFileSync(file())
  expect(refusal()).toMatch(/newer version of the gateway \(schema 2; this one knows 1\): start that version/)
  expect(readFileSync(file()).equals(before)).toBe(true)

  const other = join(folder, 'other')
  mkdirSync(other)
  const foreign = new DatabaseSync(file(other))
  foreign.exec('CREATE TABLE t (x)')
  foreign.close()
  expect(refusal(other)).toContain("another program's database")
  expect(readFileSync(file(other)).includes('journal')).toBe(false)
})

test('an empty file, as a crash at the first start leaves it, is made a spool', () => {
  writeFileSync(file(), '')
  expect(open().append([kept('a')])[0]?.kind).toBe('kept')
})

test.each([
  ['no database at all', (path: string) => writeFileSync(path, 'x'.repeat(10_000))],
  ['a short text', (path: string) => writeFileSync(path, 'hello')],
  ['a broken header', (path: string) => overwrite(path, 0, Buffer.alloc(16, 0xff))],
  ['a first page of zeros', (path: string) => overwrite(path, 0, Buffer.alloc(4_096))],
  ['cut off in a page', (path: string) => truncateSync(path, statSync(path).size - 1_000)],
  ['cut in half', (path: string) => truncateSync(path, (statSync(path).size / 8_192) * 4_096)],
  ['cut to nothing, with a log', (path: string) => leaveLog(path, () => truncateSync(path, 0))],
  ['gone, with a log', (path: string) => leaveLog(path, () => rmSync(path))],
  ['a page of zeros', (path: string) => overwrite(path, 4_096 * 12, Buffer.alloc(4_096))],
  ['the index lost an entry', loseIndexEntry],
])('a damaged file is refused and left as it is: %s', (_name, damage) => {
  fill()
  damage(file())
  const before = existsSync(file()) ? readFileSync(file()) : undefined
  const because = refusal()
  expect(because).toContain(`${file()} is damaged (`)
  expect(because).toContain('.recover')
  expect(existsSync(file()) ? readFileSync(file()) : undefined).toEqual(before)
})

function leaveLog(path: string, damage: () => void): void {
  writeFileSync(`${path}-wal`, 'x'.repeat(5_000))
  damage()
}

function overwrite(path: string, at: number, bytes: Buffer): void {
  const content = readFileSync(path)
  bytes.copy(content, at)
  writeFileSync(path, content)
}

/** A row that no read would find. */
function loseIndexEntry(path: string): void {
  const database = new DatabaseSync(path, { defensive: false })
  database.exec(`
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = sql || ' WHERE id <> 7' WHERE name = 'events_by_destination';`)
  database.close()
  const partial = new DatabaseSync(path, { defensive: false })
  partial.exec(`
    REINDEX;
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(sql, ' WHERE id <> 7', '') WHERE name = 'events_by_destination';`)
  partial.close()
}

test('a flipped byte in a body is seen when it is read, and nowhere else', () => {
  const database = open()
  const bodies = ['first', 'second', 'third'].map((word) => Buffer.from(word.repeat(2_000)))
  database.append(bodies.map((body) => kept('', { body })))
  close(database)
  const content = readFileSync(file())
  const at = content.indexOf('secondsecond') + 100
  overwrite(file(), at, Buffer.from([(content[at] ?? 0) ^ 1]))
  expect(rowsOf(open()).map(({ isWhole }) => isWhole)).toEqual([true, false, true])
})

test('what is kept beside the body has part in the digest', () => {
  const database = open()
  database.append([
    kept('a', { traceparent: '00-aaaa' }),
    kept('b', { receivedAt: '2026-03-01T10:00:00.111Z' }),
    kept('c'),
  ])
  close(database)
  const content = readFileSync(file())
  overwrite(file(), content.indexOf('00-aaaa') + 4, Buffer.from('b'))
  overwrite(file(), content.indexOf('00.111Z') + 4, Buffer.from('2'))
  expect(rowsOf(open()).map(({ isWhole }) => isWhole)).toEqual([false, false, true])
})

test('wherever a byte is flipped: refused, or every row is there, whole or marked', () => {
  const expected = fill()
  const sound = readFileSync(file())
  const seen = { refused: 0, marked: 0, unharmed: 0 }
  for (let i = 0; i < 100; i += 1) {
    const inFolder = join(folder, String(i))
    mkdirSync(inFolder)
    const place = createHash('sha256').update(`flip ${i}`).digest()
    // Every third in the first bytes of a page, where SQLite has what holds the file together.
    const page = (place.readUInt32BE(0) % (sound.length / 4_096)) * 4_096
    const at = page + (place.readUInt32BE(4) % (i % 3 === 0 ? 64 : 4_096))
    const flipped = Buffer.from(sound)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (place.readUInt8(8) % 8))
    writeFileSync(file(inFolder), flipped)
    const opened = SpoolDatabase.open({ folder: inFolder, bytesMax })
    if (opened.kind === 'refused') {
      expect(opened.because).toContain(file(inFolder))
      expect(readFileSync(file(inFolder)).equals(flipped)).toBe(true)
      seen.refused += 1
    } else {
      databases.push(opened.database)
      const rows = destinationNames.flatMap((name) => rowsOf(opened.database, name))
      const marked = rows.filter((row) => !row.isWhole)
      expect(
        rows.map(({ id }) => id).toSorted((a, b) => a - b),
        `flip ${i} at ${at}`,
      ).toEqual([...expected.keys()])
      for (const { id, isWhole, ...row } of rows) if (isWhole) expect(row).toEqual(expected.get(id))
      seen[marked.length > 0 ? 'marked' : 'unharmed'] += 1
      close(opened.database)
    }
    rmSync(inFolder, { recursive: true })
  }
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(5)
}, 30_000)

test('wherever a byte of the log is flipped: refused, or all but the last two transactions is there', () => {
  const database = open()
  // Twelve transactions that are in the log only.
  const ids = Array.from({ length: 12 }, (_, i) => idOf(database.append([kept('x'.repeat(3_000 + i))])[0]))
  const wal = readFileSync(`${file()}-wal`)
  const seen = { refused: 0, shortened: 0, unharmed: 0 }
  for (let i = 0; i < 100; i += 1) {
    const inFolder = join(folder, String(i))
    mkdirSync(inFolder)
    copyFileSync(file(), file(inFolder))
    const place = createHash('sha256').update(`flip ${i}`).digest()
    const flipped = Buffer.from(wal)
    const at = place.readUInt32BE(0) % (i % 5 === 0 ? 64 : wal.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (place.readUInt8(8) % 8))
    writeFileSync(`${file(inFolder)}-wal`, flipped)
    const opened = SpoolDatabase.open({ folder: inFolder, bytesMax })
    if (opened.kind === 'refused') {
      expect(readFileSync(`${file(inFolder)}-wal`).equals(flipped)).toBe(true)
      seen.refused += 1
    } else {
      databases.push(opened.database)
      const rows = rowsOf(opened.database)
      expect(rows.every(({ isWhole }) => isWhole)).toBe(true)
      expect(
        rows.map(({ id }) => id),
        `flip ${i} at ${at}`,
      ).toEqual(ids.slice(0, rows.length))
      expect(rows.length).toBeGreaterThanOrEqual(ids.length - 2)
      seen[rows.length < ids.length ? 'shortened' : 'unharmed'] += 1
      close(opened.database)
    }
    rmSync(inFolder, { recursive: true })
  }
  expect(seen.refused, JSON.stringify(seen)).toBeGreaterThan(60)
}, 30_000)

test.runIf(existsSync('/proc/self'))(
  'a folder that takes no other one is refused, and does not hold up the start',
  () => {
    expect(SpoolDatabase.open({ folder: '/proc/spool', bytesMax: 1_000_000 })).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('the spool cannot be kept in /proc/spool'),
    })
  },
)
