// Small worlds in full. Real: the core. Doubled: the world, which is a list of what is under way; every order in which it
// can end is tried, and every way in which it can end, up to a number of failures. Failure: a message called before the one
// before it in its lane has an outcome, a record called again after its outcome, a commit past an unsettled record, or a
// world that ends with a record unsettled or uncommitted.

import { Dispatcher } from '@bridge/ingestor/core/dispatcher'
import type { Effect, Fact } from '@bridge/ingestor/core/facts'
import { seededRandom } from '@bridge/ingestor/core/retry'
import type { Answer } from '@bridge/partoo/answer'
import { noIds } from '@bridge/schemas/outbound-message'
import { expect, test } from 'vitest'

/** One record a letter: a or b is its lane, x is poison, - a tombstone. */
type Small = {
  records: string
  failuresMax: number
  /** Once, at any time: the partition is assigned anew, or goes to nobody and comes back later. */
  rebalance: 'none' | 'kept' | 'lost'
  answers: readonly Answer['kind'][]
  /** 0: after every settlement; else there are far fewer ways, as a commit waits until time has passed. */
  commitIntervalMs: number
}
type UnderWay = { end: (kind: string) => Fact; kinds: string[] }

const partition = { topic: 'outbound', partition: 0 }
const firstOffset = 10
const stepsMax = 200
const startedAt = '2026-01-01T00:00:00.000Z'

const answers: Record<Answer['kind'], Answer> = {
  accepted: { kind: 'accepted', status: 200 },
  rejected: { kind: 'rejected', status: 400, body: Buffer.from('{}') },
  forbidden: { kind: 'forbidden', status: 403, body: Buffer.from('{}') },
  misdirected: { kind: 'misdirected', status: 401, body: Buffer.from('{}') },
  limited: { kind: 'limited', status: 429, retryAfterMs: 1_000 },
  unavailable: {
    kind: 'unavailable',
    status: 503,
    detail: 'HTTP 503',
    retryAfterMs: null,
    body: null,
    timedOut: false,
  },
}

/** One way through a small world: `choose` picks among what may happen next. */
class SmallWorld {
  readonly #small: Small
  readonly #choose: (among: number) => number
  readonly #dispatcher: Dispatcher
  readonly #underWay: UnderWay[] = []
  readonly #offsetOf = new Map<number, number>()
  readonly #outcome = new Set<number>()
  readonly #settled = new Set<number>()
  readonly #calling = new Set<number>()
  #committed = { offsetNext: firstOffset, metadata: '', settled: new Set<number>() }
  /** What the commit that the partition came back with says to be settled. */
  #handedOver = new Set<number>()
  /** A commit that was on its way when the partition was assigned anew may land last: that is a regress, and harmless. */
  #committedMost = firstOffset
  #nowMs = 0
  #wakeMs = Number.POSITIVE_INFINITY
  #generation = 0
  #failures = 0
  #partition: 'first' | 'lost' | 'back' = 'first'

