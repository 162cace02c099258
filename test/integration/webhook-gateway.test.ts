// Real: Kafka, the gateway as a process of its own, HTTP, signatures by a key pair of the test.
// Doubled: Partoo, which here is whoever can sign. Between gateway and Kafka a proxy, where the test cuts that way.
// Failure: 200 for what is not in Kafka, anything in Kafka that nobody signed, a webhook twice where nothing went wrong, an
// answer after the deadline, a secret or a message text in the log.

import { once } from 'node:events'
import { type ClientRequest, request as httpRequest } from 'node:http'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { Gateways, webhookBody, webhookDeadlineMs, webhookPath } from '../support/gateway.ts'
import { json, type Read } from '../support/kafka.ts'
import { KafkaProxy, type ProxyState } from '../support/kafka-proxy.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const deadlineMs = webhookDeadlineMs
const path = webhookPath
const body = webhookBody

let gateways: Gateways

beforeEach(async () => {
  gateways = await Gateways.start(brokers)
})

afterEach(() => gateways.close())

const startGateway = (more?: Record<string, string>) => gateways.add(more)
const startProxy = () => gateways.proxy()
const signed = (text: string) => gateways.signed(text)
const post = (port: number, text: string, headers?: Record<string, string>) => gateways.post(port, text, headers)
const readAll = (topic: string) => gateways.readAll(topic)
const everything = () => gateways.everything()

const elsewhere = KafkaProxy.isPossible(brokers.split(',')[0] ?? '') ? '' : ' (skipped: Kafka is on another machine)'
const testWithProxy = test.skipIf(elsewhere !== '')

const ingested = (id: string) => ({
  custom_channel: { channel_id: 'ch-1', external_conversation_id: 'conv-1', external_message_id: id },
})
const valuesOf = (reads: Read[]) => reads.map(({ value }) => value?.toString())

test('each webhook is where it belongs before its 200, once, with all fields and headers', async () => {
  const { service, port } = await startGateway({ WEBHOOK_SECRET: 'planted-secret' })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const reply = body().replace('"id":123', '"id":9007199254740993')
  const foreign = body({ payload: { org_id: 43 } })
  const otherChannel = body({ message: { custom_channel: null } })
  const bodies = [
    reply,
    body({ message: ingested('m-1') }),
    body({ type: 'message_updated', message: { ...ingested('m-1'), status: 'Success' } }),
    body({ type: 'message_updated', message: { ...ingested('m-2'), status: 'Failed' } }),
    foreign,
    otherChannel,
    '{"type":"lead_received","payload":{"org_id":42}}',
    'no JSON at all',
  ]
  for (const each of bodies) {
    const headers = { ...signed(each), traceparent, 'x-webhook-secret': 'planted-secret' }
    expect(await post(port, each, headers)).toMatchObject({ status: 200 })
  }
  const tryout = body({ message: { content: 'planted try' } })
  const tryoutHeaders = { ...signed(tryout), 'x-partoo-webhook-tryout': '1', 'x-webhook-secret': 'planted-secret' }
  expect(await post(port, tryout, tryoutHeaders)).toMatchObject({ status: 200 })

  const { replies, receipts, events } = await everything()
  expect(replies).toHaveLength(1)
  expect(replies[0]).toMatchObject({
    key: 'conv-1',
    headers: {
      ce_specversion: '1.0',
      ce_id: expect.stringMatching(/^message_created\/9007199254740993\/[0-9a-f]{16}$/),
      ce_type: 'partoo.reply',
      ce_source: '/partoo/webhook-gateway',
      ce_time: '2023-01-31T16:22:17.327Z',
      'content-type': 'application/json',
      traceparent,
    },
  })
  expect(json(replies[0] as Read)).toEqual({
    message_id: '9007199254740993',
    conversation_id: '456',
    external_conversation_id: 'conv-1',
    channel_id: 'ch-1',
    business_id: '789',
    org_id: '42',
    content: 'We open at nine.',
    content_type: 'Text',
    sender_type: 'User',
    sender_label: 'Jane Doe',
    user_id: '5e9f8f8f8f8f8f8f8f8f8f8f',
    created_at: '2023-01-31T16:22:17.327Z',
    consumer_name: 'John Doe',
    event: reply,
  })
  // One conversation, so one partition: in the order of the webhooks.
  expect(receipts.map(json)).toMatchObject([
    { status: 'created', external_message_id: 'm-1', external_conversation_id: 'conv-1', source: null, attempts: 0 },
    { status: 'delivered', external_message_id: 'm-1', partoo: { message_id: '123', conversation_id: '456' } },
    { status: 'failed', external_message_id: 'm-2', http_status: null, reason: null },
  ])
  expect(receipts.map(({ key }) => key)).toEqual(['conv-1', 'conv-1', 'conv-1'])
  expect(receipts.map(({ headers }) => headers.ce_type)).toEqual(
    ['created', 'delivered', 'failed'].map((status) => `partoo.receipt.${status}`),
  )
  const eventOf = (value: string) => events.find((event) => event.value?.toString() === value)
  expect(events).toHaveLength(5)
  expect(eventOf(foreign)).toMatchObject({ key: 'partoo-conversation-456', headers: { 'partoo-origin': 'foreign' } })
  expect(eventOf(otherChannel)).toMatchObject({
    key: 'partoo-conversation-456',
    headers: { ce_type: 'partoo.event.message_created' },
  })
  expect(eventOf(bodies[6] as string)).toMatchObject({ key: 'lead_received' })
  expect(eventOf('no JSON at all')).toMatchObject({ key: 'unknown', headers: { 'partoo-reason': 'not-json' } })
  expect(eventOf(tryout)).toMatchObject({ headers: { 'partoo-tryout': 'true' } })

  const metrics = await service.metrics()
  expect(metrics).toContain('partoo_webhook_requests_total{answer="200"} 9')
  expect(metrics).toContain('partoo_webhook_events_total{destination="receipts"} 3')
  expect(metrics).toContain('partoo_webhook_durable_seconds_count{kind="kafka"} 9')
  expect(metrics).toContain('partoo_foreign_events_total 1')
  expect(service.log.filter(({ msg }) => msg === 'webhook finished')).toHaveLength(9)
  for (const planted of ['planted-secret', 'We open at nine', 'Jane Doe', 'John Doe', gateways.key.sign(reply)]) {
    expect(service.output).not.toContain(planted)
  }
})

