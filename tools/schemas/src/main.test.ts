// Real: the process under plain node, as `npm run schemas` starts it, in a pipe. Doubled: the registry, by a port where nothing
// listens. Failure: another exit code, results on standard error or troubles on standard output, a stack trace, a process that
// does not end, the password in the output.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keepOutput } from '../../../test/support/kept-output.ts'
import { variables } from './settings.ts'

const main = join(import.meta.dirname, 'main.ts')
const deadlineMs = 8_000

async function run(line: string, env: Record<string, string> = {}) {
  const args = line.split(' ').filter((word) => word !== '')
  const child = spawn(process.execPath, [main, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: deadlineMs,
  })
  keepOutput(child, 'schemas')
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  const code = await new Promise((resolve) => child.on('close', (exit, signal) => resolve(exit ?? signal)))
  expect(said.out + said.err).not.toContain('planted')
  expect(said.err).not.toMatch(/\n {4}at /)
  return { code, ...said }
}

test('--help names every variable and every exit code; 64, 78 and 1 where they belong', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'schemas-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'password')
  writeFileSync(file, 'planted\n')
  const login = { SCHEMA_REGISTRY_USERNAME: 'bridge', SCHEMA_REGISTRY_PASSWORD_FILE: file }
  const [help, nothing, configuration, away] = await Promise.all([
    run('--help'),
    run(''),
    run('check', { SCHEMA_REGISTRY_PASSWORD_FILE: '/no/such/file' }),
    run('register', { SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1', ...login }),
  ])
  expect(help).toMatchObject({ code: 0, err: '' })
  for (const name of Object.keys(variables)) expect(help.out).toContain(`\n  ${name}`)
  for (const word of [
    'codes: 0 all',
    '1 failed',
    '64 wrong',
    '78 wrong',
    'SCHEMA_REGISTRY_PASSWORD_FILE',
    '--dry-run',
  ]) {
    expect(help.out).toContain(word)
  }
  expect(nothing).toMatchObject({ code: 64, out: '', err: expect.stringContaining('--help') })
  expect(configuration).toMatchObject({ code: 78, out: '', err: expect.stringContaining('(ENOENT)') })
  expect(away).toMatchObject({ code: 1, out: '# Schema registry at http://127.0.0.1:1, as bridge\n' })
  expect(away.err).toContain('Nothing was registered.')
})
