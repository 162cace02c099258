// Real: files on disk. Failure: a secret that is shown because it was put where the name of its file belongs; a path that is not shown.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { shownPath, unreadableFile } from './named-file.ts'

const error = Object.assign(new Error('no such file'), { code: 'ENOENT' })

test.each([
  'planted',
  '-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n',
  // Base64 has slashes, at the beginning too.
  '/plantedAbc/def+g==',
  'planted/abc==',
  'planted abc',
  '/tmp/planted\nabc',
  '\0planted',
])('what is no path is not shown: %j', (text) => {
  expect(unreadableFile(text, error)).toBe(
    'names a file not shown here (its name may be the secret itself), which cannot be read (ENOENT)',
  )
})

test('a path is shown, whether the file is there or not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'named-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'key')
  writeFileSync(file, '')
  for (const path of [file, join(folder, 'none'), './none', '../none/key', 'package.json', 'libs/none']) {
    expect(shownPath(path)).toBe(path)
  }
  expect(unreadableFile('./none', error)).toBe('names ./none, which cannot be read (ENOENT)')
})
