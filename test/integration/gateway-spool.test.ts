// Real: Kafka, the gateway as a process of its own (killed with SIGKILL where the test says so), its spool on a disk, HTTP.
// Doubled: Partoo, which here is whoever can sign. Between gateway and Kafka a proxy that is cut and frozen.
// Failure: 200 for what is not in the topics in the end, an order of first copies that is not that of acceptance, more copies than
// a kill explains, copies of two names, webhooks that still wait a minute after Kafka is back.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@bridge/local-kafka/ports'
import { SpoolDatabase } from '@bridge/webhook-gateway/spool-database'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { type Gateway, Gateways, webhookBody } from '../support/gateway.ts'
import { json, type Read } from '../support/kafka.ts'
import { KafkaProxy, type ProxyState } from '../support/kafka-proxy.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
/** For how long Kafka is away: ten minutes are for an evening by hand. */
const outageMs = Number(process.env.OUTAGE_SECONDS ?? 10) * 1_000
/** What one batch out of the spool holds at most: a kill before it is removed repeats so many. */
const batchRecordsMax = 500
const elsewhere = KafkaProxy.isPossible(brokers.split(',')[0] ?? '') ? '' : ' (skipped: Kafka is on another machine)'
const testWithProxy = test.skipIf(elsewhere !== '')

let gateways: Gateways
let folder: string

beforeEach(async () => {
  gateways = await Gateways.start(brokers)
  folder = mkdtempSync(join(tmpdir(), 'spool-'))
})

afterEach(async () => {
  await gateways.close()
  rmSync(folder, { recursive: true, force: true })
})

const content = (read: Read): string => String(json(read).content)
const reply = (text: string, conversation = 'conv-1') =>
  webhookBody({
    message: {
      content: text,
      custom_channel: { channel_id: 'ch-1', external_conversation_id: conversation, external_message_id: null },
    },
  })