  constructor(small: Small, choose: (among: number) => number) {
    this.#small = small
    this.#choose = choose
    this.#dispatcher = new Dispatcher({
      organizations: [{ name: 'org', limitPerMinute: 0, channels: ['channel'] }],
      bulkTopic: null,
      burst: 1,
      inFlightMax: 4,
      admittedMax: 100,
      admittedBytesMax: 1 << 20,
      spanMax: 100,
      reportingMax: 100,
      commitIntervalMs: small.commitIntervalMs,
      rememberedIdsMax: 100,
      retry: { attemptsMax: 8, ageMinMs: 900_000 },
      membershipMsMax: 4_000,
      random: seededRandom(1),
    })
  }

  run(): void {
    this.#assign()
    for (let step = 0; step < stepsMax; step += 1) {
      const mayMove = this.#small.rebalance !== 'none' && this.#partition !== 'back'
      if (this.#underWay.length === 0 && this.#partition === 'lost') this.#move()
      else if (this.#underWay.length === 0 && this.#isDone()) return
      else if (this.#underWay.length === 0) this.#passTime()
      else {
        const choice = this.#choose(this.#underWay.length + (mayMove ? 1 : 0))
        if (choice === this.#underWay.length) this.#move()
        else this.#end(choice)
      }
    }
    throw new Error('does not come to rest')
  }

  #end(index: number): void {
    const [ended] = this.#underWay.splice(index, 1)
    const { kinds, end } = ended!
    const kind = this.#failures < this.#small.failuresMax ? kinds[this.#choose(kinds.length)]! : kinds[0]!
    if (kind !== kinds[0]) this.#failures += 1
    this.#submit(end(kind))
  }

  /** Only waiting helps: until the core asked to be woken, and still a member then. */
  #passTime(): void {
    if (this.#wakeMs === Number.POSITIVE_INFINITY) throw new Error('waits for nothing, and is not done')
    this.#nowMs = Math.max(this.#nowMs, this.#wakeMs)
    this.#wakeMs = Number.POSITIVE_INFINITY
    this.#submit({ kind: 'heartbeat', ageMs: 0 })
    this.#submit({ kind: 'woke' })
  }

  #move(): void {
    if (this.#small.rebalance === 'lost' && this.#partition === 'first') {
      this.#partition = 'lost'
      this.#generation += 1
      this.#submit({ kind: 'assigned', generation: this.#generation, partitions: [], share: 0 })
      return
    }
    this.#partition = 'back'
    this.#assign()
  }

  #assign(): void {
    this.#generation += 1
    const end = firstOffset + this.#small.records.length
    const { offsetNext, metadata, settled } = this.#committed
    this.#handedOver = settled
    const partitions = [{ ...partition, offsetNext, metadata, low: 0, end }]
    this.#submit({ kind: 'assigned', generation: this.#generation, partitions: [partition], share: 1 })
    this.#submit({ kind: 'positioned', generation: this.#generation, partitions })
    const cursor = this.#dispatcher.cursor(this.#generation, partition)!
    const all = [...this.#small.records].map((_, index) => recordAt(firstOffset + index))
    const records = all.filter(({ offset }) => offset >= cursor)
    if (records.length > 0)
      this.#submit({ kind: 'admitted', generation: this.#generation, ...partition, records, offsetNext: end })
  }

  #submit(fact: Fact): void {
    this.#note(fact)
    for (const effect of this.#dispatcher.handle(fact, this.#nowMs)) this.#perform(effect)
  }

  #note(fact: Fact): void {
    if (fact.kind === 'called') {
      const offset = this.#offsetOf.get(fact.token)!
      this.#calling.delete(offset)
      if (fact.answer.kind === 'accepted') this.#outcome.add(offset)
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'decode': {
        const results = effect.records.map(({ token, record }) => {
          this.#offsetOf.set(token, record.offset)
          return { token, decoded: decodedAt(this.#small.records[record.offset - firstOffset]!, record.offset) }
        })
        this.#begin(['decoded'], () => ({ kind: 'decoded', results }))
        return
      }
      case 'call': {
        const { token } = effect
        this.#judgeCall(this.#offsetOf.get(token)!)
        this.#begin([...this.#small.answers], (kind) => {
          const answer = answers[kind as Answer['kind']]
          return { kind: 'called', token, answer, startedAt, endedAt: startedAt, durationMs: 0 }
        })
        return
      }
      case 'publishReceipt':
      case 'storeDeadLetter': {
        const { token } = effect
        if (effect.kind === 'storeDeadLetter') this.#outcome.add(this.#offsetOf.get(token)!)
        this.#begin(['stored', 'failed'], (kind) => {
          const stored = kind as 'stored' | 'failed'
          if (stored === 'stored' && effect.kind === 'publishReceipt') this.#settled.add(this.#offsetOf.get(token)!)
          return { kind: 'published', token, stored }
        })
        return
      }
      case 'tellTombstone':
        this.#settled.add(effect.record.offset)
        return
      case 'commit': {
        const { generation, offsets } = effect
        const [commit] = offsets
        const settled = new Set(this.#settled)
        this.#begin(['ok', 'failed'], (kind) => {
          this.#judgeCommit(commit!.offsetNext)
          if (kind === 'ok') this.#committed = { ...commit!, settled }
          this.#committedMost = Math.max(this.#committed.offsetNext, this.#committedMost)
          return { kind: 'committed', generation, ok: kind === 'ok' }
        })
        return
      }
      case 'wake':
        this.#wakeMs = effect.atMs
        return
      case 'pause':
      case 'resume':
      case 'tellAttempt':
      case 'tellSuspension':
      case 'tellDeleted':
      case 'tellDrained':
        return
      default:
        effect satisfies never
    }
  }

  #begin(kinds: string[], end: UnderWay['end']): void {
    this.#underWay.push({ kinds, end })
  }

  #judgeCall(offset: number): void {
    const lane = this.#small.records[offset - firstOffset]!
    if (this.#calling.has(offset)) throw new Error(`L5: ${offset} is called while its call is under way`)
    if (this.#handedOver.has(offset))
      throw new Error(`L5: ${offset} is called, though the commit says that it is settled`)
    // What was settled of a partition that went may be forgotten with it, as far as no commit says it.
    const mayBeForgotten = this.#small.rebalance === 'lost' && this.#partition === 'back' && this.#settled.has(offset)
    if (this.#outcome.has(offset) && !mayBeForgotten) throw new Error(`L5: ${offset} is called again after its outcome`)
    for (let before = firstOffset; before < offset; before += 1) {
      if (this.#small.records[before - firstOffset] === lane && !this.#outcome.has(before)) {
        throw new Error(`L2: ${offset} is called before ${before} has an outcome`)
      }
    }
    this.#calling.add(offset)
  }

  #judgeCommit(offsetNext: number): void {
    for (let offset = firstOffset; offset < offsetNext; offset += 1) {
      if (!this.#settled.has(offset)) throw new Error(`L1: ${offsetNext} is committed, ${offset} is not settled`)
    }
  }

  #isDone(): boolean {
    const end = firstOffset + this.#small.records.length
    return this.#settled.size === this.#small.records.length && this.#committedMost === end
  }
}

