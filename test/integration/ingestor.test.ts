// Real: Kafka, the ingestor as a process of its own (killed with SIGKILL where the test says so), HTTP.
// Doubled: Partoo, by the simulator; its record is the oracle.
// Failure: a message lost, created twice, accepted out of the order of its conversation, without a receipt, or a lag that
// stays; a record that stops the one after it; a dead letter that is not the original.

import { freePort } from '@bridge/local-kafka/ports'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { json, TestKafka } from '../support/kafka.ts'
import { ServiceProcess } from '../support/service.ts'
import { type TestTopics, testTopics } from '../support/topics.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const kafka = new TestKafka(brokers)
let simulator: Simulator
let topics: TestTopics
let running: ServiceProcess[] = []

beforeEach(async () => {
  simulator = await startSimulator({
    organizations: [
      {
        org_id: 1,
        name: 'Test',
        rate_limit_per_minute: 0,
        rate_limit_kind: 'sliding-window',
        api_keys: [{ key: 'planted-api-key', role: 'ORG_ADMIN' }],
        channels: [{ channel_id: 'chat', name: 'Chat' }],
        webhooks: [],
      },
    ],
  })
  topics = await testTopics(brokers)
})

afterEach(async () => {
  await Promise.all(running.map((service) => service.end('SIGTERM')))
  running = []
  await simulator.close()
  await topics.remove()
})

async function startIngestor(more: Record<string, string> = {}): Promise<ServiceProcess> {
  const env = {
    KAFKA_BROKERS: brokers,
    OUTBOUND_TOPIC: topics.names.outbound,
    DLQ_TOPIC: topics.names.dlq,
    RECEIPTS_TOPIC: topics.names.receipts,
    INGESTOR_GROUP_ID: topics.group('ingestor'),
    PARTOO_BASE_URL: simulator.apiBase,
    PARTOO_API_KEY: 'planted-api-key',
    PARTOO_CHANNEL_ID: 'chat',
    PARTOO_ORG_ID: '1',
    PARTOO_RATE_LIMIT_PER_MINUTE: '0',
    ...more,
  }
  const service = new ServiceProcess('ingestor', env, await freePort())
  running.push(service)
  return service
}

function message(conversation: string, id: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    business_id: '42',
    external_conversation_id: conversation,
    external_message_id: id,
    content: `planted text ${id}`,
    sender_type: 'Consumer',
    ...more,
  })
}

const lagIsZero = () => kafka.lag(topics.names.outbound, topics.group('ingestor')).then((lag) => lag === 0)
const receipts = async () =>
  (await kafka.readAll(topics.names.receipts, topics.group(`reader-${Math.random()}`))).map(json)
const deadLetters = () => kafka.readAll(topics.names.dlq, topics.group(`reader-${Math.random()}`))

/** 1,000 messages of 50 conversations, in the order in which each conversation's are to be accepted. */
function thousandMessages(): { key: string; value: string }[] {
  return Array.from({ length: 1000 }, (_, i) => {
    const conversation = `conversation-${i % 50}`
    return { key: conversation, value: message(conversation, `${conversation}/${Math.floor(i / 50)}`) }
  })
}

/** What Partoo's record must show: each created once, accepted in order within each conversation. */
function expectCreatedOnceInOrder(): void {
  const accepted = simulator.state.calls({ effect: 'accepted' })
  const byConversation = new Map<string, string[]>()
  for (const call of accepted) {
    const conversation = String(call.external_conversation_id)
    byConversation.set(conversation, [...(byConversation.get(conversation) ?? []), String(call.external_message_id)])
  }
  expect(byConversation.size).toBe(50)
  for (const [conversation, ids] of byConversation) {
    expect(ids).toEqual(Array.from({ length: 20 }, (_, n) => `${conversation}/${n}`))
  }
}

function troubles(): void {
  simulator.state.addFault({ match: {}, probability: 0.1, effect: { kind: 'answer', status: 503 } })
  simulator.state.addFault({
    match: {},
    probability: 0.05,
    effect: { kind: 'answer', status: 429, headers: { 'Retry-After': '1' } },
  })
}

test('1,000 messages through 10 % of 503 and 5 % of 429: created once, in order, with receipts, lag 0', async () => {
  troubles()
  await kafka.produce(topics.names.outbound, thousandMessages())
  const ingestor = await startIngestor()
  await ingestor.ready()
  await until('1,000 messages created', () => simulator.state.messages().length === 1000, 100_000)
  await until('a lag of 0', lagIsZero)
  expectCreatedOnceInOrder()
  const all = await receipts()
  expect(all).toHaveLength(1000)
  expect(new Set(all.map((receipt) => receipt.external_message_id)).size).toBe(1000)
  expect(all.every((receipt) => receipt.status === 'accepted' && receipt.http_status === 200)).toBe(true)
  expect(simulator.state.calls({ effect: 'duplicate' })).toHaveLength(0)
  expect(await ingestor.end('SIGTERM')).toBe(0)
  expect(ingestor.output).not.toContain('planted')
})

