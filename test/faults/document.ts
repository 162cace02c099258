// Owns the part of docs/reliability.md that a run writes: between two marks, everything else stays as it is.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const documentFile = join(import.meta.dirname, '../../docs/reliability.md')

export type Part = 'faults' | 'soak'

/** Writes a part. Throws where the document has no marks for it. */
export function writePart(part: Part, lines: readonly string[]): void {
  writeFileSync(documentFile, withPart(readFileSync(documentFile, 'utf8'), part, lines))
}

/** The document with another text in a part of it. */
export function withPart(document: string, part: Part, lines: readonly string[]): string {
  const begin = `<!-- ${part}: begin, written by the program -->`
  const end = `<!-- ${part}: end -->`
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document has no marks for the part ${part}`)
  return `${document.slice(0, from + begin.length)}\n\n${lines.join('\n')}\n\n${document.slice(to)}`
}
