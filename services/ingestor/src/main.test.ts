// Real: the ingestor as a process under plain node (vitest strips more than node does). Doubled: nothing; no Kafka is needed.
// Failure: a start on a wrong configuration, a problem not told, a stack trace, a secret in the output.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keepText } from '../../../test/support/kept-output.ts'

function run(env: Record<string, string>, ...args: string[]) {
  const path = join(import.meta.dirname, 'main.ts')
  const ran = spawnSync(process.execPath, [path, ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 9000,
  })
  keepText('ingestor', ran.stdout + ran.stderr)
  return ran
}

test('every problem at once, one line each, exit 78', () => {
  const { status, stderr, stdout } = run({
    KAFKA_BROKERS: 'nowhere',
    PARTOO_API_KEY: 'planted key',
    PARTOO_RATE_LIMIT_PER_MINUTE: 'many',
    PARTOO_BASE_URL: 'http://user:planted@partoo.test/v2',
    KAFKA_SASL_MECHANISM: 'plain',
    DLQ_TOPIC: 'outbound-messages',
  })
  expect(status).toBe(78)
  expect(stdout).toBe('')
  expect(stderr.trimEnd().split('\n')).toEqual([
    'ingestor: KAFKA_BROKERS must be host:port, comma-separated',
    'ingestor: PARTOO_BASE_URL must be a plain URL, without user, password, query or fragment',
    'ingestor: PARTOO_API_KEY must be printable ASCII without spaces',
    'ingestor: PARTOO_RATE_LIMIT_PER_MINUTE must be a whole number from 0 to 10000000',
    'ingestor: KAFKA_SASL_USERNAME is required with KAFKA_SASL_MECHANISM',
    'ingestor: KAFKA_SASL_PASSWORD is required with KAFKA_SASL_MECHANISM',
    'ingestor: OUTBOUND_TOPIC, OUTBOUND_BULK_TOPIC, DLQ_TOPIC and RECEIPTS_TOPIC must differ',
    'ingestor: PARTOO_CHANNEL_ID is required: the custom channel that messages without channel_id go to, or set PARTOO_CHANNELS_FILE',
    'ingestor: the configuration is wrong (8); see --help',
  ])
})

test('--help and --config', { timeout: 40_000 }, () => {
  expect(run({}, '--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('PARTOO_API_KEY, PARTOO_API_KEY_FILE'),
  })
  const shown = run({ KAFKA_BROKERS: 'a:1', PARTOO_API_KEY: 'planted', PARTOO_CHANNEL_ID: 'c' }, '--config')
  expect(shown.status).toBe(0)
  expect(shown.stdout).toContain('PARTOO_API_KEY=***\n')
  expect(shown.stdout).not.toContain('planted')
  expect(shown.stdout).toContain('In force: assignment single, API at https://api.partoo.co/v2\n')
  expect(run({}, '--config').status).toBe(78)
  expect(run({}, '--frobnicate')).toMatchObject({
    status: 64,
    stderr: 'ingestor: unknown argument --frobnicate; see --help\n',
  })
})

test('--help tells the format of the channels file, --config shows it without keys', () => {
  expect(run({}, '--help').stdout).toContain('The channels file is YAML or JSON')
  const sample = join(import.meta.dirname, '../../../docs/channels.example.yaml')
  const fromFile = run({ KAFKA_BROKERS: 'a:1', PARTOO_CHANNELS_FILE: sample }, '--config')
  expect(fromFile.stdout).toContain(
    'organization 43: key ***, limit 300 a minute (PARTOO_RATE_LIMIT_PER_MINUTE), channels bookings\n',
  )
  expect(fromFile.stdout).not.toContain('the-key-of-organization-43')
})