/** The sum of a metric over its labels. */
async function gauge({ service }: Gateway, name: string): Promise<number> {
  const lines = (await service.metrics()).split('\n').filter((line) => line.startsWith(name))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/**
 * Webhooks of many conversations, so many a second in all; of each conversation the next one goes out once the one before was
 * answered. What is not answered 200 is not sent again: there is always a next one.
 */
class Sender {
  /** Texts answered 200, by conversation, in order. */
  readonly accepted = new Map<string, string[]>()
  readonly statuses = new Map<number, number>()
  slowestMs = 0
  sent = 0
  #stopped = false
  readonly #running: Promise<unknown>

  constructor(
    gatewaysOf: Gateways,
    port: number,
    { perSecond, conversations }: { perSecond: number; conversations: number },
  ) {
    const everyMs = (1_000 * conversations) / perSecond
    this.#running = Promise.all(
      Array.from({ length: conversations }, (_, i) => this.#send(gatewaysOf, port, `conv-${i}`, everyMs)),
    )
  }

  get acceptedCount(): number {
    return [...this.accepted.values()].reduce((sum, texts) => sum + texts.length, 0)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #send(gatewaysOf: Gateways, port: number, conversation: string, everyMs: number): Promise<void> {
    const startMs = performance.now() + Math.random() * everyMs
    for (let n = 0; !this.#stopped; n += 1) {
      await until('the next one’s time', () => this.#stopped || performance.now() >= startMs + n * everyMs)
      const text = `${conversation} ${n}`
      this.sent += 1
      const answer = await gatewaysOf.post(port, reply(text, conversation)).catch(() => undefined)
      const status = answer?.status ?? 0
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      this.slowestMs = Math.max(this.slowestMs, answer?.durationMs ?? 0)
      if (status !== 200) continue
      const texts = this.accepted.get(conversation)
      if (texts === undefined) this.accepted.set(conversation, [text])
      else texts.push(text)
    }
  }
}

/** @returns how many copies there are beyond the first */
async function expectAllThere(sender: Sender): Promise<number> {
  const reads = (await gateways.readAll(gateways.topics.names.replies)).sort((a, b) => a.offset - b.offset)
  const names = new Map<string, Set<string>>()
  const firsts = new Map<string, string[]>()
  for (const read of reads) {
    const text = content(read)
    const known = names.get(text)
    if (known !== undefined) {
      known.add(String(read.headers.ce_id))
      continue
    }
    names.set(text, new Set([String(read.headers.ce_id)]))
    const conversation = String(read.key)
    firsts.set(conversation, [...(firsts.get(conversation) ?? []), text])
  }
  for (const [text, ids] of names) expect([text, ids.size]).toEqual([text, 1])
  for (const [conversation, texts] of sender.accepted) {
    const accepted = new Set(texts)
    expect((firsts.get(conversation) ?? []).filter((text) => accepted.has(text))).toEqual(texts)
  }
  return reads.length - names.size
}

async function outage(state: ProxyState) {
  const proxy = await gateways.proxy()
  const variables = { KAFKA_BROKERS: proxy.address, WEBHOOK_SPOOL_DIR: folder, LOG_LEVEL: 'info' }
  const port = await freePort()
  let gateway = await gateways.add(variables, port)
  const sender = new Sender(gateways, port, { perSecond: 50, conversations: 20 })
  const more = async (count: number) => {
    const goal = sender.acceptedCount + count
    await until(`${count} more accepted`, () => sender.acceptedCount >= goal)
  }
  const away = async (part: number) => {
    await until('a third of the outage', () => performance.now() - awaySinceMs > (outageMs * part) / 3, outageMs)
    await more(100)
  }
  await more(50)
  await proxy.set(state)
  const awaySinceMs = performance.now()
  for (let kill = 1; kill <= 2; kill += 1) {
    await away(kill)
    await gateway.service.end('SIGKILL')
    gateway = await gateways.add(variables, port)
  }
  await away(3)
  const waiting = await gauge(gateway, 'partoo_spool_events')
  expect(waiting).toBeGreaterThan(300)
  expect((await gateway.service.readiness()).text).toContain('replies wait in the spool for Kafka')
  // Killed twice more while it publishes.
  await proxy.set('open')
  const backMs = performance.now()
  for (let kill = 0; kill < 2; kill += 1) {
    await until('publishing', async () => (await gauge(gateway, 'partoo_spool_events')) < waiting)
    await gateway.service.end('SIGKILL')
    gateway = await gateways.add(variables, port)
  }
  await until('an empty spool', async () => (await gauge(gateway, 'partoo_spool_events')) === 0, 60_000)
  const drainedMs = performance.now() - backMs
  await more(50)
  await sender.stop()
  const copies = await expectAllThere(sender)
  console.log(`Kafka ${state}:`, {
    accepted: sender.acceptedCount,
    waiting,
    copies,
    drainedMs: Math.round(drainedMs),
    slowestMs: Math.round(sender.slowestMs),
    statuses: Object.fromEntries(sender.statuses),
  })
  expect(copies).toBeLessThanOrEqual(4 * batchRecordsMax)
  expect([...sender.statuses.keys()].every((status) => status === 200 || status === 0)).toBe(true)
  expect(await gauge(gateway, 'partoo_spool_events')).toBe(0)
}

testWithProxy(
  `Kafka cut off, the gateway killed four times: all that was accepted arrives, in order${elsewhere}`,
  () => outage('cut'),
  outageMs + 120_000,
)

testWithProxy(
  `Kafka that says nothing, the gateway killed four times: the same${elsewhere}`,
  () => outage('frozen'),
  outageMs + 120_000,
)

testWithProxy(`without a spool: what was answered 200 is there, and what is not was not${elsewhere}`, async () => {
  const proxy = await gateways.proxy()
  const port = await freePort()
  let gateway = await gateways.add({ KAFKA_BROKERS: proxy.address }, port)
  const sender = new Sender(gateways, port, { perSecond: 50, conversations: 20 })
  const more = async (count: number, counted: () => number) => {
    const goal = counted() + count
    await until(`${count} more`, () => counted() >= goal)
  }
  const unstored = () => sender.statuses.get(503) ?? 0
  await more(50, () => sender.acceptedCount)
  await proxy.set('cut')
  await more(50, unstored)
  await gateway.service.end('SIGKILL')
  gateway = await gateways.add({ KAFKA_BROKERS: proxy.address }, port)
  await more(50, unstored)
  await proxy.set('open')
  await more(50, () => sender.acceptedCount)
  await sender.stop()
  expect(await expectAllThere(sender)).toBe(0)
  expect([...sender.statuses.keys()].every((status) => [0, 200, 503].includes(status))).toBe(true)
})

test('a missing topic holds up its own webhooks only, and has them once it is there', async () => {
  const events = `${gateways.topics.prefix}late-events`
  const gateway = await gateways.add({ EVENTS_TOPIC: events, WEBHOOK_SPOOL_DIR: folder })
  const event = (n: number) => JSON.stringify({ type: 'lead_received', payload: { n } })
  for (let n = 0; n < 5; n += 1) {
    expect(await gateways.post(gateway.port, event(n))).toMatchObject({ status: 200 })
    expect(await gateways.post(gateway.port, reply(`text ${n}`))).toMatchObject({ status: 200 })
  }
  expect(await gateways.readAll(gateways.topics.names.replies)).toHaveLength(5)
  expect(await gauge(gateway, 'partoo_spool_events')).toBe(5)
  const detail = `topic ${events} does not exist`
  await until('the check of the topics', async () => (await gateway.service.readiness()).text.includes(detail))
  await gateways.kafka.createTopic(events)
  await until('an empty spool', async () => (await gauge(gateway, 'partoo_spool_events')) === 0)
  const values = (await gateways.readAll(events)).map(({ value }) => value?.toString())
  expect(values).toEqual([0, 1, 2, 3, 4].map(event))
})

test('what a topic refuses is kept in quarantine, holds up nothing, and is published after a restart with a larger topic', async () => {
  const small = `${gateways.topics.prefix}small-events`
  await gateways.kafka.createTopic(small, { 'max.message.bytes': '2000' })
  const variables = { EVENTS_TOPIC: small, WEBHOOK_SPOOL_DIR: folder }
  const first = await gateways.add(variables)
  const event = (text: string) => JSON.stringify({ type: 'lead_received', payload: { text } })
  const large = event('x'.repeat(5_000))
  const detail = `topic ${small} takes records of 2000 bytes only`
  await until('the check of the topics', async () => (await first.service.readiness()).text.includes(detail))
  expect(await gateways.post(first.port, large)).toMatchObject({ status: 200 })
  expect(await gateways.post(first.port, event('y'))).toMatchObject({ status: 200 })
  expect(await gauge(first, 'partoo_quarantined_total')).toBe(1)
  expect(await gauge(first, 'partoo_spool_quarantined')).toBe(1)
  expect((await gateways.readAll(small)).map(({ value }) => value?.toString())).toEqual([event('y')])
  expect(first.service.output).not.toContain('xxxx')
  expect(await first.service.end('SIGTERM')).toBe(0)
  const second = await gateways.add({ ...variables, EVENTS_TOPIC: gateways.topics.names.events })
  await until('nothing in quarantine', async () => (await gauge(second, 'partoo_spool_quarantined')) === 0)
  await until('an empty spool', async () => (await gauge(second, 'partoo_spool_events')) === 0)
  const values = (await gateways.readAll(gateways.topics.names.events)).map(({ value }) => value?.toString())
  expect(values).toEqual([large])
})

test('who watches the process sees that it lives while a large spool is checked', async () => {
  const mebibyte = 1_048_576
  const opened = SpoolDatabase.open({ folder, bytesMax: 2_048 * mebibyte })
  if (opened.kind === 'refused') throw new Error(opened.because)
  const body = Buffer.alloc(mebibyte, 'x')
  const receivedAt = new Date().toISOString()
  for (let n = 0; n < 16; n += 1) {
    const kept = { destination: 'replies', body, tryout: false, traceparent: undefined, receivedAt } as const
    expect(opened.database.append(Array.from({ length: 32 }, () => kept)).every(({ kind }) => kind === 'kept')).toBe(
      true,
    )
  }
  opened.database.close()
  const { service } = await gateways.spawn({ WEBHOOK_SPOOL_DIR: folder })
  let first: { status: number; text: string } | undefined
  await until('an answer', async () => {
    first = await service.readiness().catch(() => undefined)
    return first !== undefined
  })
  expect((await fetch(`${service.adminUrl}/healthz`)).status).toBe(200)
  expect(first).toEqual({ status: 503, text: 'not ready: starting: what waits in the spool is being checked\n' })
  await service.ready()
})

test('a rolling restart of two gateways under load loses nothing', async () => {
  const ports = [await freePort(), await freePort()] as const
  const running = [await gateways.add({}, ports[0]), await gateways.add({}, ports[1])]
  const senders = ports.map((port) => new Sender(gateways, port, { perSecond: 50, conversations: 10 }))
  const more = async (sender: Sender) => {
    const goal = sender.acceptedCount + 50
    await until('50 more accepted', () => sender.acceptedCount >= goal)
  }
  for (const [i, port] of ports.entries()) {
    await more(senders[i] as Sender)
    expect(await running[i]?.service.end('SIGTERM')).toBe(0)
    running[i] = await gateways.add({}, port)
    await more(senders[i] as Sender)
  }
  for (const sender of senders) await sender.stop()
  const texts = new Set((await gateways.readAll(gateways.topics.names.replies)).map(content))
  for (const sender of senders) {
    for (const accepted of sender.accepted.values()) for (const text of accepted) expect(texts).toContain(text)
    expect([...sender.statuses.keys()].every((status) => status === 200 || status === 0)).toBe(true)
  }
})
