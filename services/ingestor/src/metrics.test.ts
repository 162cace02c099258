// Real: the metrics and the log of stuck partitions. Doubled: what the core holds. Failure: a series that is missing, that
// blames the wrong cause, that makes a scrape cost more than one look at the core, or a stuck conversation nobody hears of.

import type { Log } from '@bridge/runtime/log'
import { expect, test, vi } from 'vitest'
import type { SuspensionReport } from './core/facts.ts'
import type { CoreView } from './core/view.ts'
import { waitCauses } from './core/waits.ts'
import { createMetrics } from './metrics.ts'
import { tellStuckPartitions } from './stuck.ts'

type Oldest = CoreView['partitions'][number]['oldest']

const channels = new Map([
  ['chat', { organization: 'o', name: null }],
  ['app', { organization: 'o', name: null }],
  ['else', { organization: 'p', name: null }],
])

function viewWith(oldest: Oldest, more: Partial<CoreView> = {}): CoreView {
  const partition = { topic: 't', partition: 3, watermark: 10, cursor: 20, committed: 10, oldest }
  const nothing = Object.fromEntries(waitCauses.map((cause) => [cause, 0])) as CoreView['waitedSeconds']
  return {
    admitted: 4,
    admittedBytes: 400,
    inFlight: 2,
    publishing: 1,
    lanes: 3,
    rememberedIds: 7,
    organizations: [
      { name: 'o', usedRatio: 0.5, share: 0.25, outage: true, pausedForMs: 1500 },
      { name: 'p', usedRatio: 0, share: 0, outage: false, pausedForMs: 0 },
    ],
    suspensions: [],
    shareAssigned: 0.5,
    waitedSeconds: { ...nothing, limit: 12.5 },
    partitions: [{ ...partition, held: 4, settledBeyond: 6, paused: true }],
    ...more,
  }
}

const stuck = () => ({
  offset: 10,
  timestampMs: Date.now() - 120_000,
  sinceMs: performance.now() - 90_000,
  cause: 'backoff' as const,
  channelId: 'chat',
  conversationId: 'c',
  suspension: null,
})

function suspension(more: Partial<SuspensionReport>): SuspensionReport {
  const base = {
    scope: 'credential',
    organization: 'o',
    channelId: null,
    businessId: null,
    cause: 'misdirected',
  } as const
  return { ...base, forMs: 0, status: 401, ...more }
}

function scrape(view: () => CoreView, end: number | undefined = 25): Promise<string> {
  return createMetrics({
    channels,
    view,
    highWatermark: () => end,
    disagrees: () => false,
    registryWaiting: () => [{ topic: 't', partition: 3, records: 7 }],
  }).registry.metrics()
}

test('what the core holds, how old the oldest record is, for how long it is stuck, and why', async () => {
  const text = await scrape(() => viewWith(stuck()))
  const at = '{topic="t",partition="3"}'
  expect(text).toContain('partoo_in_flight 2\n')
  expect(text).toContain('partoo_share{organization="o"} 0.25\n')
  expect(text).toContain('partoo_share_assigned 0.5\n')
  expect(text).toContain(`partoo_lag${at} 15\n`)
  expect(text).toContain(`partoo_registry_waiting${at} 7\n`)
  expect(text).toContain(`partoo_partition_held_records${at} 4\n`)
  expect(text).toContain(`partoo_settled_beyond_watermark${at} 6\n`)
  expect(text).toContain(`partoo_partition_paused${at} 1\n`)
  expect(text).toMatch(/partoo_oldest_unsettled_age_seconds\{topic="t",partition="3"\} 12\d/)
  expect(text).toMatch(/partoo_partition_stuck_seconds\{topic="t",partition="3",cause="backoff"\} 9\d/)
})

test('of each organization: its limit, its outage, its pause', async () => {
  const text = await scrape(() => viewWith(null))
  expect(text).toContain('partoo_limit_used_ratio{organization="o"} 0.5\n')
  expect(text).toContain('partoo_outage{organization="o"} 1\n')
  expect(text).toContain('partoo_outage{organization="p"} 0\n')
  expect(text).toContain('partoo_organization_paused_seconds{organization="o"} 1.5\n')
})

