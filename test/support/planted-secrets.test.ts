// Real: the search, over files as processes leave them, and a process that tells a secret. Doubled: nothing. Failure: something
// planted that is not found, in whatever guise; something told that is none; the whole of a secret in the verdict.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { folderVariable, keepOutput, keepText, keepWhatIsTold } from './kept-output.ts'
import setup from './output-of-the-run.ts'
import { describeSearch, holdsPlanted, searchPlanted } from './planted-secrets.ts'

/** Not spelt out, so that no output of this very run tells it. */
const word = ['plan', 'ted'].join('')

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'planted-test-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

function keepIn(made: string): void {
  vi.stubEnv(folderVariable, made)
  onTestFinished(() => void vi.unstubAllEnvs())
}

test.each([
  ['as it is', `key ${word}-api-key`],
  ['in other letters', `${word.toUpperCase()} KEY`],
  ['in a line of JSON', JSON.stringify({ msg: `failed with ${word}` })],
  ['in a URL', `https://me:${encodeURIComponent(`${word}/1`)}@registry/`],
  ['in Base64, alone', Buffer.from(word).toString('base64')],
  ['in Base64, behind a name', `Basic ${Buffer.from(`me:${word}-password`).toString('base64')}`],
  ['in Base64, behind any name', Buffer.from(`bridge:${word}/word`).toString('base64')],
  ['in Base64, behind one more', Buffer.from(`bridges:${word} word`).toString('base64url')],
  ['a text of the published webhook', 'We open at nine.'],
])('found: %s', (_, text) => {
  expect(holdsPlanted(text)).toBe(true)
})

test('not found: what tells nothing', () => {
  for (const text of ['', 'plan ted', '{"msg":"attempt finished","outcome":"accepted"}', 'PARTOO_API_KEY=***']) {
    expect(holdsPlanted(text)).toBe(false)
  }
})

test('a find is told with its file and line, never whole; many are counted', async () => {
  const made = folder()
  writeFileSync(join(made, 'clean.stdout'), 'a line\n'.repeat(1_000))
  writeFileSync(join(made, 'ingestor-1.stderr'), `first\n{"detail":"${word}-api-key-of-production"}\n`)
  const search = await searchPlanted(made)
  expect(search).toMatchObject({ files: 2, finds: [{ file: 'ingestor-1.stderr', line: 2 }], findsMore: 0 })
  const said = describeSearch(search, made)
  expect(said[0]).toContain('told in 1 line (2 outputs')
  expect(said[1]).toBe(`  ingestor-1.stderr, line 2: ${word}-api-ke… (${word.length + 22} characters)`)
  writeFileSync(join(made, 'flood.stdout'), `${word}\n`.repeat(200))
  expect(describeSearch(await searchPlanted(made), made).at(-1)).toBe('  … and 151 more')
})

test('what a process writes is kept whole, to its last words, and found', async () => {
  const made = folder()
  keepIn(made)
  const program = `process.stdout.write('${word.slice(0, 3)}'); setTimeout(() => {
    process.stdout.write('${word.slice(3)}-key'); console.error('done'); process.kill(process.pid, 'SIGKILL') }, 50)`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  keepOutput(child, 'leaky')
  await once(child, 'close')
  const files = [`leaky-${child.pid}.stderr`, `leaky-${child.pid}.stdout`]
  expect(readdirSync(made).sort()).toEqual(files)
  expect(readFileSync(join(made, files[0] ?? ''), 'utf8')).toBe('done\n')
  expect((await searchPlanted(made)).finds).toMatchObject([{ file: files[1], line: 1 }])
})

test('metrics are kept only if they tell something; outside of a run nothing is kept', async () => {
  const made = folder()
  keepIn(made)
  keepWhatIsTold('metrics', 'up 1')
  expect(readdirSync(made)).toEqual([])
  keepWhatIsTold('metrics', `up{key="${word}"} 1`)
  expect((await searchPlanted(made)).finds).toHaveLength(1)
  vi.stubEnv(folderVariable, undefined)
  keepText('headers', word)
  expect(readdirSync(made)).toHaveLength(1)
})

test('a run in which something was told fails, and keeps what was told; another leaves nothing', async () => {
  keepIn('')
  const saying = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  onTestFinished(() => saying.mockRestore())
  const teardown = setup()
  const made = process.env[folderVariable] ?? ''
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  keepText('headers', 'partoo-dlq-reason: rejected')
  await teardown()
  expect(saying).toHaveBeenCalledWith(expect.stringMatching(/^No secret and no message text .*\(1 outputs/))
  expect(() => readdirSync(made)).toThrow('ENOENT')

  const failing = setup()
  const kept = process.env[folderVariable] ?? ''
  onTestFinished(() => rmSync(kept, { recursive: true, force: true }))
  keepText('headers', `partoo-dlq-detail: ${word}`)
  await expect(failing()).rejects.toThrow(/told in 1 line .*\n {2}headers-\d+\.text, line 1/)
  expect(readdirSync(kept)).toHaveLength(1)
})
