// The ingestor's metrics. Labels are closed sets: configured channels and organizations, topics, partitions, and our words.
// Every series of a closed set is there from the start, so that a first dead letter is an increase, not the birth of a series.

import { answerKinds } from '@bridge/partoo/answer'
import { deadLetterReasons } from '@bridge/schemas/receipt'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { CoreView } from './core/view.ts'
import { waitCauses } from './core/waits.ts'
import type { Channels } from './organizations.ts'

const secondsBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const delayBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400]
const suspensionScopes = ['credential', 'channel', 'business'] as const

export type Metrics = ReturnType<typeof createMetrics>

export type MetricsSources = {
  /** The configured ones. */
  channels: Channels['byId']
  /** What the core holds: read once a scrape. */
  view: () => CoreView
  /** The end of a partition's log as far as it is known. */
  highWatermark: (topic: string, partition: number) => number | undefined
  /** Whether this replica is configured otherwise than its group. */
  disagrees: () => boolean
  /** Partitions that wait for the schema registry, and how many of their records. */
  registryWaiting: () => { topic: string; partition: number; records: number }[]
}

/** Creates the metrics of one ingestor. */
export function createMetrics(sources: MetricsSources) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const view = oncePerTurn(sources.view)
  createGauges(registry, { ...sources, view })
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers: [registry] })
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, registers: [registry] })
  const metrics = {
    registry,
    calls: counter('partoo_calls_total', 'Calls to Partoo that ended, by what the answer meant', 'channel', 'outcome'),
    callSeconds: histogram('partoo_call_duration_seconds', 'How long Partoo takes to answer', secondsBuckets),
    acceptanceDelaySeconds: histogram(
      'partoo_acceptance_delay_seconds',
      'How late messages are: from a record’s Kafka timestamp to its acceptance by Partoo',
      delayBuckets,
    ),
    deadLetters: counter('partoo_dead_letters_total', 'Records stored in the dead-letter topic, by why', 'reason'),
    receipts: counter('partoo_receipts_total', 'Receipts published; duplicate: repeated, and so not called', 'status'),
    publishFailures: counter(
      'partoo_publish_failures_total',
      'Receipts and dead letters that Kafka did not acknowledge, and that are published again',
    ),
    commits: counter(
      'partoo_commits_total',
      'Commits of offsets, by whether the group’s coordinator took them',
      'result',
    ),
    rebalances: counter('partoo_rebalances_total', 'How often the group gave out its partitions, changed or not'),
    tombstones: counter('partoo_tombstones_total', 'Records without a value, skipped'),
    unreadDeleted: counter('partoo_unread_deleted_total', 'Records that retention deleted before they were read: lost'),
  }
  for (const channel of sources.channels.keys()) {
    for (const outcome of answerKinds) metrics.calls.inc({ channel, outcome }, 0)
  }
  for (const reason of deadLetterReasons) metrics.deadLetters.inc({ reason }, 0)
  for (const status of ['accepted', 'rejected', 'duplicate'] as const) metrics.receipts.inc({ status }, 0)
  for (const result of ['ok', 'failed'] as const) metrics.commits.inc({ result }, 0)
  return metrics
}

