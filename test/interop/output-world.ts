// Owns what the consumers of the interop tests read: an ingestor and a gateway that publish in one format, and one fact of each
// kind that they made, a copy among them.

import { freePort } from '@bridge/local-kafka/ports'
import { type Receipt, receipt } from '@bridge/schemas/receipt'
import { type Reply, reply } from '@bridge/schemas/reply'
import { Fleet } from '../support/fleet.ts'
import { Gateways, webhookPath } from '../support/gateway.ts'
import type { Read, TestKafka } from '../support/kafka.ts'
import type { TestTopics } from '../support/topics.ts'
import { until } from '../support/wait.ts'
import type { OutputFormat } from './clients.ts'
import { decodeOwn } from './decode-own.ts'
import { registerOutput } from './registry.ts'

const conversation = 'samtale 😀 / ü ?'
const business = '9007199254740993'
const replyText = 'Ja, vi har åpent 🌞 שלום \u0000 "quotes"\r\n\u2028 \\'
const longReply = 'lang 😀 '.repeat(7_000)
const orgId = 1

/** What the examples print of a fact. */
type Fact = {
  topic: string
  key: string | null
  headers: Record<string, string>
  value: Receipt | Reply
  action: string
}

export class OutputWorld {
  readonly #fleet: Fleet
  readonly #gateways: Gateways
  readonly #format: OutputFormat
  readonly #registryUrl: string | undefined
  #expected: Fact[] = []

  private constructor(fleet: Fleet, gateways: Gateways, format: OutputFormat, registryUrl: string | undefined) {
    this.#fleet = fleet
    this.#gateways = gateways
    this.#format = format
    this.#registryUrl = registryUrl
  }

  /** Starts both services, their output registered as an operator does it. */
  static async start(options: {
    brokers: string
    registryUrl: string | undefined
    format: OutputFormat
  }): Promise<OutputWorld> {
    const { brokers, registryUrl, format } = options
    const output =
      format === 'json' || registryUrl === undefined ? {} : { OUTPUT_FORMAT: format, SCHEMA_REGISTRY_URL: registryUrl }
    const fleet = await Fleet.start({ brokers, env: output })
    const gateways = await Gateways.start(brokers)
    const world = new OutputWorld(fleet, gateways, format, registryUrl)
    try {
      await world.#startServices(output)
    } catch (error) {
      await world.close()
      throw error
    }
    return world
  }

  async #startServices(output: Record<string, string>): Promise<void> {
    const { names } = this.topics
    if (this.#format !== 'json' && this.#registryUrl !== undefined)
      await registerOutput(this.#registryUrl, this.#format, this.variables)
    await this.#fleet.addReady(1)
    const { port } = await this.#gateways.add(
      {
        ...output,
        RECEIPTS_TOPIC: names.receipts,
        REPLIES_TOPIC: names.replies,
        EVENTS_TOPIC: names.events,
        PARTOO_ORG_ID: String(orgId),
        PARTOO_WEBHOOK_PUBLIC_KEYS: this.#fleet.simulator.publicKeyPem,
      },
      await freePort(),
    )
    const url = `http://127.0.0.1:${port}${webhookPath}`
    this.#fleet.simulator.state.setWebhooks([{ url, event_types: ['message_created', 'message_updated'] }], orgId)
  }

  get topics(): TestTopics {
    return this.#fleet.topics
  }

  get kafka(): TestKafka {
    return this.#fleet.kafka
  }

  /** The topics that the examples read. */
  get read(): string[] {
    return [this.topics.names.receipts, this.topics.names.replies]
  }

  /** Of the examples. */
  get variables(): Record<string, string> {
    const { receipts, replies } = this.topics.names
    const { KAFKA_BROKERS = '' } = this.#fleet.env
    return {
      KAFKA_BROKERS,
      RECEIPTS_TOPIC: receipts,
      REPLIES_TOPIC: replies,
      SCHEMA_REGISTRY_URL: this.#registryUrl ?? '',
    }
  }

  /** Each fact once, ordered by `ce_id`. */
  get expected(): Fact[] {
    return this.#expected
  }

