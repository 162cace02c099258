// Owns the webhook gateways of a test: processes of their own in front of the test's topics, webhooks signed with the test's key,
// and what is in the topics in the end.

import { freePort } from '@bridge/local-kafka/ports'
import { type Read, TestKafka } from './kafka.ts'
import { KafkaProxy } from './kafka-proxy.ts'
import { ServiceProcess } from './service.ts'
import { type TestTopics, testTopics } from './topics.ts'
import { type EventFields, messageEvent, signingKey } from './webhooks.ts'

export const webhookPath = '/webhooks/partoo'
export const webhookDeadlineMs = 2_000

export type Gateway = { service: ServiceProcess; port: number }

export type Answered = { status: number; headers: Headers; durationMs: number }

export class Gateways {
  readonly key = signingKey()
  readonly topics: TestTopics
  readonly kafka: TestKafka
  readonly #brokers: string
  readonly #running: ServiceProcess[] = []
  readonly #proxies: KafkaProxy[] = []

  private constructor(brokers: string, topics: TestTopics) {
    this.#brokers = brokers
    this.topics = topics
    this.kafka = new TestKafka(brokers)
  }

  /** Makes the topics; no gateway yet. */
  static async start(brokers: string): Promise<Gateways> {
    return new Gateways(brokers, await testTopics(brokers))
  }

  /** Starts a gateway, and answers when it is ready. @param more variables, over the test's own */
  async add(more: Record<string, string> = {}, port?: number): Promise<Gateway> {
    const gateway = await this.spawn(more, port)
    await gateway.service.ready()
    return gateway
  }

  /** Starts a gateway, and answers at once. */
  async spawn(more: Record<string, string>, port?: number): Promise<Gateway> {
    const publicPort = port ?? (await freePort())
    const { replies, receipts, events } = this.topics.names
    const service = new ServiceProcess(
      'webhook-gateway',
      {
        KAFKA_BROKERS: this.#brokers,
        WEBHOOK_HOST: '127.0.0.1',
        WEBHOOK_PORT: String(publicPort),
        WEBHOOK_DEADLINE_MS: String(webhookDeadlineMs),
        PARTOO_WEBHOOK_PUBLIC_KEYS: this.key.pem,
        PARTOO_ORG_ID: '42',
        REPLIES_TOPIC: replies,
        RECEIPTS_TOPIC: receipts,
        EVENTS_TOPIC: events,
        ...more,
      },
      await freePort(),
    )
    this.#running.push(service)
    return { service, port: publicPort }
  }

  /** A way to Kafka that can be cut. */
  async proxy(): Promise<KafkaProxy> {
    const proxy = await KafkaProxy.start(this.#brokers.split(',')[0] ?? '')
    this.#proxies.push(proxy)
    return proxy
  }

  signed(body: string): Record<string, string> {
    return { 'x-partoo-signature-v1': this.key.sign(body) }
  }

  /** Sends a webhook, signed unless other headers are given. Rejects where nobody answers. */
  async post(port: number, body: string, headers: Record<string, string> = this.signed(body)): Promise<Answered> {
    const startMs = performance.now()
    const response = await fetch(`http://127.0.0.1:${port}${webhookPath}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })
    await response.arrayBuffer()
    return { status: response.status, headers: response.headers, durationMs: performance.now() - startMs }
  }

  readAll(topic: string): Promise<Read[]> {
    return this.kafka.readAll(topic, this.topics.group(`reader-${Math.random()}`))
  }

  /** Everything in the three topics. */
  async everything(): Promise<{ replies: Read[]; receipts: Read[]; events: Read[] }> {
    const { replies, receipts, events } = this.topics.names
    const [inReplies, inReceipts, inEvents] = await Promise.all([
      this.readAll(replies),
      this.readAll(receipts),
      this.readAll(events),
    ])
    return { replies: inReplies, receipts: inReceipts, events: inEvents }
  }

  /** Kills what runs, and removes the topics. */
  async close(): Promise<void> {
    await Promise.all(this.#running.map((service) => service.end('SIGKILL')))
    await Promise.all(this.#proxies.map((proxy) => proxy.close()))
    await this.topics.remove()
  }
}

export const webhookBody = (fields: EventFields = {}): string => JSON.stringify(messageEvent(fields))
