// How files are shown that a configuration names. Somebody may have put a key itself where the name of its file belongs, and what is wrong
// is printed: only what begins like a path of this machine is shown.

import { statSync } from 'node:fs'
import { isAbsolute, join, sep } from 'node:path'

/** @returns the path, or words for it where it may be a secret */
export function shownPath(path: string): string {
  return isShown(path) ? path : 'a file not shown here (its name may be the secret itself)'
}

/** @param error of node:fs @returns its code */
export function fileErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}

/** What is wrong with a file that cannot be read, to be read on after the name of the variable that names it. */
export function unreadableFile(path: string, error: unknown): string {
  return `names ${shownPath(path)}, which cannot be read (${fileErrorCode(error)})`
}

/** Whether it is there, or begins with a folder that is: `/etc/…`, `./…`, `keys/…`. */
function isShown(path: string): boolean {
  if (/[\r\n]/.test(path)) return false
  const [first = '', ...more] = path.split(sep).filter((part) => part !== '')
  const begin = more.length === 0 ? path : isAbsolute(path) ? join(sep, first) : first
  try {
    return statSync(begin).isDirectory() || more.length === 0
  } catch {
    return false
  }
}