test('the same, killed with SIGKILL twice on the way and restarted', async () => {
  troubles()
  await kafka.produce(topics.names.outbound, thousandMessages())
  for (const until_ of [250, 600]) {
    const killed = await startIngestor()
    await until(`${until_} messages created`, () => simulator.state.messages().length >= until_, 60_000)
    await killed.end('SIGKILL')
  }
  const last = await startIngestor()
  await until('1,000 messages created', () => simulator.state.messages().length === 1000, 100_000)
  await until('a lag of 0', lagIsZero)
  expectCreatedOnceInOrder()
  const facts = new Set((await receipts()).map((receipt) => receipt.external_message_id))
  expect(facts.size).toBe(1000)
  expect(await last.end('SIGTERM')).toBe(0)
})

test('a second replica joins and the first one leaves on the way: once, in order, nothing lost', async () => {
  simulator.state.addFault({ match: {}, effect: { kind: 'latency', ms: 100 } })
  await kafka.produce(topics.names.outbound, thousandMessages())
  const first = await startIngestor({ PARTOO_MAX_IN_FLIGHT: '8' })
  await until('250 messages created', () => simulator.state.messages().length >= 250, 60_000)
  const second = await startIngestor({ PARTOO_MAX_IN_FLIGHT: '8' })
  await second.ready()
  await until('600 messages created', () => simulator.state.messages().length >= 600, 60_000)
  expect(await first.end('SIGTERM')).toBe(0)
  await until('1,000 messages created', () => simulator.state.messages().length === 1000, 60_000)
  await until('a lag of 0', lagIsZero)
  expectCreatedOnceInOrder()
  expect(new Set((await receipts()).map((receipt) => receipt.external_message_id)).size).toBe(1000)
  expect(await second.end('SIGTERM')).toBe(0)
})

test('wrong input is dead-lettered whole, with the reason, and the record after it is served', async () => {
  const wrong: [what: string, value: string | Buffer | null, reason: string][] = [
    ['no JSON', 'not json', 'undecodable'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0xfe]), 'undecodable'],
    ['wire format of a registry', Buffer.from([0, 0, 0, 0, 1, 2, 3]), 'undecodable'],
    ['no object', '[1]', 'invalid'],
    ['a field is missing', JSON.stringify({ external_conversation_id: 'c', external_message_id: 'm1' }), 'invalid'],
    ['a wrong type', message('c', 'm2', { content: 7 }), 'invalid'],
    ['an empty id', message('c', ''), 'invalid'],
    ['half a surrogate pair', message('c', 'm3', { content: 'x' }).replace('"x"', '"\\ud800"'), 'invalid'],
    ['an unknown channel', message('c', 'm4', { channel_id: 'elsewhere' }), 'invalid'],
    ['refused by Partoo', message('c', 'm5'), 'rejected'],
  ]
  simulator.state.addFault({
    match: {},
    count: 1,
    effect: { kind: 'answer', status: 422, body: { errors: { content: 'no' } } },
  })
  const records = wrong.map(([what, value]) => ({ key: 'c', value, headers: { what } }))
  await kafka.produce(topics.names.outbound, [
    ...records,
    { key: 'c', value: null },
    { key: 'c', value: message('c', 'last'), headers: { traceparent: '00-trace-01' } },
  ])
  const ingestor = await startIngestor()
  await until('the last message', () =>
    simulator.state.messages().some((created) => created.external_message_id === 'last'),
  )
  await until('a lag of 0', lagIsZero)
  const dead = await deadLetters()
  expect(dead.map(({ headers }) => [headers.what, headers['partoo-dlq-reason']])).toEqual(
    wrong.map(([what, , reason]) => [what, reason]),
  )
  dead.forEach((letter, i) => {
    expect(letter.value).toEqual(Buffer.from(wrong[i]?.[1] ?? ''))
    expect(letter.key).toBe('c')
    expect(letter.headers['partoo-dlq-topic']).toBe(topics.names.outbound)
    expect(letter.headers['partoo-dlq-detail']).not.toContain('planted')
  })
  expect(dead.at(-1)?.headers).toMatchObject({ 'partoo-dlq-http-status': '422', 'partoo-dlq-attempts': '1' })
  const all = await receipts()
  expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(wrong.length)
  expect(all.find(({ external_message_id }) => external_message_id === 'm1')).toMatchObject({
    reason: 'invalid',
    external_conversation_id: 'c',
    business_id: null,
    attempts: 0,
  })
  expect(await ingestor.metrics()).toMatch(/partoo_tombstones_total 1\n/)
  expect(ingestor.output).not.toContain('planted')
})

