// Partoo as the contract describes it: a rate limit per organization, latency, trouble of every kind, duplicates ignored by
// (channel, external_message_id). It counts every call that arrives, whoever made it, and judges order and limit.

import type { Effect } from '@bridge/ingestor/core/facts'
import type { Answer } from '@bridge/partoo/answer'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { fail } from './failure.ts'
import type { Mix } from './mix.ts'
import type { WorldRecord } from './world.ts'

type Call = Extract<Effect, { kind: 'call' }>
type Accepted = { record: WorldRecord; atMs: number }

const windowMs = 60_000
const timeoutMs = 30_000

/** One organization's limit as the server keeps it. */
class ServerLimit {
  readonly limit: number
  readonly #window: Mix['window']
  readonly #phaseMs: number
  readonly #bucketMax: number
  #tokens: number
  #atMs = 0
  #fixedWindow = -1
  #inFixedWindow = 0
  /** Arrivals of the last 60 seconds: ours, and all that were let through. */
  readonly arrivals: number[] = []
  readonly #passed: number[] = []

  constructor(limit: number, { window, core, latencyMaxMs }: Mix, chance: Chance) {
    this.limit = limit
    this.#window = window
    this.#phaseMs = chance.between(0, windowMs)
    // Calls that leave evenly arrive in heaps, if their latency varies: a bucket that is no trap has room for those too.
    const heap = (limit * latencyMaxMs) / windowMs + 1
    this.#bucketMax = Math.min(limit, Math.max(2 * core.burst, core.burst + heap, chance.int(2, limit)))
    this.#tokens = this.#bucketMax
  }

