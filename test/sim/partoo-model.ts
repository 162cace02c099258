// Partoo as the contract describes it: a rate limit per organization, latency, trouble of every kind, duplicates ignored by
// (channel, external_message_id). It sees every call that arrives, whoever made it, and judges order and limit.

import type { Effect } from '@bridge/ingestor/core/facts'
import type { Answer } from '@bridge/partoo/answer'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { fail } from './failure.ts'
import type { Mix } from './mix.ts'
import { ServerLimit } from './server-limit.ts'
import { type CallOf, callOf, Trouble } from './trouble.ts'
import type { WorldRecord } from './world.ts'

type Call = Extract<Effect, { kind: 'call' }>

const timeoutMs = 30_000

export class PartooModel {
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda: Agenda
  readonly #trouble: Trouble
  readonly #limits = new Map<string, ServerLimit>()
  readonly #created = new Set<string>()
  /** Whether the limit is never to be exceeded: nobody else uses the organization's keys. */
  readonly #isStrict: boolean
  readonly seen = { calls: 0, accepted: 0, repeats: 0, limited: 0, mostInWindow: 0, startedMs: [] as number[] }

  constructor(mix: Mix, chance: Chance, agenda: Agenda) {
    this.#mix = mix
    this.#chance = chance
    this.#agenda = agenda
    this.#isStrict = !mix.faults.otherClient
    this.#trouble = new Trouble(mix, chance.stream(), agenda)
    for (const { name, limitPerMinute } of mix.organizations) {
      this.#limits.set(name, new ServerLimit(limitPerMinute, mix, chance))
      if (mix.faults.otherClient && limitPerMinute > 0) this.#otherClient(name)
    }
  }

  /**
   * A replica calls. The answer comes once, unless the caller is gone by then.
   *
   * @param isAlive whether the caller still runs: what a dead one had not sent by then may or may not arrive
   */
  call(call: Call, record: WorldRecord, isAlive: () => boolean, answer: (answer: Answer) => void): void {
    const chance = this.#chance
    const totalMs =
      this.#mix.profile === 'anything'
        ? chance.latencyMs(this.#mix.latencyMaxMs)
        : chance.between(1, this.#mix.latencyMaxMs)
    const arrivesMs = totalMs * chance.random()
    this.seen.startedMs.push(this.#agenda.nowMs)
    const of = callOf(record)
    const broken = this.#trouble.hangs(of)
      ? unanswered('timeout', true)
      : this.#trouble.isReset()
        ? unanswered('connection reset', false)
        : null
    const arrives = broken === null || chance.happens(0.5)
    let truth: Answer | null = null
    this.#agenda.after(arrivesMs, () => {
      if (arrives && (isAlive() || chance.happens(0.5))) truth = this.#arrive(call, of, record)
    })
    this.#agenda.after(broken?.timedOut ? timeoutMs : totalMs, () => {
      const heard = broken ?? truth
      if (heard !== null) answer(heard)
    })
  }

  /** From now on everything works; what content is refused stays refused. */
  heal(): void {
    this.#trouble.end()
  }

  #arrive(call: Call, of: CallOf, record: WorldRecord): Answer {
    const trouble = this.#trouble
    const chance = this.#chance
    const limit = this.#limits.get(of.organization)!
    this.seen.calls += 1
    const overForMs = limit.arrive(this.#agenda.nowMs, true)
    this.#judgeLimit(of.organization, limit, overForMs)
    if (overForMs !== null) {
      this.seen.limited += 1
      return { kind: 'limited', status: 429, retryAfterMs: Math.max(1_000, Math.ceil(overForMs / 1_000) * 1_000) }
    }
    if (trouble.isStorm(of)) return { kind: 'limited', status: 429, retryAfterMs: chance.int(1, 60) * 1_000 }
    if (trouble.isProxied(of)) return { kind: 'rejected', status: 422, body: Buffer.from('<html>') }
    if (trouble.isUnauthorized(of)) {
      return { kind: 'misdirected', status: chance.pick([401, 407, 302, 200]), body: Buffer.from('<html>') }
    }
    if (trouble.fails(of)) return this.#serverError()
    if (trouble.isOn && record.content === 'cursed') return this.#serverError()
    if (trouble.isForbidden(of)) return { kind: 'forbidden', status: chance.pick([403, 404]), body: Buffer.from('{}') }
    if (record.content === 'rejected') {
      return { kind: 'rejected', status: chance.pick([400, 413, 422]), body: Buffer.from('{}') }
    }
    this.#accept(call, record)
    return trouble.failsLate() ? this.#serverError() : { kind: 'accepted', status: 200 }
  }

  #serverError(): Answer {
    const retryAfterMs = this.#chance.happens(0.2) ? this.#chance.int(1, 40) * 1_000 : null
    return { kind: 'unavailable', status: 503, detail: 'HTTP 503', retryAfterMs, body: null, timedOut: false }
  }

  /** The limit holds for every window of 60 seconds at the server, whatever window it keeps itself. */
  #judgeLimit(organization: string, { limit, arrivals }: ServerLimit, overForMs: number | null): void {
    if (limit === 0) return
    this.seen.mostInWindow = Math.max(this.seen.mostInWindow, arrivals / limit)
    if (!this.#isStrict) return
    if (arrivals > limit) fail('L4 limit', `${organization}: ${arrivals} calls within 60 s, the limit is ${limit}`)
    if (overForMs !== null) fail('L4 limit', `${organization}: 429 from a ${this.#mix.window} window`)
  }

  #accept({ message, channelId }: Call, record: WorldRecord): void {
    const id = `${channelId}/${message.external_message_id}`
    if (this.#created.has(id)) this.seen.repeats += 1
    this.#created.add(id)
    this.seen.accepted += 1
    if (record.accepted) return
    record.accepted = true
    const { previous } = record
    if (previous !== null && !previous.accepted && !previous.condemned) {
      fail('L2 order', `Partoo took ${nameOf(record)} before ${nameOf(previous)} of the same conversation`)
    }
  }

  /** Somebody else uses the organization's keys: some of the limit is gone. */
  #otherClient(organization: string): void {
    this.#agenda.after(this.#chance.between(5_000, 60_000), () => {
      if (!this.#trouble.isOn) return
      const limit = this.#limits.get(organization)!
      for (let i = this.#chance.int(1, limit.limit); i > 0; i -= 1) limit.arrive(this.#agenda.nowMs, false)
      this.#otherClient(organization)
    })
  }
}

function unanswered(detail: string, timedOut: boolean): Extract<Answer, { kind: 'unavailable' }> {
  return { kind: 'unavailable', status: null, detail, retryAfterMs: null, body: null, timedOut }
}

export function nameOf({ record }: { record: { topic: string; partition: number; offset: number } }): string {
  return `${record.topic}/${record.partition}@${record.offset}`
}
