// Real: Kafka, the topics tool in this process; a second Kafka with logins and an authorizer, on this machine's Java where it is
// there, and both services as processes of their own, each with its own login. Doubled: Partoo, by the simulator.
// Failure: a topic that is changed though nobody asked, or otherwise than told; a setting that is lost; permissions, as the tool
// prints them, that do not suffice or are more than is needed; a service that does not say which topic it may not use.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findJava } from '@bridge/local-kafka/java'
import { formatBroker, runBroker } from '@bridge/local-kafka/java-broker'
import { singleNodeSettings } from '@bridge/local-kafka/java-kafka'
import { ensureJars } from '@bridge/local-kafka/kafka-jars'
import { localFolder } from '@bridge/local-kafka/maven'
import { freeLastingPort, freePort } from '@bridge/local-kafka/ports'
import { removeWithPrefix } from '@bridge/local-kafka/topics'
import { startSimulator } from '@bridge/partoo-simulator/simulator'
import { runTopics } from '@bridge/topics/run'
import kafkajs, { type Admin } from 'kafkajs'
import { expect, inject, onTestFinished, test } from 'vitest'
import { dlqTool } from '../support/dlq-tool.ts'
import { TestKafka } from '../support/kafka.ts'
import { ServiceProcess } from '../support/service.ts'
import { until } from '../support/wait.ts'
import { messageEvent, signingKey } from '../support/webhooks.ts'

const brokers = inject('kafkaBrokers')
const roleOf = {
  OUTBOUND_TOPIC: 'outbound',
  OUTBOUND_BULK_TOPIC: 'bulk',
  DLQ_TOPIC: 'dlq',
  RECEIPTS_TOPIC: 'receipts',
  REPLIES_TOPIC: 'replies',
  EVENTS_TOPIC: 'events',
}

/** The tool, with names that begin with a prefix. */
function tool(prefix: string, to: string, more: Record<string, string> = {}) {
  const names = Object.fromEntries(Object.entries(roleOf).map(([variable, role]) => [variable, `${prefix}${role}`]))
  return async (line: string) => {
    const said = { out: '', err: '' }
    const output = {
      line(text = '') {
        said.out += `${text}\n`
      },
      error(text: string) {
        said.err += `${text}\n`
      },
      paint: (_: string, text: string) => text,
    }
    const env = { START_KAFKA_BROKERS: to, KAFKA_BROKERS: '127.0.0.1:1', ...names, ...more }
    return { code: await runTopics({ args: line.split(' '), env, output }), ...said }
  }
}

async function asAdmin<T>(work: (admin: Admin) => Promise<T>, config: Partial<kafkajs.KafkaConfig> = {}): Promise<T> {
  const kafka = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING, ...config })
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

function settingsOf(topic: string): Promise<Record<string, string>> {
  return asAdmin(async (admin) => {
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }]
    const described = await admin.describeConfigs({ resources, includeSynonyms: false })
    const rows = described.resources[0]?.configEntries ?? []
    return Object.fromEntries(rows.map(({ configName, configValue }) => [configName, configValue]))
  })
}

function freshPrefix(): string {
  const prefix = `test-${process.pid}-${Math.random().toString(36).slice(2, 8)}-`
  onTestFinished(() => removeWithPrefix(brokers, prefix))
  return prefix
}

test('what is missing is told, tried, created; then all is right, and nothing is left to do', async () => {
  const prefix = freshPrefix()
  const run = tool(prefix, brokers)
  const before = await run('check')
  expect(before.code).toBe(1)
  expect(before.out.match(/✗ does not exist/g)).toHaveLength(6)
  const dry = await run('create --dry-run')
  expect(dry).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Dry run: nothing was changed.') })
  expect(dry.out).toContain(
    '+ create: 3 partitions, replication factor 1, cleanup.policy=delete, retention.ms=2592000000, max.message.bytes=2097152',
  )
  expect(await asAdmin((admin) => admin.listTopics())).not.toContain(`${prefix}outbound`)
  const tooMany = await run('create --dry-run --replication-factor 90')
  expect(tooMany).toMatchObject({ code: 1, out: expect.stringMatching(/would not be created: .*replication/i) })
  expect(await run('create')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/Done\.\n$/) })
  expect(await run('create')).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Nothing to do.') })
  expect(await run('check')).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringContaining('All is as it should be.'),
  })
  expect(await settingsOf(`${prefix}replies`)).toMatchObject({
    'max.message.bytes': '1048588',
    'cleanup.policy': 'delete',
  })
})

