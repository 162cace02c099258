// Real: the environments that a start builds. Doubled: nothing. Failure: a variable of the caller that gets through, or one
// that the services need and do not get.

import { topicNames } from '@bridge/local-kafka/topics'
import { expect, test } from 'vitest'
import { gatewayEnvironment, ingestorEnvironment, simulatorEnvironment, type World } from './environment.ts'

const ports = { simulator: 8090, webhook: 8080, ingestorAdmin: 9464, gatewayAdmin: 9465 }
const world: World = { brokers: '127.0.0.1:9092', topics: topicNames(), prefix: '', ports, publicKeyPem: 'PEM' }
const caller = {
  PATH: '/bin',
  HOME: '/home/me',
  KAFKA_BROKERS: 'production:9092',
  KAFKA_SASL_PASSWORD: 'secret',
  PARTOO_API_KEY: 'production-key',
  SIMULATOR_CONFIG_FILE: '/elsewhere',
  NODE_OPTIONS: '--inspect',
}

test('the simulator', () => {
  expect(simulatorEnvironment(caller, ports)).toEqual({
    PATH: '/bin',
    HOME: '/home/me',
    SIMULATOR_PORT: '8090',
    SIMULATOR_WEBHOOK_URL: 'http://127.0.0.1:8080/webhooks/partoo',
  })
})

test('the ingestor', () => {
  expect(ingestorEnvironment(caller, world)).toEqual({
    PATH: '/bin',
    HOME: '/home/me',
    KAFKA_BROKERS: '127.0.0.1:9092',
    PARTOO_BASE_URL: 'http://127.0.0.1:8090/v2',
    PARTOO_API_KEY: 'demo-api-key',
    PARTOO_CHANNEL_ID: 'demo-channel',
    PARTOO_ORG_ID: '1',
    PARTOO_BURST: '5',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: '9464',
    STOP_DEADLINE_MS: '5000',
  })
})

test('the gateway', () => {
  expect(gatewayEnvironment(caller, world)).toEqual({
    PATH: '/bin',
    HOME: '/home/me',
    KAFKA_BROKERS: '127.0.0.1:9092',
    WEBHOOK_PORT: '8080',
    WEBHOOK_HOST: '127.0.0.1',
    PARTOO_ORG_ID: '1',
    PARTOO_WEBHOOK_PUBLIC_KEYS: 'PEM',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: '9465',
    STOP_DEADLINE_MS: '5000',
  })
})

test('names of its own beside another start', () => {
  const beside = { ...world, prefix: 'start-7-', topics: topicNames('start-7-') }
  expect(ingestorEnvironment(caller, beside)).toMatchObject({
    INGESTOR_GROUP_ID: 'start-7-partoo-ingestor',
    OUTBOUND_TOPIC: 'start-7-outbound-messages',
    DLQ_TOPIC: 'start-7-outbound-messages.dlq',
  })
  expect(gatewayEnvironment(caller, beside)).toMatchObject({ REPLIES_TOPIC: 'start-7-partoo-replies' })
})
