// Real: the mutants, the files they are for. Failure: a mutant whose text is not found exactly once, so that
// `npm run test:mutants` would not show whether the simulation finds it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { plant } from './mutate.ts'

const root = join(import.meta.dirname, '../..')

test('every mutant finds its text, once', () => {
  expect(mutants.length).toBeGreaterThan(12)
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  const gone = mutants.filter(
    (mutant) => typeof plant(mutant, readFileSync(join(root, mutant.file), 'utf8')) === 'number',
  )
  expect(gone.map(({ name }) => name)).toEqual([])
})