test('what exists is changed with --alter alone, and keeps its other settings', async () => {
  const prefix = freshPrefix()
  const run = tool(prefix, brokers)
  const kafka = new TestKafka(brokers)
  await kafka.createTopic(`${prefix}outbound`, {
    'cleanup.policy': 'compact',
    'retention.ms': '3600000',
    'segment.ms': '7200000',
  })
  await kafka.createTopic(`${prefix}events`, { 'max.message.bytes': '1000', 'retention.ms': '-1' })
  await kafka.createTopic(`${prefix}dlq`, { 'min.insync.replicas': '2' })
  const only = '--only outbound,events,dlq'
  const checked = await run(`check ${only}`)
  expect(checked.code).toBe(1)
  expect(checked.out).toMatch(/✗ cleanup.policy +compact, must be delete: /)
  expect(checked.out).toMatch(/! retention.ms +3600000, should be at least 604800000 \(7 days\)/)
  expect(checked.out).toMatch(/✗ max.message.bytes +1000, must be at least 851968/)
  expect(checked.out).toMatch(/✗ max.message.bytes +1048588, must be at least 1114124/)
  expect(checked.out).toMatch(/✗ min.insync.replicas +2, must be at most the replication factor, 1/)
  expect(checked.err).toContain(`Not as it must be: ${prefix}outbound, ${prefix}dlq, ${prefix}events.`)

  const left = await run(`create ${only}`)
  expect(left).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to do.') })
  expect(left.out).toContain('✗ cleanup.policy compact')
  expect(await settingsOf(`${prefix}outbound`)).toMatchObject({ 'cleanup.policy': 'compact' })
  expect(await run(`create --alter --dry-run ${only}`)).toMatchObject({ code: 0 })
  expect(await settingsOf(`${prefix}outbound`)).toMatchObject({ 'cleanup.policy': 'compact' })

  const altered = await run(`create --alter ${only}`)
  expect(altered).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/Done\.\n$/) })
  expect(altered.out).toContain('~ set max.message.bytes from 1000 to 851968')
  expect(await settingsOf(`${prefix}outbound`)).toMatchObject({
    'cleanup.policy': 'delete',
    'retention.ms': '604800000',
    'segment.ms': '7200000',
  })
  expect(await settingsOf(`${prefix}events`)).toMatchObject({ 'max.message.bytes': '851968', 'retention.ms': '-1' })
  expect(await run(`check ${only}`)).toMatchObject({ code: 0, err: '' })
})

test('where there is no authorizer, acls prints all it would take and says so', async () => {
  const { code, out } = await tool('x-', brokers)('acls --principal-ingestor User:in')
  expect(code).toBe(0)
  expect(out).toContain(
    `kafka-acls --bootstrap-server ${brokers} --add --allow-principal User:in --operation Read --operation Describe --topic x-outbound\n`,
  )
  expect(out).toMatch(/Which of them are there is not told: .*(authorizer|Security)/i)
})

// ── With logins and an authorizer ────────────────────────────────────────────────────────────────────────────────────

const java = await findJava(process.env)
const users = ['admin', 'ingestor', 'gateway', 'producer', 'consumer', 'operator']
const password = (user: string) => `planted-${user}`