function recordAt(offset: number) {
  return { ...partition, offset, timestampMs: 0, key: null, value: Buffer.from('{}'), headers: [] }
}

function decodedAt(letter: string, offset: number) {
  if (letter === '-') return { kind: 'tombstone' } as const
  if (letter === 'x') return { kind: 'poison', reason: 'invalid', detail: 'content is missing', ids: noIds } as const
  const message = {
    business_id: 'business',
    external_conversation_id: letter,
    external_message_id: `${offset}`,
    content: 'text',
    sender_type: 'User' as const,
    consumer_name: null,
    consumer_image: null,
    channel_id: null,
  }
  return { kind: 'work', message, channelId: 'channel', organization: 'org', digest: `${letter} text` } as const
}

/** Goes every way through a small world. @returns how many there are */
function explore(small: Small): number {
  const path: { choice: number; among: number }[] = []
  for (let ways = 1; ; ways += 1) {
    let at = 0
    const choose = (among: number) => {
      if (at === path.length) path.push({ choice: 0, among })
      const { choice } = path[at++]!
      return choice
    }
    try {
      new SmallWorld(small, choose).run()
    } catch (error) {
      const choices = path.map(({ choice }) => choice).join(' ')
      throw new Error(`${small.records} by way of ${choices}: ${(error as Error).message}`, { cause: error })
    }
    path.length = at
    while (path.length > 0 && path.at(-1)!.choice + 1 === path.at(-1)!.among) path.pop()
    const last = path.at(-1)
    if (last === undefined) return ways
    last.choice += 1
  }
}

const anyAnswer = ['accepted', 'rejected', 'unavailable', 'limited', 'forbidden', 'misdirected'] as const

test.each([
  ['two records of one lane', 'aa', 2, 'none'],
  ['two records of two lanes', 'ab', 2, 'none'],
  ['two records of one lane, assigned anew', 'aa', 1, 'kept'],
  ['two records of two lanes, assigned anew', 'ab', 1, 'kept'],
  ['two records of one lane, the partition goes and comes back', 'aa', 1, 'lost'],
  ['two records of two lanes, the partition goes and comes back', 'ab', 1, 'lost'],
  ['a record, a poison one and a tombstone', 'ax-', 1, 'none'],
  ['three records of two lanes', 'aab', 2, 'none'],
  ['three records of two lanes, assigned anew', 'aba', 1, 'kept'],
  ['a poison record between two of a lane', 'axa', 2, 'none'],
  ['four records of one lane', 'aaaa', 1, 'none'],
  ['four records of two lanes', 'abab', 1, 'none'],
] as const)('%s: every order and outcome', (_, records, failuresMax, rebalance) => {
  const commitIntervalMs = records.length <= 2 && rebalance === 'none' ? 0 : 1_000
  expect(explore({ records, failuresMax, rebalance, answers: anyAnswer, commitIntervalMs })).toBeGreaterThan(10)
})

test.each([
  ['aabb', 1_000],
  ['abab', 0],
  ['abba', 1_000],
  ['aaab', 1_000],
  ['a-bb', 0],
] as const)('four records, %s: every order', (records, commitIntervalMs) => {
  const small = { records, failuresMax: 0, rebalance: 'none', answers: ['accepted'], commitIntervalMs } as const
  expect(explore(small)).toBeGreaterThan(20)
})