test('what is suspended, by channel and scope', async () => {
  let suspensions = [
    suspension({}),
    suspension({ scope: 'business', channelId: 'app', businessId: '1' }),
    suspension({ scope: 'business', channelId: 'app', businessId: '2' }),
    suspension({ scope: 'channel', channelId: 'else', organization: 'p' }),
    suspension({ scope: 'outage', organization: 'p' }),
  ]
  const { registry } = createMetrics({
    channels,
    view: () => viewWith(null, { suspensions }),
    highWatermark: () => undefined,
    disagrees: () => false,
    registryWaiting: () => [],
  })
  const series = async () =>
    [...(await registry.metrics()).matchAll(/partoo_suspended\{channel="(\w+)",scope="(\w+)"\} (\d+)/g)].map(
      ([, channel, scope, count]) => `${channel} ${scope} ${count}`,
    )
  const expected = [
    ...['chat credential 1', 'chat channel 0', 'chat business 0'],
    ...['app credential 1', 'app channel 0', 'app business 2'],
    ...['else credential 0', 'else channel 1', 'else business 0'],
  ]
  expect(await series()).toEqual(expected)
  suspensions = []
  expect(await series()).toEqual(expected.map((line) => line.replace(/\d$/, '0')))
})

test('seconds waited are the core’s, however often they are read', async () => {
  let limit = 12.5
  const { registry } = createMetrics({
    channels,
    view: () => {
      const view = viewWith(null)
      return { ...view, waitedSeconds: { ...view.waitedSeconds, limit } }
    },
    highWatermark: () => undefined,
    disagrees: () => false,
    registryWaiting: () => [],
  })
  expect(await registry.metrics()).toContain('partoo_wait_seconds_total{cause="limit"} 12.5\n')
  limit = 20
  const text = await registry.metrics()
  expect(text).toContain('partoo_wait_seconds_total{cause="limit"} 20\n')
  expect(text).toContain('partoo_wait_seconds_total{cause="back-pressure"} 0\n')
})

test('a scrape looks at the core once, and the next one anew', async () => {
  const view = vi.fn(() => viewWith(stuck()))
  const { registry } = createMetrics({
    channels,
    view,
    highWatermark: () => 25,
    disagrees: () => true,
    registryWaiting: () => [],
  })
  await registry.metrics()
  expect(view).toHaveBeenCalledTimes(1)
  await registry.metrics()
  expect(view).toHaveBeenCalledTimes(2)
})

test('every series of a closed set is there from the start', async () => {
  const text = await scrape(() => viewWith(null), undefined)
  expect(text).toContain('partoo_calls_total{channel="chat",outcome="misdirected"} 0\n')
  expect(text).toContain('partoo_dead_letters_total{reason="retries-exhausted"} 0\n')
  for (const status of ['accepted', 'rejected', 'duplicate']) {
    expect(text).toContain(`partoo_receipts_total{status="${status}"} 0\n`)
  }
  for (const result of ['ok', 'failed']) expect(text).toContain(`partoo_commits_total{result="${result}"} 0\n`)
  expect(text).toContain('partoo_rebalances_total 0\n')
  expect(text).not.toContain('partoo_partition_stuck_seconds{')
})

test('a partition that is stuck for more than a minute is told once a minute, with its conversation', () => {
  vi.useFakeTimers()
  const lines: unknown[][] = []
  const log = { warn: (...line: unknown[]) => lines.push(line) } as unknown as Log
  const suspended = suspension({ scope: 'channel', cause: 'forbidden', channelId: 'chat' })
  let oldest: Oldest = { ...stuck(), cause: 'suspension', sinceMs: performance.now(), suspension: suspended }
  const telling = tellStuckPartitions(() => viewWith(oldest), log)
  vi.advanceTimersByTime(59_000)
  expect(lines).toEqual([])
  vi.advanceTimersByTime(61_000)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatchObject([
    { external_conversation_id: 'c', cause: 'suspension', offset: 10, settledBeyond: 6, paused: true },
    'partition stuck',
  ])
  expect(lines[0]).toMatchObject([{ scope: 'channel', check: expect.stringContaining('API key') }, expect.anything()])
  oldest = null
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(2)
  telling.stop()
  vi.useRealTimers()
})