test.skipIf(java.kind === 'missing')(
  'the printed permissions are what the services need, and each says which one it lacks',
  async () => {
    const secured = await startSecured()
    const login = (user: string) => ({
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD: password(user),
    })
    const names = Object.fromEntries(Object.entries(roleOf).map(([variable, role]) => [variable, role]))
    const run = tool('', secured, login('admin'))
    expect(await run('create')).toMatchObject({ code: 0, err: '' })
    const admin = <T>(work: (admin: Admin) => Promise<T>) => asAdmin(work, saslConfig(secured, 'admin'))
    const principals =
      '--principal-ingestor User:ingestor --principal-gateway User:gateway --principal-producers User:producer --principal-consumers User:consumer --principal-operators User:operator'

    const simulator = await startSimulator({
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
    onTestFinished(() => simulator.close())
    const key = signingKey()
    const webhookPort = await freePort()
    const common = { KAFKA_BROKERS: secured, PARTOO_ORG_ID: '42', ...names }
    const ingestor = new ServiceProcess(
      'ingestor',
      {
        ...common,
        ...login('ingestor'),
        PARTOO_BASE_URL: simulator.apiBase,
        PARTOO_API_KEY: 'planted-api-key',
        PARTOO_CHANNEL_ID: 'chat',
      },
      await freePort(),
    )
    onTestFinished(async () => void (await ingestor.end()))
    const readiness = (words: string[]) =>
      until(`the ingestor says ${words.join(' ')}`, async () => {
        const { status, text } = await ingestor.readiness().catch(() => ({ status: 0, text: '' }))
        return status === 503 && words.every((word) => text.includes(word))
      })
    await readiness(['Describe on topic outbound is not allowed', 'npm run topics -- acls'])

    const printed = await run(`acls ${principals}`)
    const lines = printed.out.split('\n').filter((text) => text.startsWith('kafka-acls'))
    expect(printed.out).toContain(`# ${lines.length} of them are missing`)
    const allow = async (pattern: RegExp) => {
      for (const line of lines.filter((text) => pattern.test(text))) {
        await admin((client) => client.createAcls({ acl: aclsOf(line) }))
      }
    }
    await allow(/User:ingestor .*--topic (?!receipts)/)
    await readiness(['Describe on topic receipts is not allowed'])
    await allow(/User:ingestor .*--topic receipts/)
    await readiness(['the coordinator of group partoo-ingestor: is Read on it not allowed?'])
    await allow(/User:ingestor .*--group/)
    await ingestor.ready()
    await allow(/User:(gateway|producer|consumer|operator) /)
    const again = await run(`acls ${principals}`)
    expect(again.out).toContain('# All of that is allowed.')
    expect(again.out).not.toMatch(/^kafka-acls/m)

    // Everything that the services and their neighbours do is allowed by that.
    const gateway = new ServiceProcess(
      'webhook-gateway',
      {
        ...common,
        ...login('gateway'),
        WEBHOOK_HOST: '127.0.0.1',
        WEBHOOK_PORT: String(webhookPort),
        PARTOO_WEBHOOK_PUBLIC_KEYS: key.pem,
      },
      await freePort(),
    )
    onTestFinished(async () => void (await gateway.end()))
    await gateway.ready()
    const value = (id: string, sender_type = 'Consumer') =>
      JSON.stringify({
        business_id: '42',
        external_conversation_id: 'c',
        external_message_id: id,
        content: 'planted text',
        sender_type,
      })
    await as(secured, 'producer', async (kafka) => {
      const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
      await producer.connect()
      await producer.send({ topic: 'outbound', messages: [{ value: value('1') }, { value: 'no message' }] })
      await producer.send({ topic: 'bulk', messages: [{ value: value('2') }] })
      await producer.disconnect()
    })
    const body = JSON.stringify(messageEvent())
    const answer = await fetch(`http://127.0.0.1:${webhookPort}/webhooks/partoo`, {
      method: 'POST',
      body,
      headers: { 'x-partoo-signature-v1': key.sign(body) },
    })
    expect(answer.status).toBe(200)
    await until('both messages created', () => simulator.state.messages().length === 2)
    const counts = { receipts: 0, replies: 0 }
    await as(secured, 'consumer', async (kafka) => {
      const consumer = kafka.consumer({ groupId: 'your-consumers', maxWaitTimeInMs: 100 })
      await consumer.connect()
      await consumer.subscribe({ topics: ['receipts', 'replies'], fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ topic }) => {
          counts[topic as keyof typeof counts] += 1
        },
      })
      await until('three receipts and a reply read', () => counts.receipts === 3 && counts.replies === 1)
      await consumer.disconnect()
    })
    const dead = await admin((client) => client.fetchTopicOffsets('dlq'))
    expect(dead.reduce((sum, { high }) => sum + Number(high), 0)).toBe(1)
    const dlq = dlqTool({ START_KAFKA_BROKERS: secured, ...names, ...login('operator') })
    expect(await dlq('redrive --all')).toMatchObject({ code: 0, err: '' })
    await until('it is put away again', async () => {
      const { out } = await dlq('list')
      return out.includes('came back (redriven 1×)') && out.includes('Not shown, as redriven: 1.')
    })
    expect(gateway.output).not.toContain('is not told: allow DescribeConfigs')
    expect(ingestor.output + gateway.output).not.toContain('planted')

    // What is taken away while it runs is told with its name.
    await admin((client) =>
      client.deleteAcls({
        filters: [
          {
            resourceType: kafkajs.AclResourceTypes.TOPIC,
            resourceName: 'receipts',
            resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
            principal: 'User:ingestor',
            operation: kafkajs.AclOperationTypes.WRITE,
            permissionType: kafkajs.AclPermissionTypes.ALLOW,
          },
        ],
      }),
    )
    const lost = await run(`acls ${principals}`)
    expect(lost.out).toContain('# 1 of them are missing')
    await as(secured, 'producer', async (kafka) => {
      const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
      await producer.connect()
      await producer.send({ topic: 'outbound', messages: [{ value: value('3') }] })
      await producer.disconnect()
    })
    await until('the ingestor says what it may not write', () =>
      ingestor.output.includes('Write on topic receipts is not allowed'),
    )
  },
)

