// A process in a mount namespace of its own (`unshare --map-root-user --mount`), which therefore can have a disk of 64 MiB, fill it,
// and have one that is read-only. It tells on standard output, as JSON, what the spool answered; spool-disk.test.ts judges it.
// Arguments: an empty folder.

import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Kept, Spool } from '@bridge/webhook-gateway/spool'

const [base = ''] = process.argv.slice(2)
const bytesMax = 1_000_000_000
const disk = join(base, 'disk')
const folder = join(disk, 'spool')
const fillingFile = join(disk, 'filling')
const body = Buffer.alloc(200_000, 'x')

function kept(destination: Kept['destination']): Kept {
  return { destination, body, tryout: false, traceparent: undefined, receivedAt: '2026-03-01T10:00:00.000Z' }
}

async function open(inFolder = folder): Promise<Spool> {
  const opened = await Spool.open({ folder: inFolder, bytesMax })
  if (opened.kind === 'refused') throw new Error(opened.because)
  return opened.spool
}

async function refusal(inFolder: string): Promise<string> {
  const opened = await Spool.open({ folder: inFolder, bytesMax })
  return opened.kind === 'refused' ? opened.because : 'open'
}

/** Takes what is free of the disk, to the last byte. */
function fillDisk(): void {
  const descriptor = openSync(fillingFile, 'a')
  for (let bytes = 1_048_576; bytes >= 1; ) {
    try {
      writeSync(descriptor, Buffer.alloc(bytes))
    } catch {
      bytes = Math.floor(bytes / 2)
    }
  }
  closeSync(descriptor)
}

/** Ids of what can be read of a destination. */
async function wholeIds(spool: Spool, destination: Kept['destination']): Promise<number[]> {
  const rows = await spool.read(destination, 0, { eventsMax: 10_000, bytesMax })
  return rows.filter((row) => row.isWhole && row.body.equals(body)).map(({ id }) => id)
}

mkdirSync(disk)
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', disk])
const spool = await open()
const ids = { replies: [] as number[], events: [] as number[] }
let because = ''
for (let turn = 0; because === ''; turn += 1) {
  const destination = turn % 2 === 0 ? 'replies' : 'events'
  const appended = await spool.append(kept(destination))
  if (appended.kind === 'kept') ids[destination].push(appended.id)
  else because = appended.kind === 'failed' ? appended.because : appended.kind
}
const [first = 0, second = 0] = ids.replies
const filledBySpool = {
  because,
  removed: await spool.removeTo('replies', first),
  readable: await wholeIds(spool, 'replies'),
}

fillDisk()
const filledByOthers = {
  appended: await spool.append(kept('replies')),
  quarantined: await spool.quarantine(second, 'a test'),
  readable: { replies: await wholeIds(spool, 'replies'), events: await wholeIds(spool, 'events') },
  waiting: spool.waiting('replies'),
  removed: await spool.removeTo('events', ids.events.at(-1) ?? 0),
}
await spool.close()

// Closing gave the log's room back.
fillDisk()
const again = await open()
const openedWhenFull = {
  readable: { replies: await wholeIds(again, 'replies'), events: await wholeIds(again, 'events') },
  appended: await again.append(kept('replies')),
  removed: await again.removeTo('replies', ids.replies[4] ?? 0),
  quarantined: await again.quarantine(ids.replies[5] ?? 0, 'a test'),
  newOne: await refusal(join(disk, 'new')),
}

rmSync(fillingFile)
const withRoomAgain = {
  removed: await again.removeTo('replies', ids.replies[4] ?? 0),
  readable: { replies: await wholeIds(again, 'replies'), events: await wholeIds(again, 'events') },
  appended: await again.append(kept('replies')),
}
await again.close()

execFileSync('mount', ['-o', 'remount,ro', disk])
const readOnly = { spool: await refusal(folder), newOne: await refusal(join(disk, 'new')) }
execFileSync('mount', ['-o', 'remount,rw', disk])
const last = await open()
const afterAll = { readable: { replies: await wholeIds(last, 'replies'), events: await wholeIds(last, 'events') } }
await last.close()
execFileSync('umount', [disk])

const told = { folder, ids, filledBySpool, filledByOthers, openedWhenFull, withRoomAgain, readOnly, afterAll }
process.stdout.write(JSON.stringify(told))
