// Owns the folder where the output of a test run is kept: made before the first test, searched for planted secrets and message texts
// after the last. A find fails the run, whatever its tests say, and leaves the folder to be looked at.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderVariable } from './kept-output.ts'
import { describeSearch, searchPlanted } from './planted-secrets.ts'

export default function setup(): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'test-output-'))
  // The workers and what they start inherit it.
  process.env[folderVariable] = folder
  return async () => {
    const search = await searchPlanted(folder)
    const lines = describeSearch(search, folder)
    if (search.finds.length > 0) throw new Error(lines.join('\n'))
    console.log(lines.join('\n'))
    rmSync(folder, { recursive: true })
  }
}
