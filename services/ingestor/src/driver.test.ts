// Real: the driver, its timer, the metrics. Doubled: the core, by a list of the facts it was given and the effects it answers
// next; Kafka and Partoo, by functions. Failure: an effect that is not performed, or more than once, a fact that is lost or
// comes inside another, a wake that never comes, a wait for a schema that holds up the end.

import type { Log } from '@bridge/runtime/log'
import { expect, test, vi } from 'vitest'
import type { IngestorConfig } from './config.ts'
import type { Dispatcher } from './core/dispatcher.ts'
import type { Effect, Fact } from './core/facts.ts'
import { Driver, type DriverParts } from './driver.ts'
import { createMetrics } from './metrics.ts'

const source = { topic: 't', partition: 0, offset: 1, timestampMs: 0, key: null, value: null, headers: [] }
const receipt: Extract<Effect, { kind: 'publishReceipt' }>['receipt'] = {
  status: 'duplicate',
  reason: null,
  channel_id: 'chat',
  external_conversation_id: 'c',
  external_message_id: 'm',
  business_id: '42',
  at: null,
  attempts: 0,
  http_status: null,
  source: { topic: 't', partition: 0, offset: 1 },
  partoo: null,
}

/** A driver whose core answers each fact with what `answer` says. */
function world(
  answer: (fact: Fact) => Effect[] = () => [],
  config: Partial<IngestorConfig> = {},
  schemas: DriverParts['schemas'] = null,
) {
  const facts: Fact[] = []
  const published: unknown[] = []
  const told: { level: string; text: string }[] = []
  let depth = 0
  const core = {
    handle(fact: Fact) {
      depth += 1
      expect(depth).toBe(1)
      facts.push(fact)
      const effects = answer(fact)
      depth -= 1
      return effects
    },
  } as unknown as Dispatcher
  const channels = { byId: new Map([['chat', { organization: 'o', name: null }]]), defaultChannelId: 'chat' }
  const metrics = createMetrics({
    channels: channels.byId,
    view: () => {
      throw new Error('not scraped here')
    },
    highWatermark: () => undefined,
    disagrees: () => false,
    registryWaiting: () => [],
  })
  const at = (level: string) => (_: unknown, text: string) => told.push({ level, text })
  const driver = new Driver({
    core,
    config: {
      organizations: [{ name: 'o', apiKey: () => 'k', limitPerMinute: 0, channels: ['chat'] }],
      channels,
      topics: { outbound: 't', bulk: null, dlq: 'd', receipts: 'r' },
      benchmarkWithoutReceipts: false,
      ...config,
    } as IngestorConfig,
    client: {} as DriverParts['client'],
    producer: {
      publish: async (record: unknown) => {
        published.push(record)
        return { kind: 'stored' }
      },
    } as unknown as DriverParts['producer'],
    schemas,
    metrics,
    log: { info: at('info'), warn: at('warn') } as unknown as Log,
  })
  const commits: unknown[] = []
  const consumer = { pause: vi.fn(), resume: vi.fn(), commit: vi.fn(async () => commits.push(1) === 1) }
  driver.attach(consumer)
  return { driver, facts, published, told, metrics, consumer }
}

const counted = async (metrics: ReturnType<typeof createMetrics>, name: 'receipts' | 'commits') =>
  (await metrics[name].get()).values.flatMap(({ labels, value }) => (value > 0 ? [[labels, value]] : []))

test('a commit goes out with its metadata; whether it was taken comes back, and is counted', async () => {
  const offsets = [{ topic: 't', partition: 0, offsetNext: 5, metadata: '1:abc' }]
  const { driver, facts, metrics, consumer } = world((fact) =>
    fact.kind === 'woke' ? [{ kind: 'commit', generation: 3, offsets }] : [],
  )
  driver.submit({ kind: 'woke' })
  driver.submit({ kind: 'woke' })
  await vi.waitFor(() => expect(facts).toHaveLength(4))
  expect(consumer.commit.mock.calls).toEqual([
    [3, offsets],
    [3, offsets],
  ])
  expect(facts.slice(2)).toEqual([
    { kind: 'committed', generation: 3, ok: true },
    { kind: 'committed', generation: 3, ok: false },
  ])
  expect(await counted(metrics, 'commits')).toEqual([
    [{ result: 'ok' }, 1],
    [{ result: 'failed' }, 1],
  ])
})

