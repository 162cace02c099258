// Real: a Kafka with every kind of security, certificates of openssl, a token endpoint, both services as processes of their own.
// Doubled: Partoo, by the simulator. Failure: a way in that does not work, or works with what is wrong, has expired or is missing; a
// trouble that is not named in one line, ends the service, or holds it up once it is over; a secret in any output; a secret that was
// changed in its file and is not taken.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@bridge/local-kafka/ports'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Authority } from '../support/certificates.ts'
import { Gateways, webhookBody } from '../support/gateway.ts'
import { json, TestKafka } from '../support/kafka.ts'
import { type Listener, password, SecuredKafka, user } from '../support/secured-kafka.ts'
import { ServiceProcess } from '../support/service.ts'
import { TokenEndpoint } from '../support/token-endpoint.ts'
import { type TestTopics, testTopics } from '../support/topics.ts'
import { until } from '../support/wait.ts'

type Variables = Record<string, string>

const impossible = await SecuredKafka.impossible()
let secured: SecuredKafka
let kafka: TestKafka
let simulator: Simulator
let tokens: TokenEndpoint
/** Of an issuer that the broker does not believe. */
let otherTokens: TokenEndpoint

describe.skipIf(impossible !== undefined)(
  `Kafka's security${impossible === undefined ? '' : `: ${impossible}`}`,
  () => {
    beforeAll(async () => {
      secured = await SecuredKafka.start()
      kafka = new TestKafka(secured.at('open'))
      simulator = await startSimulator({
        organizations: [
          {
            org_id: 42,
            name: 'Test',
            rate_limit_per_minute: 0,
            rate_limit_kind: 'sliding-window',
            api_keys: [{ key: 'planted-api-key', role: 'ORG_ADMIN' }],
            channels: [{ channel_id: 'chat', name: 'Chat' }],
            webhooks: [],
          },
        ],
      })
      tokens = await TokenEndpoint.start(user, 'planted-client-secret', 3_600, secured.signer)
      otherTokens = await TokenEndpoint.start(user, 'planted-client-secret', 3_600)
    }, 180_000)

    afterAll(async () => {
      await tokens?.close()
      await otherTokens?.close()
      await simulator?.close()
      await secured?.stop()
    }, 60_000)

    const ways: [name: string, listener: Listener, env: () => Variables][] = [
      ['TLS', 'tls', tls],
      ['mutual TLS', 'mutualTls', mutualTls],
      ['PLAIN', 'login', () => login('plain')],
      ['SCRAM-SHA-256', 'login', () => login('scram-sha-256')],
      ['SCRAM-SHA-512', 'login', () => login('scram-sha-512')],
      ['TLS and SCRAM-SHA-512', 'tlsLogin', () => ({ ...tls(), ...login('scram-sha-512') })],
      ['OAUTHBEARER', 'oauth', oauth],
    ]
    test.each(ways)(
      '%s: a message travels',
      async (_, listener, env) => {
        const { ingestor, topics } = await start(listener, env())
        await ingestor.ready()
        await travels(topics)
        expect(await ingestor.end()).toBe(0)
        expect(ingestor.output).not.toContain('planted')
      },
      60_000,
    )

    const wrongs: [name: string, listener: Listener, env: () => Variables, words: string][] = [
      ['a wrong password, PLAIN', 'login', () => wrong(login('plain')), 'KAFKA_SASL_PASSWORD is wrong'],
      ['a wrong password, SCRAM', 'login', () => wrong(login('scram-sha-256')), 'KAFKA_SASL_PASSWORD is wrong'],
      ['an unknown authority', 'tls', () => ({ KAFKA_TLS: 'true' }), 'KAFKA_TLS_CA_FILE'],
      ['an expired certificate', 'expired', tls, 'has expired'],
      ['no certificate of ours', 'mutualTls', tls, 'KAFKA_TLS_CERT_FILE'],
      ['no TLS where it is wanted', 'tls', () => ({}), 'does this port want TLS or a login?'],
      ['TLS where there is none', 'open', tls, 'this port does not speak TLS'],
      ['another mechanism', 'oauth', () => login('plain'), 'this port does not offer KAFKA_SASL_MECHANISM'],
      [
        'a token that the broker does not believe',
        'oauth',
        () => ({ ...oauth(), KAFKA_SASL_OAUTH_TOKEN_URL: otherTokens.url }),
        'the broker does not believe the token',
      ],
      ['a wrong client secret', 'oauth', () => wrong(oauth()), 'invalid_client: is the client secret right?'],
    ]
    test.each(wrongs)(
      '%s: named in one line, not ready, tried again',
      async (_, listener, env, words) => {
        const { ingestor } = await start(listener, env())
        await untilNotReady(ingestor, words)
        const tries = () => ingestor.log.filter(({ msg }) => msg === 'not reading')
        await until('a second try', () => tries().length > 1)
        expect(tries()[0]?.because).toContain(words)
        expect(ingestor.running).toBe(true)
        expect(ingestor.output).not.toContain('planted')
      },
      60_000,
    )

    test('a password that is put right in its file is taken without a restart', async () => {
      const file = join(secured.folder, 'password')
      writeFileSync(file, 'planted-wrong')
      const { KAFKA_SASL_PASSWORD: _, ...rest } = login('scram-sha-512')
      const { ingestor, topics } = await start('login', { ...rest, KAFKA_SASL_PASSWORD_FILE: file })
      await untilNotReady(ingestor, 'KAFKA_SASL_PASSWORD is wrong')
      writeFileSync(file, `${password}\n`)
      await ingestor.ready()
      await travels(topics)
    }, 60_000)

    test('OAUTHBEARER: messages go on beyond the life of a token, with tokens that are got anew', async () => {
      const lifetimeS = 16
      const short = await TokenEndpoint.start(user, 'planted-client-secret', lifetimeS, secured.signer)
      onTestFinished(() => short.close())
      const { ingestor, topics } = await start('oauth', { ...oauth(), KAFKA_SASL_OAUTH_TOKEN_URL: short.url })
      await ingestor.ready()
      await travels(topics)
      // The broker closes a connection that outlives its token: only new tokens get the next messages through.
      const startMs = performance.now()
      await until('the life of a token over', () => performance.now() - startMs > (lifetimeS + 4) * 1_000)
      await travels(topics, ' later')
      expect(short.asked.length).toBeGreaterThanOrEqual(2)
      expect(new Set(short.asked.map(({ status }) => status))).toEqual(new Set([200]))
      expect(ingestor.running).toBe(true)
      expect(ingestor.log.filter(({ msg }) => msg === 'not reading')).toEqual([])
      expect(ingestor.output).not.toContain('planted')
    }, 90_000)

    test('the webhook gateway, by TLS and SCRAM: a wrong password is named, webhooks are 503 until it is right in its file', async () => {
      const gateways = await Gateways.start(secured.at('open'))
      onTestFinished(() => gateways.close())
      const file = join(secured.folder, 'gateway-password')
      writeFileSync(file, 'planted-wrong')
      const { KAFKA_SASL_PASSWORD: _, ...rest } = login('scram-sha-512')
      const env = { ...tls(), ...rest, KAFKA_SASL_PASSWORD_FILE: file }
      const { service, port } = await gateways.add({ KAFKA_BROKERS: secured.at('tlsLogin'), ...env })
      const body = webhookBody()
      expect((await gateways.post(port, body)).status).toBe(503)
      const told = () => service.output.split('\n').filter((line) => line.includes('KAFKA_SASL_PASSWORD is wrong'))
      await until('the wrong password told', () => told().length > 0)
      writeFileSync(file, `${password}\n`)
      await until('200', async () => (await gateways.post(port, body)).status === 200)
      const { replies } = await gateways.everything()
      expect(replies.map((reply) => json(reply).event)).toContain(body)
      expect(await service.end()).toBe(0)
      expect(service.output).not.toContain('planted')
    }, 60_000)

    test('a certificate that is put right in its file is taken without a restart', async () => {
      const { cert, key } = new Authority(secured.folder, 'stranger').sign('stranger-client')
      const { ingestor, topics } = await start('mutualTls', tls({ KAFKA_TLS_CERT_FILE: cert, KAFKA_TLS_KEY_FILE: key }))
      await untilNotReady(ingestor, 'KAFKA_TLS_CERT_FILE')
      const right = secured.authority.sign('client-renewed')
      writeFileSync(key, readFileSync(right.key))
      writeFileSync(cert, readFileSync(right.cert))
      await ingestor.ready()
      await travels(topics)
    }, 60_000)
  },
)