test('nothing unproven is published, and the log keeps the secret', async () => {
  const { service, port } = await startGateway({ WEBHOOK_SECRET: 'planted-secret' })
  const secret = { 'x-webhook-secret': 'planted-secret' }
  const large = JSON.stringify({ type: 'x', payload: 'x'.repeat(262_144) })
  expect(await post(port, body(), secret)).toMatchObject({ status: 401 })
  expect(await post(port, body(), { ...secret, 'x-partoo-signature-v1': 'nonsense' })).toMatchObject({ status: 401 })
  expect(await post(port, body(), { ...secret, ...signed('another') })).toMatchObject({ status: 401 })
  expect(await post(port, body())).toMatchObject({ status: 401 })
  expect(await post(port, body(), { ...signed(body()), 'x-webhook-secret': 'wrong' })).toMatchObject({ status: 401 })
  expect(await post(port, large, { ...secret, ...signed(large) })).toMatchObject({ status: 413 })
  const wrongPath = await fetch(`http://127.0.0.1:${port}/planted-secret`, { method: 'POST', body: body() })
  expect(wrongPath.status).toBe(404)
  expect(await everything()).toEqual({ replies: [], receipts: [], events: [] })
  expect(service.output).not.toContain('planted-secret')
  expect(service.log.filter(({ level }) => level === 'error')).toMatchObject([{ status: 413 }])
  const rightPath = await fetch(`http://127.0.0.1:${port}${path}/planted-secret`, {
    method: 'POST',
    body: body(),
    headers: signed(body()),
  })
  expect(rightPath.status).toBe(200)
  expect(service.output).not.toContain('planted-secret')
})

test('a reply that the topic refuses as too large is stored without the event, which is stored beside it', async () => {
  const replies = `${gateways.topics.prefix}small-replies`
  await gateways.kafka.createTopic(replies, { 'max.message.bytes': '12000' })
  const { port } = await startGateway({ REPLIES_TOPIC: replies })
  const original = body({ message: { content: `planted ${'y'.repeat(8_000)}` } })
  const [small, other] = [body({ message: { content: 'z' } }), body({ message: { content: 'zz' } })]
  // Together with small ones, which must not be taken along.
  const answers = await Promise.all([post(port, small), post(port, original), post(port, other)])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  const inReplies = await readAll(replies)
  expect(inReplies.map((read) => json(read).event)).toEqual(expect.arrayContaining([small, other, null]))
  const shortened = inReplies.find((read) => json(read).event === null)
  expect(shortened).toMatchObject({ key: 'conv-1', headers: { 'partoo-event-omitted': 'too-large' } })
  expect(json(shortened as Read).content).toBe(`planted ${'y'.repeat(8_000)}`)
  expect(valuesOf(await readAll(gateways.topics.names.events))).toEqual([original])
})

