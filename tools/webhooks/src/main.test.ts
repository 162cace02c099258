// Real: the process under plain node, as `npm run webhooks` starts it, in a pipe. Doubled: Partoo, by the simulator. Failure:
// another exit code, results on standard error or troubles on standard output, a stack trace, a process that does not end,
// the key or the secret in the output.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoOrganization } from '@bridge/partoo-simulator/options'
import { startSimulator } from '@bridge/partoo-simulator/simulator'
import { expect, onTestFinished, test } from 'vitest'
import { keepOutput } from '../../../test/support/kept-output.ts'
import { variables } from './settings.ts'

const main = join(import.meta.dirname, 'main.ts')
const url = 'http://bridge.example/webhooks/partoo'
const deadlineMs = 8_000
/** Eight processes, one after the other, on a machine that may be busy. */
const manyDeadlineMs = 30_000

/** Not spawnSync: the simulator answers from this process. */
async function run(line: string, env: Record<string, string> = {}) {
  const args = line.split(' ').filter((word) => word !== '')
  const child = spawn(process.execPath, [main, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: deadlineMs,
  })
  keepOutput(child, 'webhooks')
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  const code = await new Promise((resolve) => child.on('close', (exit, signal) => resolve(exit ?? signal)))
  expect(said.out + said.err).not.toContain('planted')
  expect(said.err).not.toMatch(/\n {4}at /)
  return { code, ...said }
}

/** A simulated Partoo, and the variables that lead to it; the key and the secret are in files. */
async function partoo() {
  const simulator = await startSimulator({
    organizations: [{ ...demoOrganization, api_keys: [{ key: 'planted-key', role: 'ORG_ADMIN' }] }],
  })
  onTestFinished(() => simulator.close())
  const folder = mkdtempSync(join(tmpdir(), 'webhooks-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), `${text}\n`)
    return join(folder, name)
  }
  const env = {
    PARTOO_BASE_URL: simulator.apiBase,
    PARTOO_API_KEY_FILE: file('key', 'planted-key'),
    WEBHOOK_SECRET_FILE: file('secret', 'planted-secret'),
  }
  const configured = () => simulator.state.snapshot().organizations[0]?.webhooks.map((each) => each.url)
  return { env, configured }
}

test('--help names every variable and every exit code; wrong usage is 64, a wrong configuration 78', async () => {
  const [help, nothing, option, configuration] = await Promise.all([
    run('--help'),
    run(''),
    run('list --ulr x'),
    run('list', { PARTOO_API_KEY_FILE: '/no/such/file', PARTOO_ENVIRONMENT: 'moon' }),
  ])
  expect(help).toMatchObject({ code: 0, err: '' })
  for (const name of Object.keys(variables)) expect(help.out).toContain(`\n  ${name}`)
  for (const word of ['0 done', '1 failed', '64 wrong', '78 wrong', 'PARTOO_API_KEY_FILE', '--metrics-url']) {
    expect(help.out).toContain(word)
  }
  expect(nothing).toMatchObject({ code: 64, out: '', err: expect.stringContaining('--help') })
  expect(option).toMatchObject({ code: 64, out: '', err: expect.stringContaining('--ulr') })
  expect(configuration).toMatchObject({ code: 78, out: '', err: expect.stringContaining('(ENOENT)') })
  expect(configuration.err).toContain('PARTOO_ENVIRONMENT must be one of production, sandbox')
})

test(
  'list, dry run, subscribe twice, unsubscribe',
  async () => {
    const { env, configured } = await partoo()
    expect(await run('list', env)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('No webhook') })
    expect(await run(`subscribe --url ${url} --dry-run`, env)).toMatchObject({ code: 0, err: '' })
    expect(configured()).toEqual([])
    expect(await run(`subscribe --url ${url}`, env)).toMatchObject({ code: 0, err: '' })
    expect(configured()).toEqual([`${url}/planted-secret`, `${url}/planted-secret`])
    const again = await run(`subscribe --url ${url}`, env)
    expect(again).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Nothing to do.') })
    const other = await run(`subscribe --url ${url}/other`, env)
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('--yes') })
    expect(await run(`unsubscribe --url ${url} --dry-run`, env)).toMatchObject({ code: 0 })
    expect(configured()).toHaveLength(2)
    expect(await run(`unsubscribe --url ${url}`, env)).toMatchObject({ code: 0, err: '' })
    expect(configured()).toEqual([])
  },
  manyDeadlineMs,
)
