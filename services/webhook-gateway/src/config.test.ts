// Real: the reading of variables. Doubled: the environment. Failure: a wrong value that is taken, or a right one refused.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configText } from '@bridge/runtime/config'
import { expect, onTestFinished, test } from 'vitest'
import { signingKey } from '../../../test/support/webhooks.ts'
import { type GatewayConfig, readConfig, variables } from './config.ts'

const complete = { KAFKA_BROKERS: 'kafka:9092' }

function configOf(env: NodeJS.ProcessEnv): GatewayConfig {
  const read = readConfig({ ...complete, ...env })
  if (read.kind === 'wrong') throw new Error(read.problems.join('\n'))
  return read.config
}

function problemsOf(env: NodeJS.ProcessEnv): string[] {
  const read = readConfig({ ...complete, ...env })
  return read.kind === 'wrong' ? read.problems : []
}

test('the defaults', () => {
  expect(configOf({})).toMatchObject({
    webhook: { host: '0.0.0.0', port: 8080, path: '/webhooks/partoo', deadlineMs: 5000, bodyBytesMax: 262_144 },
    proof: { secrets: undefined },
    orgIds: new Set(),
    topics: { replies: 'partoo-replies', receipts: 'partoo-delivery-receipts', events: 'partoo-events' },
    admin: { host: '0.0.0.0', port: 9465 },
    kafka: { brokers: ['kafka:9092'], clientId: 'partoo-webhook-gateway' },
    stopDeadlineMs: 20_000,
    logLevel: 'info',
  })
})

test.each(
  Object.entries(variables).flatMap(([name, { secret }]) =>
    secret ? [`${name}_FILE`] : name.endsWith('_FILE') ? [name] : [],
  ),
)('a secret put into %s, where the name of its file belongs, is not shown', (name) => {
  for (const value of ['planted/abc', '-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----']) {
    const env = { [name]: value }
    const problems = problemsOf(env)
    expect(problems.join('\n')).toContain(`${name.replace(/_FILE$/, '')}`)
    expect(problems.join('\n')).not.toContain('planted')
    expect(configText(variables, env, problems)).not.toContain('planted')
  }
})

test("each environment has its key, and keys of one's own take its place", () => {
  const production = configOf({}).proof.keys
  const sandbox = configOf({ PARTOO_ENVIRONMENT: 'sandbox' }).proof.keys
  expect(production).toHaveLength(1)
  expect(production[0]?.equals(sandbox[0] as never)).toBe(false)
  const own = [signingKey(), signingKey()]
  const { keys } = configOf({
    PARTOO_WEBHOOK_PUBLIC_KEYS: own.map(({ pem }) => pem.replaceAll('\n', '\\n')).join(''),
  }).proof
  expect(keys.map((key, index) => key.equals(own[index]?.publicKey as never))).toEqual([true, true])
})

test('the organization, the secret, the secret from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'secret'), 'from-a-file\n')
  expect(configOf({ PARTOO_ORG_ID: '42' }).orgIds).toEqual(new Set(['42']))
  expect(configOf({ WEBHOOK_SECRET: 's3cret' }).proof.secrets?.()).toEqual(['s3cret'])
  expect(configOf({ WEBHOOK_SECRET_FILE: join(folder, 'secret') }).proof.secrets?.()).toEqual(['from-a-file'])
  writeFileSync(join(folder, 'two'), 'new-one\nold-one\n')
  expect(configOf({ WEBHOOK_SECRET_FILE: join(folder, 'two') }).proof.secrets?.()).toEqual(['new-one', 'old-one'])
})

test('the organizations of the channels file; no key is needed for it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'channels.yaml')
  const listed = (org: number) => `{ org_id: ${org}, api_key_file: none, channels: [{ channel_id: c${org} }] }`
  writeFileSync(file, `organizations: [${listed(42)}, ${listed(43)}]`)
  expect(configOf({ PARTOO_CHANNELS_FILE: file }).orgIds).toEqual(new Set(['42', '43']))
  expect(problemsOf({ PARTOO_CHANNELS_FILE: file, PARTOO_ORG_ID: '42' })).toEqual([
    'PARTOO_ORG_ID and PARTOO_CHANNELS_FILE are both set: set one of them',
  ])
  writeFileSync(file, `organizations: [${listed(42)}, ${listed(42)}]`)
  expect(problemsOf({ PARTOO_CHANNELS_FILE: file })).toContain(
    'PARTOO_CHANNELS_FILE: organizations[1].org_id is the same as organizations[0].org_id',
  )
})

test.each([
  ['WEBHOOK_PORT', '80800', /^WEBHOOK_PORT must be a port/],
  ['WEBHOOK_PORT', '9465', /^ADMIN_PORT is the same as WEBHOOK_PORT/],
  ['WEBHOOK_PATH', 'webhooks', /^WEBHOOK_PATH must begin with \//],
  ['WEBHOOK_PATH', '/a?b', /^WEBHOOK_PATH must be a plain path/],
  ['WEBHOOK_SECRET', 'two words', /^WEBHOOK_SECRET must be visible ASCII/],
  ['WEBHOOK_DEADLINE_MS', '5s', /^WEBHOOK_DEADLINE_MS must be a whole number from 100 to 60000/],
  ['WEBHOOK_DEADLINE_MS', '99', /^WEBHOOK_DEADLINE_MS must be a whole number/],
  ['WEBHOOK_BODY_MAX_BYTES', '0', /^WEBHOOK_BODY_MAX_BYTES must be a whole number/],
  ['PARTOO_ENVIRONMENT', 'staging', /^PARTOO_ENVIRONMENT must be one of production, sandbox/],
  ['PARTOO_WEBHOOK_PUBLIC_KEYS', 'MCowBQYDK2VwAyEA', /^PARTOO_WEBHOOK_PUBLIC_KEYS must be PEM blocks/],
  ['PARTOO_ORG_ID', '4 2', /^PARTOO_ORG_ID must be an organization's id/],
  ['REPLIES_TOPIC', 'a/b', /^REPLIES_TOPIC must be a topic name/],
  ['LOG_LEVEL', 'loud', /^LOG_LEVEL must be one of/],
  ['KAFKA_SASL_MECHANISM', 'plain', /^KAFKA_SASL_USERNAME is required/],
])('%s=%s is a problem', (name, value, problem) => {
  const problems = problemsOf({ [name]: value })
  expect(problems).toContainEqual(expect.stringMatching(problem))
  expect(problems.join('')).not.toContain('\n')
})

test('a secret that is wrong is not in the problem', () => {
  expect(problemsOf({ WEBHOOK_SECRET: 'not visible: \u00e9' }).join('')).not.toContain('not visible')
})