testWithProxy(`without Kafka at the start: alive, ready, 503 in time; then, with it, 200${elsewhere}`, async () => {
  const proxy = await startProxy()
  await proxy.set('cut')
  const { service, port } = await startGateway({ KAFKA_BROKERS: proxy.address })
  for (let i = 0; i < 3; i += 1) {
    const answer = await post(port, body())
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(answer.durationMs).toBeLessThan(deadlineMs)
  }
  expect(await service.readiness()).toMatchObject({ status: 200 })
  await proxy.set('open')
  expect(await post(port, body())).toMatchObject({ status: 200 })
  expect(await readAll(gateways.topics.names.replies)).toHaveLength(1)
  await proxy.set('frozen')
  const [last, exit] = await Promise.all([
    post(port, body({ message: { content: 'planted last' } })),
    service.end('SIGTERM'),
  ])
  expect([last.status, exit]).toEqual([503, 0])
})

/** What was answered 200 is stored; and what was not is at most stored too. */
async function outage(state: ProxyState) {
  const proxy = await startProxy()
  const { port } = await startGateway({ KAFKA_BROKERS: proxy.address })
  const sendOne = async (content: string) => {
    const answer = await post(port, body({ message: { content } }))
    expect(answer.durationMs).toBeLessThan(deadlineMs)
    return answer.status
  }
  expect(await sendOne('before')).toBe(200)
  await proxy.set(state)
  const during = await Promise.all(Array.from({ length: 20 }, (_, i) => sendOne(`during ${i}`)))
  expect(new Set(during)).toEqual(new Set([503]))
  await proxy.set('open')
  // Well before a TCP connection that was given up would have been repaired by itself.
  await until('200 with Kafka back', async () => (await sendOne('after')) === 200, 5_000)
  const contents = (await readAll(gateways.topics.names.replies)).map((read) => json(read).content)
  expect(contents.filter((content) => content === 'before')).toHaveLength(1)
  expect(contents).toContain('after')
}

testWithProxy(`Kafka cut off while running: 503 in time, and 200 once it is back${elsewhere}`, () => outage('cut'))

testWithProxy(`Kafka that says nothing any more: 503 in time, and 200 once it speaks${elsewhere}`, () =>
  outage('frozen'),
)

testWithProxy(`connections to Kafka that a firewall forgot: 200 again within seconds${elsewhere}`, async () => {
  const proxy = await startProxy()
  const { port } = await startGateway({ KAFKA_BROKERS: proxy.address })
  expect(await post(port, body())).toMatchObject({ status: 200 })
  proxy.forget()
  const again = async () => {
    const answer = await post(port, body({ message: { content: `planted ${performance.now()}` } }))
    expect(answer.durationMs).toBeLessThan(deadlineMs)
    return answer.status === 200
  }
  await until('200 over a new connection', again, 5_000)
})

test('nothing is stored twice where nothing went wrong', async () => {
  const { port } = await startGateway()
  const contents = Array.from({ length: 300 }, (_, i) => `text ${i}`)
  const waiting = [...contents]
  const sender = async () => {
    for (let content = waiting.pop(); content !== undefined; content = waiting.pop()) {
      expect(await post(port, body({ message: { content } }))).toMatchObject({ status: 200 })
    }
  }
  await Promise.all(Array.from({ length: 20 }, sender))
  const stored = (await readAll(gateways.topics.names.replies)).map((read) => String(json(read).content))
  expect(stored.sort()).toEqual(contents.sort())
})

test('SIGTERM with a request in progress: it is answered, and the process ends with 0', async () => {
  const { service, port } = await startGateway()
  const text = body()
  const headers = { ...signed(text), 'content-length': String(Buffer.byteLength(text)) }
  const request: ClientRequest = httpRequest({ port, host: '127.0.0.1', method: 'POST', path, headers })
  const response = once(request, 'response')
  request.write(text.slice(0, 100))
  await once(request, 'socket')
  // Whatever the gateway answers to a later connection, it has begun with this one.
  await post(port, body({ message: { content: 'planted first' } }))
  const exit = service.end('SIGTERM')
  await until('the stop', () => service.log.some(({ msg }) => msg === 'stopping'))
  expect(await service.readiness()).toEqual({ status: 503, text: 'not ready: stopping\n' })
  request.end(text.slice(100))
  const [answer] = await response
  expect(answer.statusCode).toBe(200)
  answer.resume()
  expect(await exit).toBe(0)
  expect(await readAll(gateways.topics.names.replies)).toHaveLength(2)
})

test('without an organization id: it starts, and says how open it is', async () => {
  const { service } = await startGateway({ PARTOO_ORG_ID: '' })
  expect(service.log).toContainEqual(
    expect.objectContaining({ level: 'error', set: ['PARTOO_ORG_ID', 'WEBHOOK_SECRET'] }),
  )
  const { service: withSecret } = await startGateway({ PARTOO_ORG_ID: '', WEBHOOK_SECRET: 'planted-s' })
  expect(withSecret.log).toContainEqual(expect.objectContaining({ level: 'warn', set: ['PARTOO_ORG_ID'] }))
})
