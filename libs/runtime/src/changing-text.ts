// Owns texts from files that change while a service runs, such as mounted secrets: read again when they are asked for, a second
// after they were read last at the earliest. There is no timer and no watcher: those miss what a mounted volume replaces.

import { readFileSync } from 'node:fs'

/** Answers the text as it is now. */
export type ChangingText = () => string

const agedMs = 1_000

/**
 * A text that was read from a file, and follows it.
 *
 * @param file undefined: it came from elsewhere, and stays as it is
 * @param text as it was read at the start
 * @param isValid what is not valid is not taken: a file that is being written, emptied or taken away changes nothing
 */
export function changingText(
  file: string | undefined,
  text: string,
  isValid: (text: string) => boolean = (read) => read !== '',
  nowMs: () => number = () => performance.now(),
): ChangingText {
  if (file === undefined) return () => text
  let current = text
  let readAtMs = nowMs()
  return () => {
    if (nowMs() - readAtMs >= agedMs) {
      readAtMs = nowMs()
      const read = textOf(file)
      if (read !== undefined && isValid(read)) current = read
    }
    return current
  }
}

/** Without the line end that editors put behind it; undefined where it cannot be read. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}
