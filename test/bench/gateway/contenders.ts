// What the suite `gateway` measures: the webhook gateway and the plain handler on a row's topics, and one run of either.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@bridge/local-kafka/ports'
import { type Figure, median } from '../figures.ts'
import { cpuMsOf } from '../process-usage.ts'
import { Service } from '../service.ts'
import type { Stage, StageTopics } from '../stage.ts'
import type { Worker } from '../worker.ts'
import type { SendReport } from './send.ts'
import type { Sender } from './sender.ts'
import { organizationId, webhookPath } from './webhooks.ts'

/** The stage of this suite's rows. */
export type GatewayStage = Stage & { readonly sender: Sender }

export type Contender = 'plain handler' | 'gateway' | 'gateway with spool'

/** A server that takes webhooks, and where they end up. */
type Target = { worker: Worker; port: number; topics: readonly string[] }

/** What is sent, warm-up first. `perSecond` null: flat out. */
export type Work = { warmUpCount: number; count: number; perSecond: number | null }

export type Run = Omit<SendReport, 'statuses'> & {
  perSecond: number
  /** Of the server's process, user and system. */
  cpuUsPerEvent: number
  senderCpuUsPerEvent: number
  wrong: string[]
}

/** One run on a process of its own; what is told is of the events after the warm-up. */
export async function measure(
  stage: GatewayStage,
  topics: StageTopics,
  contender: Contender,
  work: Work,
): Promise<Run> {
  const { sender } = stage
  const { warmUpCount, count, perSecond } = work
  const { worker, port, topics: into } = await start(stage, topics, contender)
  const before = await written(stage, into)
  const warmUp = await sender.send({ port, perSecond, from: 0, count: warmUpCount })
  const cpuMs = cpuMsOf(worker.pid)
  const senderCpuMs = sender.cpuMs()
  const { statuses, ...report } = await sender.send({ port, perSecond, from: warmUpCount, count })
  const usedMs = cpuMsOf(worker.pid) - cpuMs
  const senderUsedMs = sender.cpuMs() - senderCpuMs
  const stored = (await written(stage, into)) - before
  await stage.end(worker)
  return {
    ...report,
    perSecond: count / (report.tookMs / 1_000),
    cpuUsPerEvent: (usedMs * 1_000) / count,
    senderCpuUsPerEvent: (senderUsedMs * 1_000) / count,
    wrong: wrongIn([warmUp.statuses, statuses], stored).map((line) => `${contender}: ${line}`),
  }
}

/** The plain handler and the gateway, one after the other, each as often as a measurement is repeated. */
export async function measureInTurns(stage: GatewayStage, work: Work): Promise<{ here: Run[]; plain: Run[] }> {
  const topics = await stage.topics()
  const runs: { here: Run[]; plain: Run[] } = { here: [], plain: [] }
  for (let number = 1; number <= stage.runs; number += 1) {
    stage.progress(`plain handler, run ${number} of ${stage.runs}`)
    runs.plain.push(await measure(stage, topics, 'plain handler', work))
    stage.progress(`gateway, run ${number} of ${stage.runs}`)
    runs.here.push(await measure(stage, topics, 'gateway', work))
  }
  return runs
}

const units = { perSecond: '/s', cpuUsPerEvent: 'µs', p50Ms: 'ms', p99Ms: 'ms' } as const

/** A figure of runs: their median. @param plain empty: it takes no part */
export function figureOf(
  what: string,
  of: keyof typeof units,
  { here, plain }: { here: readonly Run[]; plain: readonly Run[] },
  required: Figure['required'] = null,
): Figure {
  const middle = (runs: readonly Run[]) => median(runs.map((run) => run[of]))
  return { what, unit: units[of], here: middle(here), plain: plain.length === 0 ? null : middle(plain), required }
}

/** What answers and topics show that must never be, one line each. @param stored records that the topics have got */
export function wrongIn(answers: readonly Record<string, number>[], stored: number): string[] {
  const wrong: string[] = []
  let accepted = 0
  for (const statuses of answers) {
    for (const [status, count] of Object.entries(statuses)) {
      if (status === '200') accepted += count
      else wrong.push(`${count} answers ${status}`)
    }
  }
  if (stored < accepted) wrong.push(`${accepted - stored} of ${accepted} events answered 200 are not in the topics`)
  return wrong
}

async function written(stage: Stage, topics: readonly string[]): Promise<number> {
  const counts = await Promise.all(topics.map((topic) => stage.load.written(topic)))
  return counts.reduce((sum, count) => sum + count, 0)
}

function start(stage: GatewayStage, topics: StageTopics, contender: Contender): Promise<Target> {
  switch (contender) {
    case 'plain handler':
      return startPlainHandler(stage, topics)
    case 'gateway':
      return startGateway(stage, topics, {})
    case 'gateway with spool':
      return startGateway(stage, topics, { WEBHOOK_SPOOL_DIR: mkdtempSync(join(stage.folder, 'spool-')) })
  }
}

/** Starts the gateway as an operator would, at its defaults but for the key, and what `env` says. */
async function startGateway(stage: GatewayStage, { names }: StageTopics, env: Record<string, string>): Promise<Target> {
  const port = await freePort()
  const service = await Service.start(stage, {
    name: 'webhook gateway',
    entry: 'services/webhook-gateway/src/main.ts',
    env: {
      KAFKA_BROKERS: stage.brokers,
      REPLIES_TOPIC: names.replies,
      RECEIPTS_TOPIC: names.receipts,
      EVENTS_TOPIC: names.events,
      WEBHOOK_HOST: '127.0.0.1',
      WEBHOOK_PORT: String(port),
      WEBHOOK_PATH: webhookPath,
      PARTOO_ORG_ID: organizationId,
      PARTOO_WEBHOOK_PUBLIC_KEYS: stage.sender.publicKey,
      ...env,
    },
  })
  await service.ready()
  return { worker: service.worker, port, topics: [names.replies, names.receipts, names.events] }
}

async function startPlainHandler(stage: GatewayStage, { names }: StageTopics): Promise<Target> {
  const env = {
    BROKERS: stage.brokers,
    TOPIC: names.replies,
    PUBLIC_KEY: stage.sender.publicKey,
    WEBHOOK_PATH: webhookPath,
  }
  const worker = await stage.start({ name: 'plain handler', entry: 'test/bench/plain-gateway.ts', env })
  const { port } = await worker.told<{ port: number }>(stage.signal)
  return { worker, port, topics: [names.replies] }
}