  /** Counts a call; @returns null if it is within the limit, else after how long the next one is. */
  arrive(nowMs: number, isOurs: boolean): number | null {
    if (isOurs) this.arrivals.push(nowMs)
    while (this.arrivals[0] !== undefined && this.arrivals[0] <= nowMs - windowMs) this.arrivals.shift()
    if (this.limit === 0) return null
    switch (this.#window) {
      case 'fixed': {
        const window = Math.floor((nowMs + this.#phaseMs) / windowMs)
        if (window !== this.#fixedWindow) this.#inFixedWindow = 0
        this.#fixedWindow = window
        if (this.#inFixedWindow >= this.limit) return (window + 1) * windowMs - this.#phaseMs - nowMs
        this.#inFixedWindow += 1
        return null
      }
      case 'sliding': {
        while (this.#passed[0] !== undefined && this.#passed[0] <= nowMs - windowMs) this.#passed.shift()
        if (this.#passed.length >= this.limit) return this.#passed[0]! + windowMs - nowMs
        this.#passed.push(nowMs)
        return null
      }
      case 'bucket': {
        const perMs = this.limit / windowMs
        this.#tokens = Math.min(this.#bucketMax, this.#tokens + (nowMs - this.#atMs) * perMs)
        this.#atMs = nowMs
        if (this.#tokens < 1) return (1 - this.#tokens) / perMs
        this.#tokens -= 1
        return null
      }
    }
  }
}

export class PartooModel {
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda: Agenda
  readonly #limits = new Map<string, ServerLimit>()
  readonly #created = new Map<string, Accepted>()
  readonly #unauthorized = new Set<string>()
  readonly #forbidden = new Set<string>()
  #outage = false
  #faultsOn = true
  /** Whether the limit is never to be exceeded: one replica from the start, no other client. */
  readonly #isStrict: boolean
  readonly seen = { calls: 0, accepted: 0, repeats: 0, limited: 0, mostInWindow: 0, startedMs: [] as number[] }

  constructor(mix: Mix, chance: Chance, agenda: Agenda, isStrict: boolean) {
    this.#mix = mix
    this.#chance = chance
    this.#agenda = agenda
    this.#isStrict = isStrict
    for (const { name, limitPerMinute } of mix.organizations) {
      this.#limits.set(name, new ServerLimit(limitPerMinute, mix, chance))
    }
    this.#scheduleFaults()
  }

  /**
   * A replica calls. The answer comes once, unless the caller is gone by then.
   *
   * @param isAlive whether the caller still runs: what a dead one had not sent by then may or may not arrive
   */
  call(call: Call, record: WorldRecord, isAlive: () => boolean, answer: (answer: Answer) => void): void {
    const chance = this.#chance
    const faults = this.#mix.faults
    const totalMs =
      this.#mix.profile === 'steady'
        ? chance.between(1, this.#mix.latencyMaxMs)
        : chance.latencyMs(this.#mix.latencyMaxMs)
    const arrivesMs = totalMs * chance.random()
    this.seen.startedMs.push(this.#agenda.nowMs)
    const hangs = this.#faultsOn && chance.happens(faults.hang)
    const isReset = this.#faultsOn && chance.happens(faults.reset)
    const arrives = !(hangs || isReset) || chance.happens(0.5)
    const broken: Answer | null = hangs
      ? { kind: 'unavailable', status: null, detail: 'timeout', retryAfterMs: null, body: null }
      : isReset
        ? { kind: 'unavailable', status: null, detail: 'connection reset', retryAfterMs: null, body: null }
        : null
    let truth: Answer | null = null
    this.#agenda.after(arrivesMs, () => {
      if (arrives && (isAlive() || chance.happens(0.5))) truth = this.#arrive(call, record)
    })
    this.#agenda.after(hangs ? timeoutMs : totalMs, () => {
      const heard = broken ?? truth
      if (heard !== null) answer(heard)
    })
  }

  /** From now on everything works; what content is refused stays refused. */
  heal(): void {
    this.#faultsOn = false
    this.#outage = false
    this.#unauthorized.clear()
    this.#forbidden.clear()
  }

  #arrive(call: Call, record: WorldRecord): Answer {
    const { message, channelId, organization } = call
    const limit = this.#limits.get(organization)!
    this.seen.calls += 1
    const overForMs = limit.arrive(this.#agenda.nowMs, true)
    this.#judgeLimit(organization, limit, overForMs)
    if (overForMs !== null) {
      this.seen.limited += 1
      return { kind: 'limited', status: 429, retryAfterMs: Math.max(1_000, Math.ceil(overForMs / 1_000) * 1_000) }
    }
    if (this.#unauthorized.has(organization)) return { kind: 'misdirected', status: 401, body: Buffer.from('key') }
    const failsAfterEffect = this.#faultsOn && this.#chance.happens(this.#mix.faults.serverError / 4)
    if (this.#outage || (this.#faultsOn && this.#chance.happens(this.#mix.faults.serverError)))
      return this.#serverError()
    if (this.#faultsOn && record.content === 'cursed') return this.#serverError()
    if (this.#forbidden.has(`${channelId}/${message.business_id}`)) {
      return { kind: 'forbidden', status: this.#chance.pick([403, 404]), body: Buffer.from('{}') }
    }
    if (record.content === 'rejected') {
      return { kind: 'rejected', status: this.#chance.pick([400, 413, 422]), body: Buffer.from('{}') }
    }
    this.#accept(call, record)
    return failsAfterEffect ? this.#serverError() : { kind: 'accepted', status: 200 }
  }

  #serverError(): Answer {
    const retryAfterMs = this.#chance.happens(0.2) ? this.#chance.int(1, 40) * 1_000 : null
    return { kind: 'unavailable', status: 503, detail: 'HTTP 503', retryAfterMs, body: null }
  }

  /** The limit holds for every window of 60 seconds at the server, whatever window it keeps itself. */
  #judgeLimit(organization: string, limit: ServerLimit, overForMs: number | null): void {
    if (limit.limit === 0) return
    this.seen.mostInWindow = Math.max(this.seen.mostInWindow, limit.arrivals.length / limit.limit)
    if (!this.#isStrict) return
    if (limit.arrivals.length > limit.limit) {
      fail('L4 limit', `${organization}: ${limit.arrivals.length} calls within 60 s, the limit is ${limit.limit}`)
    }
    if (overForMs !== null) fail('L4 limit', `${organization}: 429 from a ${this.#mix.window} window`)
  }

  #accept({ message, channelId }: Call, record: WorldRecord): void {
    const id = `${channelId}/${message.external_message_id}`
    if (this.#created.has(id)) this.seen.repeats += 1
    else this.#created.set(id, { record, atMs: this.#agenda.nowMs })
    this.seen.accepted += 1
    if (record.accepted) return
    record.accepted = true
    const { previous } = record
    if (previous !== null && !previous.accepted && !previous.condemned) {
      fail('L2 order', `Partoo took ${nameOf(record)} before ${nameOf(previous)} of the same conversation`)
    }
  }

  #scheduleFaults(): void {
    const { faults, organizations } = this.#mix
    for (const organization of organizations) {
      this.#phases(faults.unauthorizedEveryMs, (on) => {
        if (on) this.#unauthorized.add(organization.name)
        else this.#unauthorized.delete(organization.name)
      })
      for (const channel of organization.channels.slice(0, faults.forbiddenBusinesses)) {
        const name = `${channel.id}/business-${this.#chance.int(0, channel.businesses - 1)}`
        this.#forbidden.add(name)
        if (this.#chance.happens(0.5))
          this.#agenda.after(this.#chance.between(1_000, 200_000), () => this.#forbidden.delete(name))
      }
      if (faults.otherClient && organization.limitPerMinute > 0) this.#otherClient(organization.name)
    }
    this.#phases(faults.outageEveryMs, (on) => {
      this.#outage = on
    })
  }

  #phases(everyMs: number, set: (on: boolean) => void): void {
    if (everyMs === 0) return
    this.#agenda.after(this.#chance.between(0, 2 * everyMs), () => {
      if (!this.#faultsOn) return
      set(true)
      this.#agenda.after(this.#chance.between(1_000, 40_000), () => {
        if (!this.#faultsOn) return
        set(false)
        this.#phases(everyMs, set)
      })
    })
  }

  /** Somebody else uses the organization's keys: some of the limit is gone. */
  #otherClient(organization: string): void {
    this.#agenda.after(this.#chance.between(5_000, 60_000), () => {
      if (!this.#faultsOn) return
      const limit = this.#limits.get(organization)!
      for (let i = this.#chance.int(1, limit.limit); i > 0; i -= 1) limit.arrive(this.#agenda.nowMs, false)
      this.#otherClient(organization)
    })
  }
}

export function nameOf({ record }: { record: { topic: string; partition: number; offset: number } }): string {
  return `${record.topic}/${record.partition}@${record.offset}`
}
