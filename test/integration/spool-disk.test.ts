// Real: the spool on a disk of its own (64 MiB of memory, in a mount namespace) that the spool fills, that others fill, and that is
// read-only. Doubled: nothing. Skipped where the system lets nobody make namespaces; the spool's own tests have a stand-in then.
// Failure: a webhook that was acknowledged cannot be read, or one is acknowledged that the disk has no room for.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

type Readable = { replies: number[]; events: number[] }
type Appended = { kind: string; because?: string }
type Told = {
  folder: string
  ids: Readable
  filledBySpool: { because: string; removed: boolean; readable: number[] }
  filledByOthers: { appended: Appended; quarantined: boolean; readable: Readable; waiting: number; removed: boolean }
  openedWhenFull: { readable: Readable; appended: Appended; removed: boolean; quarantined: boolean; newOne: string }
  withRoomAgain: { removed: boolean; readable: Readable; appended: Appended }
  readOnly: { spool: string; newOne: string }
  afterAll: { readable: Readable }
}

const unshare = ['--map-root-user', '--mount']
const isPossible = spawnSync('unshare', [...unshare, 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0
const script = join(import.meta.dirname, '../support/spool-on-a-small-disk.ts')

let base: string
let told: Told

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'spool-disk-'))
  if (!isPossible) return
  const output = execFileSync('unshare', [...unshare, process.execPath, script, base], { encoding: 'utf8' })
  told = JSON.parse(output) as Told
}, 60_000)

afterAll(() => rmSync(base, { recursive: true, force: true }))

const testOnDisk = test.skipIf(!isPossible)

testOnDisk(
  'filled by the spool: appends fail before the last of it is taken, so that what is published can be removed',
  () => {
    const { ids, filledBySpool } = told
    expect(ids.replies.length).toBeGreaterThan(20)
    expect(filledBySpool.because).toMatch(/^the disk of \S+spool\.sqlite is full: less than \d+ MiB are free$/)
    expect(filledBySpool.removed).toBe(true)
    expect(filledBySpool.readable).toEqual(ids.replies.slice(1))
  },
)

testOnDisk('filled by others to the last byte: nothing more is kept, and what is kept is read', () => {
  const { ids, filledByOthers } = told
  expect(filledByOthers.appended.kind).toBe('failed')
  // The log is there already: small changes still find room in it.
  const from = filledByOthers.quarantined ? 2 : 1
  expect(filledByOthers.readable).toEqual({ replies: ids.replies.slice(from), events: ids.events })
  expect(filledByOthers.waiting).toBe(ids.replies.length - from)
})

testOnDisk('opened on a full disk: all is read, nothing is kept or removed, and nothing new begins there', () => {
  const { ids, filledByOthers, openedWhenFull } = told
  const from = filledByOthers.quarantined ? 2 : 1
  expect(openedWhenFull.readable.replies).toEqual(ids.replies.slice(from))
  expect(openedWhenFull.readable.events).toEqual(filledByOthers.removed ? [] : ids.events)
  expect(openedWhenFull.appended.kind).toBe('failed')
  expect([openedWhenFull.removed, openedWhenFull.quarantined]).toEqual([false, false])
  expect(openedWhenFull.newOne).toMatch(/cannot be (made|kept).*(disk is full|ENOSPC)/)
})

testOnDisk(
  'with room again: it keeps and removes, and what was in quarantine is back in its place after a start',
  () => {
    const { ids, withRoomAgain, filledByOthers, afterAll: after } = told
    expect(withRoomAgain.removed).toBe(true)
    expect(withRoomAgain.readable.replies).toEqual(ids.replies.slice(5))
    expect(withRoomAgain.appended.kind).toBe('kept')
    const back = filledByOthers.quarantined ? ids.replies.slice(1, 2) : []
    expect(after.readable.replies.slice(0, -1)).toEqual([...back, ...ids.replies.slice(5)])
    expect(after.readable.replies).toHaveLength(back.length + ids.replies.length - 5 + 1)
  },
)

testOnDisk('read-only: refused, with what to do', () => {
  const { folder, readOnly } = told
  expect(readOnly.spool).toContain(`the spool cannot be kept in ${folder} (EROFS`)
  for (const because of Object.values(readOnly))
    expect(because).toMatch(/EROFS.*let the gateway write there.*WEBHOOK_SPOOL_DIR/)
})
