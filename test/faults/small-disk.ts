// Owns a disk of a few MiB in memory, which can be filled to its last byte.

import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SmallDisk {
  readonly folder: string
  readonly #fillingFile: string

  /** Use `mount`. */
  private constructor(folder: string) {
    this.folder = folder
    this.#fillingFile = join(folder, 'filling')
  }

  /** Rejects where this process may not mount: see `inOwnMounts`. */
  static mount(megabytes: number): SmallDisk {
    const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', folder], { stdio: 'pipe' })
    } catch {
      rmSync(folder, { recursive: true, force: true })
      throw new Error('this system lets nobody mount a disk here (Linux with user namespaces does)')
    }
    return new SmallDisk(folder)
  }

  /** Takes what is free, to the last byte. */
  fill(): void {
    const descriptor = openSync(this.#fillingFile, 'a')
    for (let bytes = 1_048_576; bytes >= 1; ) {
      try {
        writeSync(descriptor, Buffer.alloc(bytes))
      } catch {
        bytes = Math.floor(bytes / 2)
      }
    }
    closeSync(descriptor)
  }

  /** Gives back what was taken. */
  free(): void {
    rmSync(this.#fillingFile, { force: true })
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder)
    return bavail * bsize
  }

  /** Unmounts it; what is still open in it keeps its room until it is closed. Twice is fine. */
  unmount(): void {
    try {
      execFileSync('umount', ['-l', this.folder], { stdio: 'pipe' })
      rmSync(this.folder, { recursive: true, force: true })
    } catch {
      // Unmounted already.
    }
  }
}

/**
 * Makes this process go on in a mount namespace of its own, where it may mount, and with whose end every mount ends; or lets it
 * go on as it is, where the system has none.
 */
export function inOwnMounts(): void {
  if (process.platform !== 'linux' || process.env.OWN_MOUNTS === '1' || process.execve === undefined) return
  const unshare = '/usr/bin/unshare'
  const own = ['--map-root-user', '--mount']
  try {
    execFileSync(unshare, [...own, 'true'], { stdio: 'pipe' })
  } catch {
    return
  }
  // kafkajs sets timers in the past now and then; Node warns of it in a place where a person watches.
  const options = [...process.execArgv, '--disable-warning=TimeoutNegativeWarning']
  const args = [unshare, ...own, process.execPath, ...options, ...process.argv.slice(1)]
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])))
  process.execve(unshare, args, { ...env, OWN_MOUNTS: '1' })
}