async function untilNotReady(ingestor: ServiceProcess, words: string): Promise<void> {
  await until(`not ready: ${words}`, async () => {
    const { status, text } = await ingestor.readiness().catch(() => ({ status: 0, text: '' }))
    return status === 503 && text.includes(words)
  })
}

/** A message goes to Partoo, and its receipts come back. */
async function travels({ names, group }: TestTopics, more = ''): Promise<void> {
  const id = `${names.outbound}${more}`
  const value = JSON.stringify({
    business_id: '42',
    external_conversation_id: id,
    external_message_id: id,
    content: 'planted text',
    sender_type: 'Consumer',
  })
  await kafka.produce(names.outbound, [{ key: id, value }])
  await until('its receipt', async () => {
    const receipts = await kafka.readAll(names.receipts, group('receipts'))
    return receipts.map(json).some((it) => it.status === 'accepted' && it.external_message_id === id)
  })
  const calls = simulator.state.calls({ effect: 'accepted' })
  expect(calls.filter((call) => call.external_message_id === id).length).toBe(1)
}

function wrong(env: Variables): Variables {
  return { ...env, KAFKA_SASL_PASSWORD: 'planted-wrong' }
}

function mutualTls(): Variables {
  const { cert, key } = secured.authority.sign('client')
  return tls({ KAFKA_TLS_CERT_FILE: cert, KAFKA_TLS_KEY_FILE: key })
}

function tls(more: Variables = {}): Variables {
  return { KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: secured.authority.file, ...more }
}

function login(mechanism: string): Variables {
  return { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: password }
}

function oauth(): Variables {
  return {
    KAFKA_SASL_MECHANISM: 'oauthbearer',
    KAFKA_SASL_USERNAME: user,
    KAFKA_SASL_PASSWORD: 'planted-client-secret',
    KAFKA_SASL_OAUTH_TOKEN_URL: tokens.url,
    KAFKA_SASL_OAUTH_SCOPE: 'kafka',
  }
}

/** An ingestor that comes in by a listener, with topics of its own. */
async function start(listener: Listener, env: Variables): Promise<{ ingestor: ServiceProcess; topics: TestTopics }> {
  const topics = await testTopics(secured.at('open'))
  const ingestor = new ServiceProcess(
    'ingestor',
    {
      KAFKA_BROKERS: secured.at(listener),
      OUTBOUND_TOPIC: topics.names.outbound,
      DLQ_TOPIC: topics.names.dlq,
      RECEIPTS_TOPIC: topics.names.receipts,
      INGESTOR_GROUP_ID: topics.group('ingestor'),
      PARTOO_BASE_URL: simulator.apiBase,
      PARTOO_API_KEY: 'planted-api-key',
      PARTOO_CHANNEL_ID: 'chat',
      ...env,
    },
    await freePort(),
  )
  onTestFinished(async () => {
    await ingestor.end()
    await topics.remove()
  })
  return { ingestor, topics }
}
