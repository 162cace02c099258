// Real: the process under plain node, as it is deployed. Doubled: nothing. Failure: a stack trace for a configuration that
// is wrong, a problem that is not listed, another exit code, a secret in the output.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepOutput } from '../../../test/support/kept-output.ts'
import { variables } from './config.ts'

async function run(args: string[], env: NodeJS.ProcessEnv) {
  const main = join(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, [main, ...args], { env: { PATH: process.env.PATH, ...env } })
  keepOutput(child, 'webhook-gateway')
  const out: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      out[name] += text
    })
  }
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, ...out }
}

test('a wrong configuration: exit code 78, every problem in a line of its own, no stack trace', async () => {
  const { code, stderr } = await run([], {
    WEBHOOK_PORT: 'high',
    PARTOO_ENVIRONMENT: 'staging',
    PARTOO_WEBHOOK_PUBLIC_KEYS: 'planted stuff',
  })
  expect(code).toBe(78)
  for (const name of ['KAFKA_BROKERS', 'WEBHOOK_PORT', 'PARTOO_ENVIRONMENT', 'PARTOO_WEBHOOK_PUBLIC_KEYS']) {
    expect(stderr).toContain(`\nwebhook-gateway: ${name} `.slice(stderr.startsWith(`webhook-gateway: ${name}`) ? 1 : 0))
  }
  expect(stderr).toContain('the configuration is wrong (4)')
  expect(stderr).not.toMatch(/\n {4}at |Error/)
  expect(stderr).not.toContain('planted stuff')
})

test('--help names every variable', async () => {
  const { code, stdout } = await run(['--help'], {})
  expect(code).toBe(0)
  for (const name of Object.keys(variables)) expect(stdout).toContain(`  ${name}`)
  expect(stdout).toContain('WEBHOOK_SECRET_FILE')
})

test('--config shows what would be used, without secrets, and what is wrong', async () => {
  const env = { KAFKA_BROKERS: 'kafka:9092', WEBHOOK_SECRET: 'planted-text' }
  const complete = await run(['--config'], env)
  expect(complete.code).toBe(0)
  expect(complete.stdout).toContain('WEBHOOK_PATH=/webhooks/partoo (default)')
  expect(complete.stdout).toContain('WEBHOOK_SECRET=***')
  expect(complete.stdout).not.toContain('planted-text')
  const wrong = await run(['--config'], { ...env, WEBHOOK_PORT: 'high' })
  expect(wrong.code).toBe(78)
  expect(wrong.stdout).toContain('WEBHOOK_PORT must be a port')
})