/** Somebody with a login. */
function as(to: string, user: string, work: (kafka: kafkajs.Kafka) => Promise<void>): Promise<void> {
  return work(new kafkajs.Kafka({ ...saslConfig(to, user), brokers: [to], logLevel: kafkajs.logLevel.NOTHING }))
}

function saslConfig(to: string, user: string): Partial<kafkajs.KafkaConfig> {
  return { brokers: [to], sasl: { mechanism: 'plain', username: user, password: password(user) } }
}

/** What `kafka-acls` would make of the line: it is in none of the jars that a broker needs. */
function aclsOf(line: string): kafkajs.AclEntry[] {
  const [, principal = ''] = /--allow-principal (\S+)/.exec(line) ?? []
  const [, resource = '', resourceName = ''] = /--(topic|group) (\S+)/.exec(line) ?? []
  return [...line.matchAll(/--operation (\w+)/g)].map(([, operation = '']) => ({
    resourceType: kafkajs.AclResourceTypes[resource === 'topic' ? 'TOPIC' : 'GROUP'],
    resourceName,
    resourcePatternType: kafkajs.ResourcePatternTypes[line.endsWith(' prefixed') ? 'PREFIXED' : 'LITERAL'],
    principal,
    host: '*',
    operation:
      kafkajs.AclOperationTypes[
        operation.replace(/(?<=.)[A-Z]/g, '_$&').toUpperCase() as 'READ' | 'WRITE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS'
      ],
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  }))
}

/** A broker where everybody logs in, and nobody but the administrator may do anything. @returns host:port */
async function startSecured(): Promise<string> {
  const jars = await ensureJars(process.env, () => {}, undefined)
  if (java.kind === 'missing' || jars.kind === 'missing') throw new Error('skipped')
  const [port, controllerPort] = [await freeLastingPort(), await freeLastingPort()]
  const folder = await mkdtemp(join(tmpdir(), 'secured-kafka-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const logins = users.map((user) => `user_${user}="${password(user)}"`).join(' ')
  const broker = {
    java: java.command,
    jars: jars.folder,
    env: process.env,
    folder,
    settings: {
      ...singleNodeSettings,
      // It alone would take half of the memory.
      'log.cleaner.enable': 'false',
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT',
      'inter.broker.listener.name': 'LOGIN',
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      listeners: `LOGIN://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `LOGIN://127.0.0.1:${port}`,
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'listener.name.login.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="${password('admin')}" ${logins};`,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin;User:ANONYMOUS',
    },
    javaOptions: ['-Xms128m', '-Xmx256m', '-XX:TieredStopAtLevel=1'],
    logFile: join(localFolder, 'logs', 'kafka-secured.log'),
  }
  expect(await formatBroker(broker, undefined)).toEqual({ kind: 'done' })
  const to = `127.0.0.1:${port}`
  const usable = async () => {
    await until(
      'a broker that lets the administrator in',
      () =>
        asAdmin((admin) => admin.listTopics(), { ...saslConfig(to, 'admin'), retry: { retries: 0 } }).then(
          () => true,
          () => false,
        ),
      60_000,
    )
    return true
  }
  const started = await runBroker(broker, usable, undefined)
  if (started.kind === 'failed') throw new Error(started.why)
  onTestFinished(() => started.process.stop())
  return to
}
