// The ingestor's metrics. Labels are closed sets: configured channels and organizations, topics, partitions, and our words.

import { answerKinds } from '@bridge/partoo/answer'
import { deadLetterReasons } from '@bridge/schemas/receipt'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { CoreView } from './core/view.ts'

const secondsBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const delayBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400]

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Creates the metrics of one ingestor.
 *
 * @param channelIds the configured channels
 * @param view what the core holds, read at each scrape
 * @param highWatermark the end of a partition's log as far as it is known
 */
export function createMetrics(
  channelIds: Iterable<string>,
  view: () => CoreView,
  highWatermark: (topic: string, partition: number) => number | undefined,
) {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const perPartition = ['topic', 'partition'] as const
  const gauge = (name: string, help: string, read: (view: CoreView) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(view()))
      },
    })
  gauge('partoo_in_flight', 'Calls to Partoo under way', (now) => now.inFlight)
  gauge('partoo_lanes', 'Conversations with messages that wait for an outcome', (now) => now.lanes)
  gauge('partoo_admitted_records', 'Records held in memory', (now) => now.admitted)
  gauge('partoo_admitted_bytes', 'Bytes of records held in memory', (now) => now.admittedBytes)
  gauge('partoo_publishing', 'Receipts and dead letters on their way into Kafka', (now) => now.publishing)
  new Gauge({
    name: 'partoo_limit_used_ratio',
    help: 'Share of the organization’s rate limit that the last 60 s used',
    labelNames: ['organization'],
    registers,
    collect() {
      for (const { name, usedRatio } of view().organizations) this.set({ organization: name }, usedRatio)
    },
  })
  new Gauge({
    name: 'partoo_oldest_unsettled_age_seconds',
    help: 'Age of the oldest record that is not settled, by its Kafka timestamp; 0 where all are',
    labelNames: perPartition,
    registers,
    collect() {
      this.reset()
      for (const { topic, partition, oldest } of view().partitions) {
        const ageMs = oldest === null ? 0 : Math.max(0, Date.now() - oldest.timestampMs)
        this.set({ topic, partition }, ageMs / 1000)
      }
    },
  })
  new Gauge({
    name: 'partoo_partition_stuck_seconds',
    help: 'For how long the oldest unsettled record of a partition has not changed, and why',
    labelNames: [...perPartition, 'cause'],
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
    name: 'partoo_lag',
    help: 'Records between the watermark and the end of the partition',
    labelNames: perPartition,
    registers,
    collect() {
      this.reset()
      for (const { topic, partition, watermark } of view().partitions) {
        const end = highWatermark(topic, partition)
        if (end !== undefined) this.set({ topic, partition }, Math.max(0, end - watermark))
      }
    },
  })
  const metrics = {
    registry,
    calls: new Counter({
      name: 'partoo_calls_total',
      help: 'Calls to Partoo that ended, by what the answer meant',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    callSeconds: new Histogram({
      name: 'partoo_call_duration_seconds',
      help: 'Duration of calls to Partoo',
      buckets: secondsBuckets,
      registers,
    }),
    acceptanceDelaySeconds: new Histogram({
      name: 'partoo_acceptance_delay_seconds',
      help: 'From a record’s Kafka timestamp to its acceptance by Partoo',
      buckets: delayBuckets,
      registers,
    }),
    deadLetters: new Counter({
      name: 'partoo_dead_letters_total',
      help: 'Records stored in the dead-letter topic',
      labelNames: ['reason'],
      registers,
    }),
    receipts: new Counter({
      name: 'partoo_receipts_total',
      help: 'Receipts published',
      labelNames: ['status'],
      registers,
    }),
    publishFailures: new Counter({
      name: 'partoo_publish_failures_total',
      help: 'Receipts and dead letters that Kafka did not acknowledge, and that are published again',
      registers,
    }),
    tombstones: new Counter({ name: 'partoo_tombstones_total', help: 'Records without a value, skipped', registers }),
    unreadDeleted: new Counter({
      name: 'partoo_unread_deleted_total',
      help: 'Records that retention deleted before they were read',
      registers,
    }),
  }
  // Every series is there from the start: a first dead letter is an increase, not the birth of a series.
  for (const channel of channelIds) for (const outcome of answerKinds) metrics.calls.inc({ channel, outcome }, 0)
  for (const reason of deadLetterReasons) metrics.deadLetters.inc({ reason }, 0)
  for (const status of ['accepted', 'rejected'] as const) metrics.receipts.inc({ status }, 0)
  return metrics
}
