// Real: the core. Doubled: a driver in virtual time, and a Partoo that gives whatever answers for a while, and 200 from then on.
// Failure: a message that is never called again, two of one conversation at once or out of order, two probes at once.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answers, coreOptions, outbound, recordAt, workOf } from '../../../../test/support/core-examples.ts'
import { Dispatcher } from './dispatcher.ts'
import { DueQueue } from './due-queue.ts'
import type { Effect, Fact, SuspensionReport } from './facts.ts'

const name = outbound
const at = '2026-01-01T00:00:00.000Z'
const end = (token: number, answer: (typeof answers)[keyof typeof answers]) =>
  ({ kind: 'called', token, answer, startedAt: at, endedAt: at, durationMs: 1 }) as const
const stored = (token: number) => ({ kind: 'published', token, stored: 'stored' }) as const

type Script = {
  messages: { conversation: number; business: number; channel: number }[]
  answers: string[]
  latenciesMs: number[]
}

/** Plays a script in virtual time: each call has the next answer and the next latency, and 200 when there are no more. */
function play({ messages, answers: script, latenciesMs }: Script) {
  const channels = ['one', 'two']
  const organizations = [{ name: 'org', limitPerMinute: 0, channels }]
  const core = new Dispatcher({ ...coreOptions, organizations, membershipMsMax: Number.POSITIVE_INFINITY })
  const due = new DueQueue<Fact>()
  const events: { atMs: number; effect: Effect }[] = []
  let calls = 0
  let wakeMs = Number.POSITIVE_INFINITY
  let nowMs = 0
  const submit = (fact: Fact) => {
    for (const effect of core.handle(fact, nowMs)) {
      events.push({ atMs: nowMs, effect })
      if (effect.kind === 'wake') wakeMs = effect.atMs
      if (effect.kind === 'publishReceipt' || effect.kind === 'storeDeadLetter') due.add(nowMs, stored(effect.token))
      if (effect.kind === 'commit') due.add(nowMs + 5, { kind: 'committed', generation: effect.generation, ok: true })
      if (effect.kind !== 'call') continue
      const answer = answers[(script[calls] ?? 'accepted') as keyof typeof answers]
      due.add(nowMs + (latenciesMs[calls % latenciesMs.length] ?? 0), end(effect.token, answer))
      calls += 1
    }
  }
  submit({ kind: 'assigned', generation: 1, partitions: [name], share: 1 })
  submit({
    kind: 'positioned',
    generation: 1,
    partitions: [{ ...name, offsetNext: 0, metadata: '', low: 0, end: 1_000 }],
  })
  const records = messages.map((_, offset) => recordAt(offset))
  submit({ kind: 'admitted', generation: 1, ...name, records, offsetNext: records.length })
  const results = messages.map(({ conversation, business, channel }, offset) => {
    const said = { conversation: `c${conversation}`, business: `b${business}`, channel: channels[channel] as string }
    return { token: offset + 1, decoded: workOf({ ...said, id: `${offset}` }) }
  })
  submit({ kind: 'decoded', results })
  for (let steps = 0; Math.min(due.nextMs, wakeMs) < 7 * 86_400_000; steps += 1) {
    if (steps > 20_000) throw new Error('it goes round in circles')
    nowMs = Math.max(nowMs, Math.min(due.nextMs, wakeMs))
    const fact = due.take(nowMs)
    if (fact === undefined) wakeMs = Number.POSITIVE_INFINITY
    submit(fact ?? { kind: 'woke' })
  }
  return { view: core.view(nowMs), events }
}

