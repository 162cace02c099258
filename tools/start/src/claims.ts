// Owns claims: small files that name the process holding something, so that two `npm start` at once do not choose the
// same port or log folder. A claim whose process is gone counts for nothing.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive } from '@bridge/local-kafka/owned-process'

export type Claim = { kind: 'ours'; release(): void } | { kind: 'held'; pid: number }

const attemptsMax = 5

/** Claims `file` for this process, or answers who holds it. */
export function claim(file: string): Claim {
  mkdirSync(dirname(file), { recursive: true })
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: 'wx' })
      return { kind: 'ours', release: () => releaseOwn(file) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const pid = holderOf(file)
    if (pid !== undefined && isAlive(pid)) return { kind: 'held', pid }
    rmSync(file, { force: true })
  }
  return { kind: 'held', pid: holderOf(file) ?? 0 }
}

function releaseOwn(file: string): void {
  if (holderOf(file) === process.pid) rmSync(file, { force: true })
}

function holderOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