/** What is read from the core at each scrape. */
function createGauges(
  registry: Registry,
  { view, channels, highWatermark, disagrees, registryWaiting }: MetricsSources,
): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: (view: CoreView) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(view()))
      },
    })
  const perOrganization = (name: string, help: string, read: (one: CoreView['organizations'][number]) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['organization'],
      registers,
      collect() {
        for (const one of view().organizations) this.set({ organization: one.name }, read(one))
      },
    })
  const perPartition = (name: string, help: string, read: (one: CoreView['partitions'][number]) => number | null) =>
    new Gauge({
      name,
      help,
      labelNames: ['topic', 'partition'],
      registers,
      collect() {
        this.reset()
        for (const one of view().partitions) {
          const value = read(one)
          if (value !== null) this.set({ topic: one.topic, partition: one.partition }, value)
        }
      },
    })

  gauge('partoo_in_flight', 'Calls to Partoo under way', (now) => now.inFlight)
  gauge('partoo_lanes', 'Conversations with messages that wait for an outcome', (now) => now.lanes)
  gauge('partoo_admitted_records', 'Records held in memory, at most ADMITTED_MAX', (now) => now.admitted)
  gauge('partoo_admitted_bytes', 'Memory that they take, at most ADMITTED_BYTES_MAX', (now) => now.admittedBytes)
  gauge('partoo_publishing', 'Receipts and dead letters on their way into Kafka', (now) => now.publishing)
  gauge('partoo_remembered_ids', 'Accepted messages whose repetition would be recognised', (now) => now.rememberedIds)
  gauge(
    'partoo_share_assigned',
    'This replica’s part of every rate limit as the group gave it, 0 (stand-by) to 1; see partoo_share',
    (now) => now.shareAssigned,
  )
  gauge(
    'partoo_configured_otherwise',
    '1 while this replica’s settings differ from its group’s; /readyz names them',
    () => Number(disagrees()),
  )

  perOrganization(
    'partoo_limit_used_ratio',
    'How much of the rate limit the last 60 s used; near 1: the limit is what messages wait for',
    (one) => one.usedRatio,
  )
  perOrganization(
    'partoo_share',
    'This replica’s part of the rate limit that counts now: a larger one counts a while after it was given',
    (one) => one.share,
  )
  perOrganization(
    'partoo_outage',
    '1 while Partoo fails for all conversations of the organization, and only probes go out',
    (one) => Number(one.outage),
  )
  perOrganization(
    'partoo_organization_paused_seconds',
    'For how long nothing will be sent after a 429; 0 where nothing is paused',
    (one) => one.pausedForMs / 1000,
  )
  new Gauge({
    name: 'partoo_suspended',
    help: 'What is suspended on a channel, by scope: its organization’s credential (0 or 1), itself (0 or 1), businesses on it',
    labelNames: ['channel', 'scope'],
    registers,
    collect() {
      for (const channel of channels.keys()) for (const scope of suspensionScopes) this.set({ channel, scope }, 0)
      for (const { scope, organization, channelId } of view().suspensions) {
        if (scope === 'outage') continue
        if (channelId !== null) this.inc({ channel: channelId, scope })
        else for (const [channel, of] of channels) if (of.organization === organization) this.inc({ channel, scope })
      }
    },
  })

  perPartition(
    'partoo_oldest_unsettled_age_seconds',
    'Age of the oldest record that is not settled, by its Kafka timestamp; 0 where all are',
    ({ oldest }) => (oldest === null ? 0 : Math.max(0, Date.now() - oldest.timestampMs) / 1000),
  )
  new Gauge({
    name: 'partoo_partition_stuck_seconds',
    help: 'For how long the oldest unsettled record of a partition has not changed, and why',
    labelNames: ['topic', 'partition', 'cause'],
    registers,
    collect() {
      this.reset()
      for (const { topic, partition, oldest } of view().partitions) {
        if (oldest === null) continue
        this.set({ topic, partition, cause: oldest.cause }, (performance.now() - oldest.sinceMs) / 1000)
      }
    },
  })
  new Gauge({
    name: 'partoo_registry_waiting',
    help: 'Records that wait for the schema registry to tell their schema or that of a record before them; absent where none does',
    labelNames: ['topic', 'partition'],
    registers,
    collect() {
      this.reset()
      for (const { topic, partition, records } of registryWaiting()) this.set({ topic, partition }, records)
    },
  })
  perPartition('partoo_lag', 'Records between the watermark and the end of the partition', (one) => {
    const end = highWatermark(one.topic, one.partition)
    return end === undefined ? null : Math.max(0, end - one.watermark)
  })
  perPartition('partoo_partition_held_records', 'Records of the partition in memory', (one) => one.held)
  perPartition(
    'partoo_settled_beyond_watermark',
    'How far past its oldest unsettled record a partition has gone: records settled beyond it; at a bound the partition waits for it',
    (one) => one.settledBeyond,
  )
  perPartition('partoo_partition_paused', '1 while a partition is not read, as enough of it is held', (one) =>
    Number(one.paused),
  )

  // The core counts while they wait; what it has counted so far is the counter's value.
  new Counter({
    name: 'partoo_wait_seconds_total',
    help: 'Where the time goes: seconds that conversations (order: messages; back-pressure: partitions) waited, by cause',
    labelNames: ['cause'],
    registers,
    collect() {
      this.reset()
      const { waitedSeconds } = view()
      for (const cause of waitCauses) this.inc({ cause }, waitedSeconds[cause])
    },
  })
}

/** Reads once for all who ask in the same turn of the event loop: a scrape collects its metrics in one. */
function oncePerTurn<T>(read: () => T): () => T {
  let known: { value: T } | undefined
  return () => {
    if (known === undefined) {
      known = { value: read() }
      queueMicrotask(() => {
        known = undefined
      })
    }
    return known.value
  }
}