test('a receipt is published and counted by its status', async () => {
  const { driver, facts, published, metrics } = world((fact) =>
    fact.kind === 'woke' ? [{ kind: 'publishReceipt', token: 9, receipt, source }] : [],
  )
  driver.submit({ kind: 'woke' })
  await vi.waitFor(() => expect(facts).toContainEqual({ kind: 'published', token: 9, stored: 'stored' }))
  expect(published).toHaveLength(1)
  expect(await counted(metrics, 'receipts')).toEqual([[{ status: 'duplicate' }, 1]])
})

test('without receipts: none is published, each is answered once, in a following turn', async () => {
  const { driver, facts, published, metrics } = world(
    (fact) =>
      fact.kind === 'woke'
        ? [1, 2, 3].map((token) => ({ kind: 'publishReceipt', token, receipt, source }) as const)
        : [],
    { benchmarkWithoutReceipts: true },
  )
  driver.submit({ kind: 'woke' })
  driver.submit({ kind: 'woke' })
  expect(facts).toHaveLength(2)
  await vi.waitFor(() => expect(facts).toHaveLength(8))
  expect(facts.slice(2)).toEqual([1, 2, 3, 1, 2, 3].map((token) => ({ kind: 'published', token, stored: 'stored' })))
  expect(published).toEqual([])
  expect(await counted(metrics, 'receipts')).toEqual([])
})

test('it wakes at the latest time asked for, not at one that was put off, and not later than one brought forward', async () => {
  const wakes: number[] = []
  const asked = [40, 60_000, 60]
  const startMs = performance.now()
  const { driver } = world((fact) => {
    if (fact.kind === 'heartbeat') return [{ kind: 'wake', atMs: startMs + (asked.shift() ?? 0) }]
    if (fact.kind === 'woke') wakes.push(performance.now() - startMs)
    return []
  })
  for (let i = 0; i < 3; i += 1) driver.submit({ kind: 'heartbeat', ageMs: 0 })
  await vi.waitFor(() => expect(wakes).toHaveLength(1))
  expect(wakes[0]).toBeGreaterThanOrEqual(60)
})

test('a suspension is told when it begins and when it ends', () => {
  const report = { scope: 'credential', organization: 'o', channelId: null, businessId: null } as const
  const { driver, told } = world((fact) => [
    {
      kind: 'tellSuspension',
      suspended: fact.kind === 'woke',
      ...report,
      cause: 'misdirected',
      forMs: 5_000,
      status: 401,
    },
  ])
  driver.submit({ kind: 'woke' })
  driver.submit({ kind: 'stopping' })
  expect(told).toEqual([
    { level: 'warn', text: 'credential suspended: messages are kept, one probe at a time goes out' },
    { level: 'info', text: 'credential not suspended any more' },
  ])
})

test('what waits for a schema is forgotten with its partition, and does not hold up the end', async () => {
  const never: DriverParts['schemas'] = {
    read: () => ({ kind: 'schema-needed' }),
    fetch: () => new Promise(() => {}),
  }
  const framed = { ...source, value: Buffer.from([0, 0, 0, 0, 7, 1]) }
  const { driver, facts } = world(
    (fact) => {
      if (fact.kind === 'woke') return [{ kind: 'decode', records: [{ token: 1, record: framed }] }]
      return fact.kind === 'stopping' ? [{ kind: 'tellDrained' }] : []
    },
    {},
    never,
  )
  driver.submit({ kind: 'woke' })
  expect(driver.decoding.waiting).toEqual([{ topic: 't', partition: 0, records: 1 }])
  driver.submit({ kind: 'assigned', generation: 2, partitions: [{ topic: 't', partition: 0 }], share: 1 })
  expect(driver.decoding.waiting).toHaveLength(1)
  driver.submit({ kind: 'assigned', generation: 3, partitions: [{ topic: 't', partition: 1 }], share: 1 })
  expect(driver.decoding.waiting).toEqual([])
  driver.submit({ kind: 'woke' })
  await driver.drain(10_000)
  expect(driver.decoding.waiting).toEqual([])
  expect(facts.map(({ kind }) => kind)).toEqual(['woke', 'assigned', 'assigned', 'woke', 'stopping'])
})