  /** Makes the facts: every status, and replies; the first receipt is there twice. */
  async fill(): Promise<void> {
    const { simulator, outbound } = this.#fleet
    const { receipts } = this.topics.names
    const key = conversation
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`
    const message = (id: string, more: Record<string, unknown> = {}) =>
      JSON.stringify({
        business_id: business,
        external_conversation_id: conversation,
        external_message_id: id,
        content: 'Har dere åpent?',
        sender_type: 'Consumer',
        ...more,
      })
    await this.kafka.produce(outbound, [{ key, value: message('first'), headers: { traceparent } }])
    await this.#until('first', ['accepted', 'created'])

    const [copied] = await this.#readAll(receipts)
    if (copied === undefined) throw new Error('no receipt')
    await this.kafka.produce(receipts, [copied])

    simulator.state.addFault({
      match: { external_conversation_id: 'refused' },
      effect: { kind: 'answer', status: 422, body: { errors: { json: { content: ['no'] } } } },
    })
    await this.kafka.produce(outbound, [
      { key, value: message('first') },
      { key, value: message('first', { content: 'otherwise' }) },
      { key, value: message('invalid', { content: '' }) },
      { key, value: 'no JSON' },
      { key, value: message('refused', { external_conversation_id: 'refused' }) },
    ])
    await this.#untilCount(receipts, 3 + 5)
    const [first] = simulator.state.messages()
    if (first === undefined) throw new Error('no message')
    simulator.state.setMessageStatus(first.id, 'Failed')
    await this.#until('first', ['failed'])
    simulator.state.setMessageStatus(first.id, 'Success')
    await this.#until('first', ['delivered'])
    for (const content of [replyText, longReply]) {
      simulator.state.reply({ conversation_id: first.conversation_id, content, sender_label: 'Åse 😀', user_id: null })
    }
    await this.#untilCount(this.topics.names.replies, 2)
    await this.#note(copied)
  }

  /** Notes what is published, and that it is what was meant. */
  async #note(copied: Read): Promise<void> {
    const { receipts, replies } = this.topics.names
    const facts = new Map<string, Fact>()
    for (const topic of [receipts, replies]) {
      for (const record of await this.#readAll(topic)) {
        const value = this.#valueOf(topic, record)
        const action = topic === receipts ? actionOf(value as Receipt) : 'show-reply'
        facts.set(record.headers.ce_id ?? '', { topic, key: record.key, headers: record.headers, value, action })
      }
    }
    this.#expected = [...facts.values()].sort((one, other) =>
      (one.headers.ce_id ?? '') < (other.headers.ce_id ?? '') ? -1 : 1,
    )
    const told = this.#expected.map(({ topic, value }) =>
      topic === receipts ? `${(value as Receipt).status} ${(value as Receipt).reason}` : (value as Reply).content,
    )
    const meant = [
      'accepted null',
      'accepted id-reused',
      'created null',
      'delivered null',
      'duplicate null',
      'failed null',
    ]
    const rejected = ['rejected invalid', 'rejected rejected', 'rejected undecodable']
    const texts = [replyText, longReply]
    const differs = JSON.stringify(told.sort()) !== JSON.stringify([...meant, ...rejected, ...texts].sort())
    if (differs) throw new Error(`published were: ${told.map((text) => text?.slice(0, 60)).join(', ')}`)
    if (!facts.has(copied.headers.ce_id ?? '')) throw new Error('the copy has another ce_id')
  }

  #valueOf(topic: string, record: Read): Receipt | Reply {
    const value = decodeOwn(this.#format, topic === this.topics.names.receipts ? 'receipt' : 'reply', record.value)
    return topic === this.topics.names.receipts ? receipt.parse(value) : reply.parse(value)
  }

  /** Waits for receipts of a message with these statuses. */
  async #until(id: string, statuses: string[]): Promise<void> {
    const { receipts } = this.topics.names
    await until(`${statuses} of ${id}`, async () => {
      const told = (await this.#readAll(receipts)).map((record) => this.#valueOf(receipts, record) as Receipt)
      return statuses.every((status) => told.some((each) => each.external_message_id === id && each.status === status))
    })
  }

  async #untilCount(topic: string, count: number): Promise<void> {
    await until(`${count} records in ${topic}`, async () => (await this.#readAll(topic)).length >= count)
  }

  #readAll(topic: string): Promise<Read[]> {
    return this.kafka.readAll(topic, this.topics.group(`reader-${Math.random()}`))
  }

  async close(): Promise<void> {
    await this.#gateways.close()
    await this.#fleet.close()
  }
}

/** What the examples say there is to do. */
function actionOf({ status, reason }: Receipt): string {
  switch (status) {
    case 'accepted':
      return reason === 'id-reused' ? 'fix-producer' : 'wait'
    case 'created':
    case 'delivered':
      return 'done'
    case 'duplicate':
      return 'nothing'
    case 'failed':
      return 'tell-someone'
    case 'rejected':
      return reason === 'retries-exhausted' ? 'produce-again' : 'fix-producer'
    default:
      throw new Error(`a status that is not known: ${status satisfies never}`)
  }
}
