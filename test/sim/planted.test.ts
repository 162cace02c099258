// Real: git, the patches, the files they are for. Doubled: nothing. Failure: a planted fault that fits the code no more, so that
// `npm run test:planted` would not show whether the simulation finds it.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, 'planted')

test('every planted fault still applies', () => {
  const patches = readdirSync(folder).filter((name) => name.endsWith('.patch'))
  expect(patches.length).toBeGreaterThan(10)
  const failed = patches.filter((patch) => {
    const cwd = join(import.meta.dirname, '../..')
    return spawnSync('git', ['apply', '--check', join(folder, patch)], { cwd }).status !== 0
  })
  expect(failed).toEqual([])
})
