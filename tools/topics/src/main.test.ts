// Real: the process under plain node, as `npm run topics` starts it, in a pipe. Doubled: nothing; Kafka's absence is an address where
// nobody listens. Failure: another exit code, a stack trace, a process that does not end, KAFKA_BROKERS used, a password shown.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepOutput } from '../../../test/support/kept-output.ts'
import { roles, variableOf } from './roles.ts'
import { variables } from './settings.ts'

async function run(line: string, env: Record<string, string> = {}) {
  const args = [join(import.meta.dirname, 'main.ts'), ...line.split(' ').filter(Boolean)]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 8_000 })
  keepOutput(child, 'topics')
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  const code = await new Promise((resolve) => child.on('close', (exit, signal) => resolve(exit ?? signal)))
  expect(said.out + said.err).not.toContain('planted')
  expect(said.err).not.toMatch(/\n {4}at /)
  return { code, ...said }
}

test('--help names every command, option, variable and exit code', async () => {
  const help = await run('--help')
  expect(help).toMatchObject({ code: 0, err: '' })
  for (const name of Object.keys(variables)) expect(help.out).toContain(`\n  ${name}`)
  for (const role of roles) expect(help.out).toMatch(new RegExp(`${role} +${variableOf(role)}`))
  const words = [
    'check ',
    'create ',
    'acls ',
    '--alter',
    '--dry-run',
    '--only',
    '--principal-ingestor',
    '0 done',
    '1 failed',
  ]
  for (const word of [...words, '64 wrong', '78 wrong', 'KAFKA_BROKERS is']) expect(help.out).toContain(word)
})

test('wrong usage is 64', async () => {
  const wrong = [
    '',
    'list',
    'check outbound',
    'check --alter',
    'create --partitions 0',
    'check --only all',
    'acls --principal-ingestor me',
  ]
  for (const answer of await Promise.all(wrong.map((line) => run(line)))) {
    expect(answer).toMatchObject({ code: 64, out: '', err: expect.stringContaining('--help') })
  }
})

test('a wrong configuration is 78; KAFKA_BROKERS is not used, and that is said', async () => {
  const [absent, twice] = await Promise.all([
    run('check', { KAFKA_BROKERS: 'production:9092' }),
    run('check --brokers 127.0.0.1:1', {
      DLQ_TOPIC: 'partoo-events',
      KAFKA_SASL_PASSWORD: 'planted-password',
      KAFKA_TLS_CA_FILE: '/no/such/file',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    }),
  ])
  expect(absent).toMatchObject({ code: 78, out: '', err: expect.stringContaining('START_KAFKA_BROKERS is required') })
  expect(absent.err).toContain('KAFKA_BROKERS is set, and not used here')
  expect(twice).toMatchObject({ code: 78, out: '', err: expect.stringContaining('must differ') })
  expect(twice.err).toContain('cannot be read (ENOENT)')
  expect(twice.err).toContain('NODE_TLS_REJECT_UNAUTHORIZED=0')
})

test('a Kafka that is away is told at once, with its address', async () => {
  const env = { START_KAFKA_BROKERS: 'elsewhere:1' }
  for (const command of ['check', 'create', 'acls']) {
    const { code, err } = await run(`${command} --brokers 127.0.0.1:1`, env)
    expect([code, err]).toEqual([1, expect.stringMatching(/^Kafka at 127\.0\.0\.1:1: .*ECONNREFUSED/)])
  }
})