const kind = fc.constantFrom(...Object.keys(answers))
const script: fc.Arbitrary<Script> = fc.record({
  messages: fc.array(fc.record({ conversation: fc.nat(12), business: fc.nat(2), channel: fc.nat(1) }), {
    minLength: 1,
    maxLength: 40,
  }),
  answers: fc.oneof(
    fc.array(kind, { maxLength: 60 }),
    // Two or three in turns; faults that stay for a while, and one after the other.
    fc
      .tuple(fc.array(kind, { minLength: 2, maxLength: 3 }), fc.array(fc.nat(2), { maxLength: 60 }))
      .map(([kinds, picks]) => picks.map((pick) => kinds[pick % kinds.length] as string)),
    fc
      .array(fc.tuple(kind, fc.integer({ min: 1, max: 30 })), { minLength: 1, maxLength: 5 })
      .map((kinds) => kinds.flatMap(([one, times]) => Array.from({ length: times }, () => one))),
  ),
  latenciesMs: fc.oneof(
    fc.constant(10).map((ms) => [ms]),
    fc.array(fc.oneof(fc.nat(200), fc.nat(40_000)), { minLength: 1, maxLength: 10 }),
  ),
})
const oneInAnother: Script = {
  messages: [0, 1].map((conversation) => ({ conversation, business: 0, channel: 0 })),
  answers: ['forbidden', 'forbidden', 'forbidden', 'misdirected', 'forbidden'],
  latenciesMs: [0],
}

test('property: whatever Partoo answered for a while, nobody is lost: once it answers 200 all of it is settled', () => {
  fc.assert(
    fc.property(script, (played) => {
      const { view } = play(played)
      expect(view.partitions[0]).toMatchObject({ watermark: played.messages.length, held: 0, paused: false })
      expect(view).toMatchObject({ admitted: 0, admittedBytes: 0, inFlight: 0, publishing: 0, lanes: 0 })
    }),
    { numRuns: 150, examples: [[oneInAnother]] },
  )
})

test('property: of one conversation one message at a time is called, in order', () => {
  fc.assert(
    fc.property(script, (played) => {
      const laneOf = (token: number) => {
        const { channel, conversation } = played.messages[token - 1] as Script['messages'][number]
        return `${channel} ${conversation}`
      }
      const last = new Map<string, number>()
      const open = new Map<string, number>()
      for (const { effect } of play(played).events) {
        if (effect.kind === 'call') {
          expect(open.has(laneOf(effect.token))).toBe(false)
          expect(effect.token).toBeGreaterThanOrEqual(last.get(laneOf(effect.token)) ?? 0)
          last.set(laneOf(effect.token), effect.token)
          open.set(laneOf(effect.token), effect.token)
        } else if (effect.kind === 'tellAttempt') open.delete(laneOf(effect.record.offset + 1))
      }
      expect(open.size).toBe(0)
    }),
    { numRuns: 100 },
  )
})

const probeInProbe: Script = {
  messages: [0, 1].map((conversation) => ({ conversation, business: 0, channel: 0 })),
  answers: ['forbidden', 'misdirected'],
  latenciesMs: [0, 5_001, 5_002, 0],
}

test('property: of what is suspended one probe at a time is sent, and none before its time', () => {
  fc.assert(
    fc.property(script, (played) => {
      const { events } = play(played)
      const suspended = new Map<string, { of: SuspensionReport; sinceMs: number; probe: number | null }>()
      for (const { atMs, effect } of events) {
        if (effect.kind === 'tellSuspension') {
          const key = `${effect.scope} ${effect.channelId} ${effect.businessId}`
          expect(suspended.has(key)).toBe(!effect.suspended)
          if (effect.suspended) suspended.set(key, { of: effect, sinceMs: atMs, probe: null })
          else suspended.delete(key)
        } else if (effect.kind === 'call') {
          for (const one of suspended.values()) {
            if (one.of.channelId !== null && one.of.channelId !== effect.channelId) continue
            if (one.of.businessId !== null && one.of.businessId !== effect.message.business_id) continue
            expect([one.probe, atMs - one.sinceMs >= (one.of.scope === 'outage' ? 1_000 : 5_000)]).toEqual([null, true])
            one.probe = effect.token
          }
        } else if (effect.kind === 'tellAttempt') {
          for (const one of suspended.values()) if (one.probe === effect.record.offset + 1) one.probe = null
        }
      }
    }),
    { numRuns: 100, examples: [[probeInProbe]] },
  )
})