test('2 MB of text: what neither Partoo nor the dead-letter topic takes is put away without its value', async () => {
  const large = `${topics.prefix}large`
  await kafka.createTopic(large, { 'max.message.bytes': '4000000' })
  const text = 'ä'.repeat(1_050_000)
  await kafka.produce(large, [
    { key: 'c', value: message('c', 'large', { content: text }) },
    { key: 'c', value: message('c', 'next') },
  ])
  const ingestor = await startIngestor({ OUTBOUND_TOPIC: large })
  await until('the message after it', () =>
    simulator.state.messages().some((created) => created.external_message_id === 'next'),
  )
  await until('a lag of 0', () => kafka.lag(large, topics.group('ingestor')).then((lag) => lag === 0))
  const [dead] = await deadLetters()
  expect(dead?.headers).toMatchObject({
    'partoo-dlq-reason': 'rejected',
    'partoo-dlq-http-status': '413',
    'partoo-dlq-truncated': 'value',
    'partoo-dlq-offset': '0',
  })
  expect(dead?.value?.length).toBe(0)
  expect(await ingestor.end()).toBe(0)
})

test('a null header value is kept by name in the dead letter; repeated names keep their order', async () => {
  await produceNullHeader(topics.names.outbound)
  await startIngestor()
  const [dead] = await until('a dead letter', async () => {
    const letters = await deadLetters()
    return letters.length === 1 && letters
  })
  expect(dead?.headers).toMatchObject({
    'partoo-dlq-null-headers': 'nothing%2C%20really',
    'nothing, really': '',
    twice: 'a,b',
  })
})

test('a missing topic: alive, not ready, named; ready once it is there', async () => {
  const ingestor = await startIngestor({ DLQ_TOPIC: `${topics.prefix}missing` })
  const named = await until('the missing topic named', async () => {
    const { status, text } = await ingestor.readiness().catch(() => ({ status: 0, text: '' }))
    return status === 503 && text.includes('does not exist') && text
  })
  expect(named).toContain(`${topics.prefix}missing`)
  expect((await fetch(`${ingestor.adminUrl}/healthz`)).status).toBe(200)
  await kafka.createTopic(`${topics.prefix}missing`)
  await ingestor.ready()
})

test('Kafka away at the start: alive, not ready, says so, and stops in order', async () => {
  const ingestor = await startIngestor({ KAFKA_BROKERS: `127.0.0.1:${await freePort()}` })
  await until('not ready', async () => {
    const { status, text } = await ingestor.readiness().catch(() => ({ status: 0, text: '' }))
    return status === 503 && text.includes('Kafka at 127.0.0.1')
  })
  expect(await ingestor.end('SIGTERM')).toBe(0)
})

test('SIGTERM while calls are in flight: they finish, their receipts are published and committed', async () => {
  simulator.state.addFault({ match: {}, effect: { kind: 'latency', ms: 1000 } })
  await kafka.produce(topics.names.outbound, [
    { key: 'c', value: message('c', '1') },
    { key: 'c', value: message('c', '2') },
  ])
  const ingestor = await startIngestor()
  await until('the first call', () => simulator.state.calls().length === 1)
  expect(await ingestor.end('SIGTERM')).toBe(0)
  expect(simulator.state.calls()).toHaveLength(1)
  expect(await receipts()).toHaveLength(1)
  expect(await kafka.lag(topics.names.outbound, topics.group('ingestor'))).toBe(1)
})

test('SIGTERM while a call hangs: it leaves the group in order all the same, and the call is repeated by the next owner', async () => {
  const hang = simulator.state.addFault({ match: {}, effect: { kind: 'hang', when: 'before' } })
  await kafka.produce(topics.names.outbound, [{ key: 'c', value: message('c', '1') }])
  const ingestor = await startIngestor({ STOP_DEADLINE_MS: '3000' })
  await until('the call', () => simulator.state.calls().length === 1)
  expect(await ingestor.end('SIGTERM')).toBe(0)
  simulator.state.removeFault(hang.id)
  await startIngestor()
  // Had it not left, the next owner would wait for the end of its session, 6 s.
  await until('the message created', () => simulator.state.messages().length === 1, 5_000)
})

test('a topic that was deleted and made anew under the same name is read from its beginning', async () => {
  const name = `${topics.prefix}again`
  const messages = (ids: number[]) => ids.map((id) => ({ key: 'c', value: message('c', `again-${id}`) }))
  await kafka.createTopic(name)
  await kafka.produce(name, messages([1, 2, 3, 4, 5]))
  await startIngestor({ OUTBOUND_TOPIC: name })
  await until('5 messages created', () => simulator.state.messages().length === 5)
  await kafka.deleteTopic(name)
  await kafka.createTopic(name)
  await kafka.produce(name, messages([6, 7, 8]))
  await until('8 messages created', () => simulator.state.messages().length === 8, 60_000)
})

/** Sends one record that is no JSON with a null header and a repeated one. */
async function produceNullHeader(topic: string): Promise<void> {
  // kafkajs measures header values before it tells null ones apart, and Buffer.byteLength(null) throws: lent a length here.
  const { byteLength } = Buffer
  Buffer.byteLength = (value, encoding) => (value === null ? 0 : byteLength(value, encoding))
  try {
    const headers = { 'nothing, really': null as unknown as Buffer, twice: ['a', 'b'] }
    await kafka.produce(topic, [{ key: 'c', value: 'not json', headers }])
  } finally {
    Buffer.byteLength = byteLength
  }
}
