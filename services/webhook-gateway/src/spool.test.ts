// Real: the spool with its thread and SQLite, in a folder of each test's own. Doubled: nothing.
// Failure: an append that is answered and not kept, an order other than that of the calls, a request without an answer.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../../test/support/wait.ts'
import { type Appended, type Kept, Spool } from './spool.ts'
import { rowOverheadBytes } from './spool-database.ts'

const bounds = { eventsMax: 10_000, bytesMax: 100_000_000 }

let folder: string
let spools: Spool[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'))
  spools = []
})

afterEach(async () => {
  for (const spool of spools) await spool.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(bytesMax = 1_000_000_000): Promise<Spool> {
  const opened = await Spool.open({ folder, bytesMax })
  if (opened.kind === 'refused') throw new Error(opened.because)
  spools.push(opened.spool)
  return opened.spool
}

const kept = (text: string, more: Partial<Kept> = {}): Kept => ({
  destination: 'replies',
  body: Buffer.from(text),
  tryout: false,
  traceparent: undefined,
  receivedAt: '2026-03-01T10:00:00.000Z',
  ...more,
})
const idOf = (appended: Appended | undefined) => (appended?.kind === 'kept' ? appended.id : Number.NaN)
const texts = async (spool: Spool, destination: Kept['destination'] = 'replies', afterId = 0) =>
  (await spool.read(destination, afterId, bounds)).map(({ body }) => body.toString())

/** Transactions in the log: its frames that end one. */
function transactions(): number {
  const log = readFileSync(join(folder, 'spool.sqlite-wal'))
  let count = 0
  for (let at = 32; at < log.length; at += 24 + 4_096) if (log.readUInt32BE(at + 4) !== 0) count += 1
  return count
}

test('what is kept is read as it was, and nothing is changed on the way', async () => {
  const spool = await open()
  // Parts of one larger piece of memory, as bodies often are.
  const piece = Buffer.from('abcdef')
  const trace = { traceparent: '00-ab-cd-01', tryout: true }
  const appended = await Promise.all([
    spool.append(kept('', { body: piece.subarray(0, 2) })),
    spool.append(kept('', { body: piece.subarray(2, 5), ...trace })),
    spool.append(kept('')),
  ])
  expect(piece.toString()).toBe('abcdef')
  const rows = [kept('ab'), kept('cde', trace), kept('')]
  expect(await spool.read('replies', 0, bounds)).toEqual(
    rows.map((row, i) => ({ ...row, id: idOf(appended[i]), isWhole: true })),
  )
  await spool.close()
  expect(await texts(await open())).toEqual(['ab', 'cde', ''])
})

test('ids ascend in the order of the calls, however the transactions fall', async () => {
  const spool = await open()
  const appends: Promise<Appended>[] = []
  for (let turn = 0; turn < 50; turn += 1) {
    for (let i = 0; i < turn % 7; i += 1) appends.push(spool.append(kept(`${turn}-${i}`)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ids = (await Promise.all(appends)).map(idOf)
  expect(ids).toEqual(ids.map((_id, i) => (ids[0] ?? 0) + i))
})

test('what comes in one turn, and what comes while a transaction is under way, is one transaction', async () => {
  const spool = await open()
  const before = transactions()
  const first = Array.from({ length: 20 }, (_, i) => spool.append(kept(`first ${i}`)))
  await new Promise((resolve) => setImmediate(resolve))
  const meanwhile = Array.from({ length: 300 }, (_, i) => spool.append(kept(`then ${i}`)))
  await Promise.all([...first, ...meanwhile])
  expect(transactions() - before).toBe(2)
})

test('a transaction is bounded in events and in bytes', async () => {
  const spool = await open()
  const before = transactions()
  await Promise.all(Array.from({ length: 2_500 }, () => spool.append(kept('x'))))
  expect(transactions() - before).toBe(3)
  const between = transactions()
  // 4 MiB are a transaction: two of these are, and the last goes alone.
  const body = Buffer.alloc(2 * 1_048_576)
  await Promise.all(Array.from({ length: 3 }, () => spool.append(kept('', { body }))))
  expect((await spool.read('replies', 2_500, bounds)).map((row) => row.body.length)).toEqual(
    [1, 1, 1].map(() => body.length),
  )
  expect(spool.view.events).toBe(2_503)
  expect(between).toBeGreaterThan(before)
})

test('what waits is counted with what is under way; the view is that of the last answer', async () => {
  const spool = await open()
  const appends = [spool.append(kept('a')), spool.append(kept('b', { destination: 'events' }))]
  expect([spool.waiting('replies'), spool.waiting('receipts'), spool.waiting('events')]).toEqual([1, 0, 1])
  expect(spool.view.events).toBe(0)
  const [a] = await Promise.all(appends)
  expect([spool.waiting('replies'), spool.waiting('events')]).toEqual([1, 1])
  const oldestReceivedAtMs = Date.parse('2026-03-01T10:00:00Z')
  expect(spool.view).toEqual({ events: 2, bytes: 2 + 2 * rowOverheadBytes, oldestReceivedAtMs, quarantined: 0 })
  expect(await spool.removeTo('replies', idOf(a))).toBe(true)
  expect(spool.waiting('replies')).toBe(0)
  expect(spool.view.events).toBe(1)
  await spool.close()
  expect((await open()).waiting('events')).toBe(1)
})

test('other requests are served between appends, in the order asked', async () => {
  const spool = await open()
  const a = idOf(await spool.append(kept('a')))
  const appends = Array.from({ length: 100 }, (_, i) => spool.append(kept(String(i))))
  const [removed, row] = await Promise.all([
    spool.removeTo('replies', a),
    spool.read('replies', 0, { ...bounds, eventsMax: 1 }),
  ])
  expect(removed).toBe(true)
  expect(row.every(({ id }) => id > a)).toBe(true)
  await Promise.all(appends)
  expect(spool.waiting('replies')).toBe(100)
})

test('full: answered so, and counted as waiting no more', async () => {
  const spool = await open(2 * (10 + rowOverheadBytes))
  const body = Buffer.alloc(10)
  const kinds = (await Promise.all([1, 2, 3].map(() => spool.append(kept('', { body }))))).map(({ kind }) => kind)
  expect(kinds).toEqual(['kept', 'kept', 'full'])
  expect(spool.waiting('replies')).toBe(2)
  expect((await spool.appendToQuarantine(kept(''), 'too large')).kind).toBe('full')
})

test('quarantine: not read, not waiting, and back in place after the next start', async () => {
  const spool = await open()
  const ids = (await Promise.all(['a', 'b', 'c'].map((text) => spool.append(kept(text))))).map(idOf)
  expect(await spool.quarantine(ids[1] ?? 0, 'too large')).toBe(true)
  expect((await spool.appendToQuarantine(kept('d'), 'too large')).kind).toBe('kept')
  expect(await texts(spool)).toEqual(['a', 'c'])
  expect([spool.waiting('replies'), spool.view.quarantined]).toEqual([2, 2])
  await spool.close()
  const again = await open()
  expect(await texts(again)).toEqual(['a', 'b', 'c', 'd'])
  expect([again.waiting('replies'), again.view.quarantined]).toEqual([4, 0])
})

test('an empty spool gives its room back to the disk by itself', async () => {
  const spool = await open()
  const body = Buffer.alloc(200_000)
  const appended = await Promise.all(Array.from({ length: 50 }, () => spool.append(kept('', { body }))))
  await spool.removeTo('replies', idOf(appended.at(-1)))
  const size = () => readdirSync(folder).reduce((bytes, name) => bytes + readFileSync(join(folder, name)).length, 0)
  expect(size()).toBeGreaterThan(10_000_000)
  await until('a small file', () => size() < 65_536, 5_000)
  expect((await spool.append(kept('after'))).kind).toBe('kept')
})

test('closing does first what was asked before; later requests fail as values, reads reject', async () => {
  const spool = await open()
  const appends = Array.from({ length: 1_500 }, (_, i) => spool.append(kept(String(i))))
  const closing = spool.close()
  const late = spool.append(kept('late'))
  expect(spool.close()).toBe(closing)
  await closing
  expect((await Promise.all(appends)).every(({ kind }) => kind === 'kept')).toBe(true)
  const failed = { kind: 'failed', because: 'the spool is closed' }
  expect(await late).toEqual(failed)
  expect(await spool.append(kept('later'))).toEqual(failed)
  expect(await spool.appendToQuarantine(kept('later'), 'too large')).toEqual(failed)
  expect(await spool.removeTo('replies', 1)).toBe(false)
  expect(await spool.quarantine(1, 'too large')).toBe(false)
  await expect(spool.read('replies', 0, bounds)).rejects.toThrow('the spool is closed')
  expect((await open()).waiting('replies')).toBe(1_500)
})

test('a thread that ends by itself: every request fails, the spool says so, what was kept is kept', async () => {
  const spool = await open()
  expect((await spool.append(kept('a'))).kind).toBe('kept')
  // No caller can do this: it stands for a bug in the thread.
  const bug = kept('bug', { receivedAt: {} as unknown as string })
  const requests = [spool.append(bug), spool.append(kept('b'))]
  const read = spool.read('replies', 0, bounds).then(
    () => 'read',
    () => 'rejected',
  )
  const removed = new Promise((resolve) => setImmediate(() => resolve(spool.removeTo('replies', 1))))
  const because = await spool.failed
  expect(because).toMatch(/^the spool's thread failed: /)
  const failed = { kind: 'failed', because }
  expect(await Promise.all(requests)).toEqual([failed, failed])
  expect(['read', 'rejected']).toContain(await read)
  expect(await removed).toBe(false)
  expect(await spool.append(kept('c'))).toEqual(failed)
  expect(spool.waiting('replies')).toBe(1)
  await spool.close()
  expect(await texts(await open())).toEqual(['a'])
})

test('what cannot be opened is refused in one line', async () => {
  const spool = await open()
  const inUse = await Spool.open({ folder, bytesMax: 1_000 })
  expect(inUse).toMatchObject({ kind: 'refused', because: expect.stringContaining('in use by another process') })
  await spool.close()
  writeFileSync(join(folder, 'spool.sqlite'), 'x'.repeat(1_000))
  const damaged = await Spool.open({ folder, bytesMax: 1_000 })
  expect(damaged).toMatchObject({
    kind: 'refused',
    because: expect.stringMatching(/^\S+spool\.sqlite is damaged [^\n]+$/),
  })
})

test('what is on its way into quarantine is bounded: a disk that hangs holds no more than that', async () => {
  const spool = await open()
  const large = kept('', { body: Buffer.alloc(8 * 1_048_576) })
  const appended = await Promise.all(Array.from({ length: 8 }, () => spool.appendToQuarantine(large, 'too large')))
  expect(appended.map(({ kind }) => kind)).toEqual([...Array(6).fill('kept'), 'failed', 'failed'])
  expect(await spool.appendToQuarantine(large, 'too large')).toMatchObject({ kind: 'kept' })
})
