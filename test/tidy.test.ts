// Real: the files of this repository. Failure: a house rule of CONTRIBUTING.md or DESIGN.md that a file breaks.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const files = ['libs', 'services', 'tools', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
)
const text = (file: string) => readFileSync(join(root, file), 'utf8')
const product = files.filter((file) => /^(libs|services)\//.test(file) && !file.endsWith('.test.ts'))

/** Files that match a pattern, with the first match. */
function offenders(among: string[], pattern: RegExp): string[] {
  return among.flatMap((file) => {
    const match = pattern.exec(text(file))
    return match === null ? [] : [`${file}: ${match[0]}`]
  })
}

test('there are files to judge', () => {
  expect(product.length).toBeGreaterThan(30)
})

test('kafkajs is imported by product code in two places only', () => {
  const outside = product.filter((file) => !/^(services\/ingestor\/src\/kafka|libs\/runtime)\//.test(file))
  expect(offenders(outside, /from 'kafkajs'/)).toEqual([])
})

test('the core has no promise, timer, clock, chance or I/O', () => {
  const core = product.filter((file) => file.startsWith('services/ingestor/src/core/'))
  expect(core.length).toBeGreaterThan(8)
  const forbidden =
    /\bawait\b|\basync\b|\bPromise\b|setTimeout|setInterval|Date\.now|new Date|performance\.|Math\.random|from 'node:/
  expect(offenders(core, forbidden)).toEqual([])
})

test('every file opens with what it owns', () => {
  expect(files.filter((file) => !/^(#!.*\n)?(\/\/|\/\*)/.test(text(file)))).toEqual([])
})

test('no barrels, no utils', () => {
  expect(files.filter((file) => /\/(index|utils?)\.ts$|\/utils\//.test(file))).toEqual([])
})

test('no test waits for a time alone', () => {
  const tests = files.filter((file) => /\.test\.ts$/.test(file) && file !== 'test/tidy.test.ts')
  expect(offenders(tests, /await (new Promise\(\(\w+\) => setTimeout|sleep\(|pause\(\d)/)).toEqual([])
})

test('whoever starts a program of ours keeps what it tells, to be searched for secrets', () => {
  const starters = files.filter(
    (file) => /spawn(Sync)?\(\s*process\.execPath/.test(text(file)) && /main\.ts|launch\.mjs/.test(text(file)),
  )
  const tests = starters.filter((file) => /\.test\.ts$|^test\/support\//.test(file) && file !== 'test/tidy.test.ts')
  expect(tests.length).toBeGreaterThan(8)
  expect(tests.filter((file) => !/\bkeep(Output|Text)\(/.test(text(file)))).toEqual([])
})
