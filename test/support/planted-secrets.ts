// What must never be told: every key, secret, password, login and message text of a test carries the word `planted`, or is of the
// published example of a webhook. This file finds them, also in Base64, in what the processes of a test run wrote.

import { createReadStream, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const word = 'planted'
const ofTheExample = ['We open at nine', 'Jane Doe', 'John Doe']

/** A place where one was told. `what` says which, and never the whole. */
export type Find = { file: string; line: number; what: string }

/** What was searched. */
export type Search = { files: number; bytes: number; finds: Find[]; findsMore: number }

/** More than these are only counted. */
const findsMax = 50
const shownMax = 14

/** The word as it stands in Base64 wherever it begins, without the characters that depend on what stands around it. */
const inBase64 = [0, 1, 2].map((before) => {
  const text = Buffer.from(`${' '.repeat(before)}${word}`)
    .toString('base64')
    .replace(/=+$/, '')
  const whole = Math.floor(((before + word.length) * 8) / 6)
  return text.slice(Math.ceil((before * 8) / 6), whole)
})
const planted = new RegExp(`${word}|${ofTheExample.join('|')}`, 'i')
// Base64 tells upper case from lower case.
const encoded = new RegExp(inBase64.join('|'))
const anyOfThem = (text: string) => planted.exec(text) ?? encoded.exec(text)

/** Whether a text holds anything planted. */
export function holdsPlanted(text: string): boolean {
  return anyOfThem(text) !== null
}

/**
 * Searches the files of a folder, line by line.
 *
 * @param folder holds files only
 */
export async function searchPlanted(folder: string): Promise<Search> {
  const search: Search = { files: 0, bytes: 0, finds: [], findsMore: 0 }
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name)
    search.files += 1
    search.bytes += statSync(file).size
    let line = 0
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1
      const match = anyOfThem(text)
      if (match === null) continue
      if (search.finds.length < findsMax) search.finds.push({ file: name, line, what: shown(text, match.index) })
      else search.findsMore += 1
    }
  }
  return search
}

/** The beginning of what was found: enough to know it by, while the rest stays untold. */
function shown(text: string, at: number): string {
  const [all = ''] = /^[^\s"\\]+/.exec(text.slice(at)) ?? []
  return all.length > shownMax ? `${all.slice(0, shownMax)}… (${all.length} characters)` : all
}

/** The verdict in lines: the first says it all. @param where the searched files are */
export function describeSearch({ files, bytes, finds, findsMore }: Search, where: string): string[] {
  const searched = `${files} outputs, ${(bytes / 1e6).toFixed(1)} MB`
  if (finds.length === 0) return [`No secret and no message text in what the processes of this run told (${searched}).`]
  const all = finds.length + findsMore
  return [
    `A secret or a message text was told in ${all} line${all === 1 ? '' : 's'} (${searched}), kept in ${where}:`,
    ...finds.map(({ file, line, what }) => `  ${file}, line ${line}: ${what}`),
    ...(findsMore > 0 ? [`  … and ${findsMore} more`] : []),
  ]
}
