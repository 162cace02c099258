// Real: the compose files as text, and what it repeats of the code. Doubled: nothing; Docker is not needed.
// Failure: a key, id, topic or version in the compose file that is not the code's any more.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { variables as ingestor } from '@bridge/ingestor/config'
import { kafkaVersion } from '@bridge/local-kafka/kafka-jars'
import { defaultOptions, demoOrganization } from '@bridge/partoo-simulator/options'
import { createSigner } from '@bridge/partoo-simulator/signing'
import { variables as gateway } from '@bridge/webhook-gateway/config'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..')
const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8')

test('the simulator’s webhook key', () => {
  const [, base64 = ''] = createSigner(defaultOptions.signingSeed).publicKeyPem.split('\n')
  expect(base64.length).toBeGreaterThan(40)
  expect(compose).toContain(base64)
})

test('the demo organization', () => {
  const { org_id, api_keys, channels } = demoOrganization
  expect(compose).toContain(`PARTOO_API_KEY: ${api_keys[0]?.key}\n`)
  expect(compose).toContain(`PARTOO_CHANNEL_ID: ${channels[0]?.channel_id}\n`)
  expect(compose.match(/PARTOO_ORG_ID: (\d+)\n/g)).toEqual(Array(2).fill(`PARTOO_ORG_ID: ${org_id}\n`))
})

test('what monitoring reads is there, and scrapes the ports of the services', () => {
  const { services } = parse(compose) as { services: Record<string, { volumes?: string[]; profiles?: string[] }> }
  for (const name of ['prometheus', 'grafana']) {
    expect(services[name]?.profiles).toEqual(['monitoring'])
    for (const volume of services[name]?.volumes ?? [])
      expect(existsSync(join(root, volume.split(':')[0] ?? ''))).toBe(true)
  }
  const prometheus = readFileSync(join(root, 'deploy/prometheus/prometheus.yml'), 'utf8')
  for (const target of ['ingestor:9464', 'webhook-gateway:9465']) {
    expect(prometheus).toContain(`targets: ["${target}"]`)
    expect(compose).toContain(`:${target.split(':')[1]}"`)
  }
})

test('for the real Partoo: every variable is one that the service has, secrets come from files that are not committed', () => {
  const folder = join(root, 'deploy/compose')
  const real = parse(readFileSync(join(folder, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Record<string, { command: string[]; env_file: string; environment: Record<string, string> }>
    secrets: Record<string, { file: string }>
  }
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n')
  for (const { file } of Object.values(real.secrets)) expect(ignored).toContain(join('deploy/compose', file))
  expect(ignored).toContain('deploy/compose/*.env')
  const known: Record<string, Record<string, unknown>> = { ingestor, 'webhook-gateway': gateway }
  for (const [name, { command, env_file, environment }] of Object.entries(real.services)) {
    expect(existsSync(join(root, command[0] ?? ''))).toBe(true)
    const example = readFileSync(join(folder, `${env_file}.example`), 'utf8')
    for (const variable of [...Object.keys(environment), ...(example.match(/^[A-Z_]+(?==)/gm) ?? [])]) {
      const isKnown = variable in (known[name] ?? {}) || variable.replace(/_FILE$/, '') in (known[name] ?? {})
      expect([name, variable, isKnown]).toEqual([name, variable, true])
    }
    for (const value of Object.values(environment).filter((text) => text.startsWith('/run/secrets/')))
      expect(real.secrets).toHaveProperty(value.replace('/run/secrets/', ''))
  }
})

test('the version of Kafka', () => {
  expect(compose.match(/apache\/kafka:(\S+)/g)).toEqual([`apache/kafka:${kafkaVersion}`])
})
