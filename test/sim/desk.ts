// The core alone on a desk, for small worlds with literal times: one replica that has every partition, a Kafka that takes
// everything at once, and a Partoo that a test writes as a function. Virtual time; nothing happens by chance but the core's
// own backoffs, which come from a seed.

import { type CoreOptions, Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Effect, Fact, SuspensionScope } from '@bridge/ingestor/core/facts'
import { seededRandom } from '@bridge/ingestor/core/retry'
import type { Answer } from '@bridge/partoo/answer'
import type { ConsumedRecord } from '@bridge/schemas/record'
import { Agenda } from './agenda.ts'

export type Message = { conversation: string; channel?: string; business?: string; topic?: string }
export type Call = Required<Message> & { atMs: number; endedMs: number; organization: string; offset: number }

/** What Partoo says to a call, and after how long. */
export type Reply = { answer: Answer; afterMs: number }

const partition = 0
const heartbeatMs = 1_000
const wallTime = '2026-01-01T00:00:00.000Z'
const defaults: Omit<CoreOptions, 'random'> = {
  organizations: [{ name: 'org', limitPerMinute: 0, channels: ['channel'] }],
  bulkTopic: null,
  burst: 20,
  inFlightMax: 64,
  admittedMax: 65_536,
  admittedBytesMax: 64 << 20,
  spanMax: 20_000,
  reportingMax: 10_000,
  commitIntervalMs: 1_000,
  rememberedIdsMax: 100_000,
  retry: { attemptsMax: 8, ageMinMs: 900_000 },
  membershipMsMax: 4_000,
}

export const accepted: Answer = { kind: 'accepted', status: 200 }
export const rejected: Answer = { kind: 'rejected', status: 422, body: Buffer.from('{}') }
export const forbidden: Answer = { kind: 'forbidden', status: 403, body: Buffer.from('{}') }
export const misdirected: Answer = { kind: 'misdirected', status: 401, body: Buffer.from('{}') }
export const unavailable: Answer = {
  kind: 'unavailable',
  status: 503,
  detail: 'HTTP 503',
  retryAfterMs: null,
  body: null,
  timedOut: false,
}
export const timedOut: Answer = { ...unavailable, status: null, detail: 'timeout', timedOut: true }

export class Desk {
  readonly agenda = new Agenda()
  readonly dispatcher: Dispatcher
  /** Calls so far, in the order in which they started. */
  readonly calls: Call[] = []
  readonly deadLetters: { atMs: number; offset: number; reason: string }[] = []
  readonly receipts: { status: string; offset: number }[] = []
  readonly suspensions: { atMs: number; scope: SuspensionScope; suspended: boolean }[] = []
  readonly #options: CoreOptions
  readonly #reply: (call: Call) => Reply
  readonly #messages = new Map<number, Required<Message>>()
  readonly #cursors = new Map<string, number>()
  readonly #records = new Map<number, ConsumedRecord>()
  #offset = 0
  #wake = 0

