// Whether SQLite's write-ahead log lost something in its middle. SQLite reads the log up to the first frame whose checksum
// is wrong and takes that for its end, which is right for what a crash cuts off: at most the transaction that was being
// written. Where whole transactions follow after that frame, the log was damaged later, and opening it would drop webhooks
// that were acknowledged without a word. The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log

import { closeSync, openSync, readSync, statSync } from 'node:fs'

const headerBytes = 32
const frameHeaderBytes = 24
/** Transactions that a crash tears: the one that was not synced yet. */
const tornMax = 1

/**
 * Reads a log that no process has open.
 *
 * @returns what is wrong with it, in a few words; undefined where it is sound or is not there
 */
export function walDamage(file: string): string | undefined {
  const before = statSync(file, { throwIfNoEntry: false })
  if (before === undefined || before.size < headerBytes + frameHeaderBytes) return undefined
  const descriptor = openSync(file, 'r')
  let damage: string | undefined
  try {
    damage = damageIn(descriptor)
  } finally {
    closeSync(descriptor)
  }
  if (damage === undefined) return undefined
  const after = statSync(file, { throwIfNoEntry: false })
  // Somebody is writing it, so what was read is a mixture; the lock will tell.
  if (after?.mtimeMs !== before.mtimeMs || after.size !== before.size) return undefined
  return damage
}

function damageIn(descriptor: number): string | undefined {
  const header = Buffer.alloc(headerBytes)
  readSync(descriptor, header, 0, headerBytes, 0)
  const isBigEndian = (header.readUInt32BE(0) & 1) === 1
  let last = checksum(header.subarray(0, 24), [0, 0], isBigEndian)
  // It is synced before the first frame is written, and smaller than what a disk writes at once: no crash explains this.
  if (!isSum(header, 24, last)) return 'the header of its log is broken'
  const salts = header.subarray(16, 24)
  const frame = Buffer.alloc(frameHeaderBytes + header.readUInt32BE(8))
  let isWhole = true
  // Transactions that end after the first broken frame, and how many of them when a sound frame ended one the last time.
  let ends = 0
  let lost = 0
  for (let at = headerBytes; readSync(descriptor, frame, 0, frame.length, at) === frame.length; at += frame.length) {
    // A checksum continues that of the frame before as it stands there: soon after a broken frame they are right again.
    const isCurrent = frame.subarray(8, 16).equals(salts)
    const isSound = isCurrent && isSum(frame, 16, frameChecksum(frame, last, isBigEndian))
    last = [frame.readUInt32BE(16), frame.readUInt32BE(20)]
    isWhole &&= isSound
    const endsTransaction = isCurrent && frame.readUInt32BE(4) !== 0
    if (isWhole || !endsTransaction) continue
    ends += 1
    if (isSound) lost = ends
  }
  return lost > tornMax ? `its log is broken before its last ${lost} transactions` : undefined
}

type Sum = readonly [number, number]

function frameChecksum(frame: Buffer, from: Sum, isBigEndian: boolean): Sum {
  return checksum(frame.subarray(frameHeaderBytes), checksum(frame.subarray(0, 8), from, isBigEndian), isBigEndian)
}

function checksum(bytes: Buffer, from: Sum, isBigEndian: boolean): Sum {
  let [first, second] = from
  for (let at = 0; at < bytes.length; at += 8) {
    first = (first + (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + second) >>> 0
    second = (second + (isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + first) >>> 0
  }
  return [first, second]
}

function isSum(bytes: Buffer, at: number, sum: Sum): boolean {
  return bytes.readUInt32BE(at) === sum[0] && bytes.readUInt32BE(at + 4) === sum[1]
}
