// What the suite `ingest` measures: ingestors and plain loops on a row's topics, how far they are, and what they did wrong.

import { Service } from '../service.ts'
import type { Stage, StageTopics } from '../stage.ts'
import { waitFor } from '../waiting.ts'
import type { Worker } from '../worker.ts'
import type { Api, Counts } from './api.ts'
import type { CallReport } from './call-record.ts'
import { partitionCount } from './messages.ts'

/** The stage of this suite's rows. */
export type IngestStage = Stage & { readonly api: Api }

export type IngestorOptions = { group: string; env?: Record<string, string>; name?: string }

/** Starts an ingestor as an operator would, at its defaults but for a limit (none) and what `env` says. */
export function startIngestor(stage: IngestStage, { names }: StageTopics, options: IngestorOptions): Promise<Service> {
  const env = {
    KAFKA_BROKERS: stage.brokers,
    OUTBOUND_TOPIC: names.outbound,
    DLQ_TOPIC: names.dlq,
    RECEIPTS_TOPIC: names.receipts,
    INGESTOR_GROUP_ID: options.group,
    PARTOO_BASE_URL: stage.api.baseUrl,
    PARTOO_API_KEY: 'key',
    PARTOO_CHANNEL_ID: 'chat',
    PARTOO_ORG_ID: '1',
    PARTOO_RATE_LIMIT_PER_MINUTE: '0',
    ...options.env,
  }
  return Service.start(stage, { name: options.name ?? 'ingestor', entry: 'services/ingestor/src/main.ts', env })
}

/** Starts the plain loop on a topic. */
export function startPlainLoop(stage: IngestStage, { names }: StageTopics, group: string): Promise<Worker> {
  const env = {
    BROKERS: stage.brokers,
    GROUP: group,
    TOPIC: names.outbound,
    PARTITIONS: String(partitionCount),
    BASE_URL: stage.api.baseUrl,
  }
  return stage.start({ name: 'plain loop', entry: 'test/bench/plain-loop.ts', env })
}

/** Waits until the server's counts are such, saying how far it is. Fails at once where a process has ended. */
export function untilCounts(
  stage: IngestStage,
  what: string,
  deadlineMs: number,
  isSuch: (counts: Counts) => boolean,
): Promise<Counts> {
  return waitFor(what, deadlineMs, stage.signal, async () => {
    stage.throwIfEnded()
    const counts = await stage.api.counts()
    stage.progress(`${what}: ${counts.accepted.toLocaleString('en-US')} accepted`)
    return isSuch(counts) && counts
  })
}

/** What a report shows that must never be, one line each. @param count messages that there were */
export function wrongIn(report: CallReport, count: number): string[] {
  const wrong: string[] = []
  if (report.created < count) wrong.push(`${count - report.created} of ${count} messages were not created`)
  if (report.outOfOrder > 0) wrong.push(`${report.outOfOrder} first calls out of their conversation's order`)
  if (report.createdTwice > 0) wrong.push(`${report.createdTwice} messages created twice`)
  return wrong
}
