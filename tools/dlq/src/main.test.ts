// Real: the process under plain node, as `npm run dlq` starts it, in a pipe. Doubled: nothing; Kafka's absence is an address where nobody
// listens. Failure: another exit code, a stack trace, a process that does not end, KAFKA_BROKERS used.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepOutput } from '../../../test/support/kept-output.ts'
import { variables } from './settings.ts'

async function run(line: string, env: Record<string, string> = {}) {
  const args = [join(import.meta.dirname, 'main.ts'), ...line.split(' ').filter(Boolean)]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
  keepOutput(child, 'dlq')
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  const code = await new Promise((resolve) => child.on('close', (exit, signal) => resolve(exit ?? signal)))
  expect(said.out + said.err).not.toContain('planted')
  expect(said.err).not.toMatch(/\n {4}at /)
  return { code, ...said }
}

test('--help names every variable, option and exit code; wrong usage is 64', async () => {
  const [help, wrong] = await Promise.all([run('--help'), run('redrive')])
  expect(help).toMatchObject({ code: 0, err: '' })
  for (const name of Object.keys(variables)) expect(help.out).toContain(`\n  ${name}`)
  const options = [
    '--reason',
    '--channel',
    '--conversation',
    '--letter',
    '--since',
    '--until',
    '--brokers',
    '--redriven',
  ]
  const more = ['--json', '--limit', '--value', '--all', '--again', '--dry-run']
  for (const option of [...options, ...more]) expect(help.out).toContain(`\n  ${option} `)
  for (const code of ['0 done', '1 failed', '64 wrong', '78 wrong', '130 ended']) expect(help.out).toContain(code)
  expect(wrong).toMatchObject({ code: 64, out: '', err: expect.stringContaining('npm run dlq -- --help') })
})

test('a wrong configuration is 78, and KAFKA_BROKERS is not used; a Kafka that is away is told at once, with its address', async () => {
  const [absent, unreachable] = await Promise.all([
    run('list', { KAFKA_BROKERS: 'production:9092', DLQ_TOPIC: 'outbound-messages' }),
    run('redrive --all --brokers 127.0.0.1:1', {
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'planted',
    }),
  ])
  expect(absent).toMatchObject({ code: 78, out: '', err: expect.stringContaining('START_KAFKA_BROKERS') })
  expect(absent.err).toContain('KAFKA_BROKERS is set, and not used here')
  expect(absent.err).toContain('OUTBOUND_TOPIC')
  expect(unreachable).toMatchObject({ code: 1, err: expect.stringMatching(/^Kafka at 127\.0\.0\.1:1: .*ECONNREFUSED/) })
})