  constructor(options: Partial<CoreOptions>, reply: (call: Call) => Reply) {
    this.#options = { ...defaults, random: seededRandom(7), ...options }
    this.#reply = reply
    this.dispatcher = new Dispatcher(this.#options)
    const topics = ['normal', ...(this.#options.bulkTopic === null ? [] : [this.#options.bulkTopic])]
    const names = topics.map((topic) => ({ topic, partition }))
    for (const topic of topics) this.#cursors.set(topic, 0)
    this.submit({ kind: 'assigned', generation: 1, partitions: names, share: 1 })
    const partitions = names.map((name) => ({ ...name, offsetNext: 0, metadata: '', low: 0, end: 0 }))
    this.submit({ kind: 'positioned', generation: 1, partitions })
    this.#heartbeat()
  }

  /** So many messages are produced and read at once. */
  produce(message: Message, count = 1): void {
    const topic = message.topic ?? 'normal'
    const whole = { channel: 'channel', business: 'business', ...message, topic }
    const records = Array.from({ length: count }, () => {
      this.#offset += 1
      this.#messages.set(this.#offset, whole)
      return { topic, partition, offset: this.#offset, timestampMs: 0, key: null, value: Buffer.alloc(10), headers: [] }
    })
    this.submit({ kind: 'admitted', generation: 1, topic, partition, records, offsetNext: this.#offset + 1 })
    const cursor = this.dispatcher.cursor(1, { topic, partition })
    if (cursor !== this.#offset + 1) throw new Error(`read on at ${cursor}: the desk is too small`)
  }

  /** Lets time pass. */
  run(forMs: number): void {
    const untilMs = this.agenda.nowMs + forMs
    while (this.agenda.step(untilMs));
  }

  submit(fact: Fact): void {
    for (const effect of this.dispatcher.handle(fact, this.agenda.nowMs)) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const nowMs = this.agenda.nowMs
    switch (effect.kind) {
      case 'decode':
        for (const { token, record } of effect.records) this.#records.set(token, record)
        this.agenda.after(0, () => this.#decoded(effect.records))
        return
      case 'call':
        this.#call(effect)
        return
      case 'publishReceipt':
        this.receipts.push({ status: effect.receipt.status, offset: effect.source.offset })
        this.#stored(effect.token)
        return
      case 'storeDeadLetter':
        this.deadLetters.push({ atMs: nowMs, offset: effect.record.offset, reason: effect.cause.reason })
        this.#stored(effect.token)
        return
      case 'commit':
        this.agenda.after(1, () => this.submit({ kind: 'committed', generation: effect.generation, ok: true }))
        return
      case 'wake': {
        this.#wake += 1
        const wake = this.#wake
        this.agenda.after(effect.atMs - nowMs, () => {
          if (wake === this.#wake) this.submit({ kind: 'woke' })
        })
        return
      }
      case 'tellSuspension':
        this.suspensions.push({ atMs: nowMs, scope: effect.scope, suspended: effect.suspended })
        return
      case 'pause':
      case 'resume':
      case 'tellAttempt':
      case 'tellTombstone':
      case 'tellDeleted':
      case 'tellDrained':
        return
      default:
        effect satisfies never
    }
  }

  #decoded(records: Extract<Effect, { kind: 'decode' }>['records']): void {
    const results = records.map(({ token, record }) => {
      const { conversation, channel, business } = this.#messages.get(record.offset)!
      const message = {
        business_id: business,
        external_conversation_id: conversation,
        external_message_id: `${record.offset}`,
        content: 'text',
        sender_type: 'User' as const,
        consumer_name: null,
        consumer_image: null,
        channel_id: channel,
      }
      const organization = this.#options.organizations.find(({ channels }) => channels.includes(channel))!.name
      const work = { kind: 'work', message, channelId: channel, organization, digest: conversation } as const
      return { token, decoded: work }
    })
    this.submit({ kind: 'decoded', results })
  }

  #call({ token, organization }: Extract<Effect, { kind: 'call' }>): void {
    const { offset } = this.#records.get(token)!
    const atMs = this.agenda.nowMs
    const call = { ...this.#messages.get(offset)!, organization, offset, atMs, endedMs: Number.POSITIVE_INFINITY }
    this.calls.push(call)
    const { answer, afterMs } = this.#reply(call)
    this.agenda.after(afterMs, () => {
      call.endedMs = this.agenda.nowMs
      this.submit({ kind: 'called', token, answer, startedAt: wallTime, endedAt: wallTime, durationMs: afterMs })
    })
  }

  #stored(token: number): void {
    this.agenda.after(1, () => this.submit({ kind: 'published', token, stored: 'stored' }))
  }

  #heartbeat(): void {
    this.agenda.after(heartbeatMs, () => {
      this.submit({ kind: 'heartbeat', ageMs: 0 })
      this.#heartbeat()
    })
  }
}

/** Most calls of some kind that were under way at one instant. */
export function mostAtOnce(calls: readonly Call[]): number {
  const changes = calls.flatMap(({ atMs, endedMs }) => [
    { atMs, by: 1 },
    { atMs: endedMs, by: -1 },
  ])
  changes.sort((a, b) => a.atMs - b.atMs || a.by - b.by)
  let most = 0
  let now = 0
  for (const { by } of changes) {
    now += by
    most = Math.max(most, now)
  }
  return most
}
