// Real: docker-compose.yml as text, and what it repeats of the code. Doubled: nothing; Docker is not needed.
// Failure: a key, id, topic or version in the compose file that is not the code's any more.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { kafkaVersion } from '@bridge/local-kafka/kafka-jars'
import { defaultOptions, demoOrganization } from '@bridge/partoo-simulator/options'
import { createSigner } from '@bridge/partoo-simulator/signing'
import { topics } from '@bridge/schemas/topics'
import { expect, test } from 'vitest'

const compose = readFileSync(join(import.meta.dirname, '../docker-compose.yml'), 'utf8')

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

test('every topic, once, with the partitions that npm start gives it', () => {
  const created = [...compose.matchAll(/^ +create (\S+) --partitions (\d)/gm)].map(([, name, partitions]) => [
    name,
    Number(partitions),
  ])
  const wanted = Object.entries(topics).map(([role, { defaultName }]) => [defaultName, role === 'outbound' ? 6 : 3])
  expect(created).toEqual(wanted)
})

test('the version of Kafka', () => {
  expect(compose.match(/apache\/kafka:(\S+)/g)).toEqual(Array(2).fill(`apache/kafka:${kafkaVersion}`))
})
