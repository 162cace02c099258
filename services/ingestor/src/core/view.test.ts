// Real: the core and what it shows. Doubled: the driver, by hand. Failure: a cause that is not the one, so that an operator
// looks in the wrong place.

import { expect, test } from 'vitest'
import { answers, coreOptions, outbound, recordAt, workOf } from '../../../../test/support/core-examples.ts'
import { type CoreOptions, Dispatcher } from './dispatcher.ts'

const at = '2026-01-01T00:00:00.000Z'
const end = (token: number, answer: (typeof answers)[keyof typeof answers]) =>
  ({ kind: 'called', token, answer, startedAt: at, endedAt: at, durationMs: 1 }) as const

/** A core with a record of each conversation from offset 10 on, decoded at 0 ms unless told otherwise. */
function coreWith(conversations: string[], changed: Partial<CoreOptions> = {}, isDecoded = true): Dispatcher {
  const core = new Dispatcher({ ...coreOptions, membershipMsMax: 600_000, ...changed })
  core.handle({ kind: 'assigned', generation: 1, partitions: [outbound], share: 1 }, 0)
  const position = { ...outbound, offsetNext: 10, metadata: '', low: 0, end: 100 }
  core.handle({ kind: 'positioned', generation: 1, partitions: [position] }, 0)
  const records = conversations.map((_, i) => recordAt(10 + i))
  core.handle({ kind: 'admitted', generation: 1, ...outbound, records, offsetNext: 10 + records.length }, 0)
  const results = conversations.map((conversation, i) => ({
    token: i + 1,
    decoded: workOf({ conversation, id: `${i}` }),
  }))
  if (isDecoded) core.handle({ kind: 'decoded', results }, 0)
  return core
}

const oldest = (core: Dispatcher, nowMs: number) => core.view(nowMs).partitions[0]?.oldest
const cause = (core: Dispatcher, nowMs: number) => oldest(core, nowMs)?.cause

test('a partition shows how far it is, what it holds, and its oldest record', () => {
  const core = coreWith(['a', 'b'])
  core.handle(end(2, answers.accepted), 100)
  core.handle({ kind: 'published', token: 2, stored: 'stored' }, 200)
  expect(core.view(300).partitions).toEqual([
    {
      ...outbound,
      watermark: 10,
      cursor: 12,
      committed: 10,
      held: 1,
      settledBeyond: 1,
      paused: false,
      oldest: {
        ...{ offset: 10, timestampMs: 0, sinceMs: 0, cause: 'calling' },
        ...{ channelId: 'channel', conversationId: 'a', suspension: null },
      },
    },
  ])
})

test('since when it is the oldest tells how long nothing moved', () => {
  const core = coreWith(['a', 'b'])
  core.handle(end(1, answers.accepted), 100)
  core.handle({ kind: 'published', token: 1, stored: 'stored' }, 2_000)
  expect(oldest(core, 9_000)).toMatchObject({ offset: 11, sinceMs: 2_000 })
})

test('where all is settled there is no oldest, and nothing is held', () => {
  const core = coreWith(['a'])
  core.handle(end(1, answers.accepted), 100)
  core.handle({ kind: 'published', token: 1, stored: 'stored' }, 200)
  const view = core.view(300)
  expect(view).toMatchObject({ admitted: 0, admittedBytes: 0, inFlight: 0, publishing: 0, lanes: 0, rememberedIds: 1 })
  expect(view.partitions[0]).toMatchObject({ watermark: 11, held: 0, oldest: null })
})

test('the oldest record waits for its schema, its call, its backoff, or for Kafka', () => {
  expect(cause(coreWith(['a'], {}, false), 0)).toBe('schema-registry')
  const core = coreWith(['a'])
  expect(cause(core, 0)).toBe('calling')
  core.handle(end(1, answers.unavailable), 100)
  expect(cause(core, 100)).toBe('backoff')
  core.handle({ kind: 'woke' }, 600)
  core.handle(end(1, answers.accepted), 700)
  expect(cause(core, 700)).toBe('kafka')
})

test('or for the limit, or for a pause that Partoo asked for', () => {
  const organizations = [{ name: 'org', limitPerMinute: 60, channels: ['channel'] }]
  const core = coreWith(['a'], { organizations })
  expect([cause(core, 0), core.view(0).organizations[0]?.share, core.view(0).shareAssigned]).toEqual(['limit', 0, 1])
  const limited = coreWith(['a'])
  limited.handle(end(1, answers.limited), 100)
  expect([cause(limited, 60_099), limited.view(59_100).organizations]).toEqual([
    'retry-after',
    [{ name: 'org', usedRatio: 0, share: 1, outage: false, pausedForMs: 1_000 }],
  ])
})

test('or for a suspension, or an outage', () => {
  const core = coreWith(['a'])
  core.handle(end(1, answers.misdirected), 1_000)
  expect([cause(core, 2_000), core.view(2_000).suspensions]).toMatchObject([
    'suspension',
    [{ scope: 'credential', forMs: 1_000 }],
  ])
  const out = coreWith(Array.from({ length: 20 }, (_, i) => `c${i}`))
  for (let token = 1; token <= 20; token += 1) out.handle(end(token, answers.unavailable), 100)
  out.handle({ kind: 'woke' }, 600)
  expect([cause(out, 600), out.view(600).organizations]).toMatchObject(['outage', [{ outage: true }]])
})

test('or for what holds all calls back: membership, calls in flight, Kafka, the end', () => {
  const first = (changed: Partial<CoreOptions>) => {
    const core = coreWith(['a', 'b', 'b'], { inFlightMax: 1, ...changed })
    core.handle(end(1, answers.accepted), 100)
    core.handle({ kind: 'published', token: 1, stored: changed.reportingMax === undefined ? 'stored' : 'failed' }, 100)
    return core
  }
  const inFlight = coreWith(['a', 'a'], { inFlightMax: 1 })
  inFlight.handle({ kind: 'assigned', generation: 2, partitions: [outbound], share: 1 }, 50)
  inFlight.handle(end(1, answers.accepted), 100)
  inFlight.handle({ kind: 'published', token: 1, stored: 'stored' }, 100)
  expect(cause(inFlight, 100)).toBe('membership')
  const stopping = first({})
  stopping.handle(end(2, answers.limited), 200)
  stopping.handle({ kind: 'stopping' }, 60_300)
  expect(cause(stopping, 60_300)).toBe('stopping')
  const kafka = first({ reportingMax: 1 })
  expect(kafka.view(200)).toMatchObject({ inFlight: 0, publishing: 1 })
  expect(cause(kafka, 200)).toBe('kafka')
})

test('waited seconds grow by cause while it lasts', () => {
  const core = coreWith(['a', 'a', 'a'])
  core.handle(end(1, answers.misdirected), 0)
  core.handle({ kind: 'woke' }, 100)
  core.view(1_100)
  expect(core.view(3_100).waitedSeconds).toMatchObject({ suspension: 3, order: 6, limit: 0 })
})
