// No latency, no limit: what a message costs. The ingestor with and without receipts and the plain loop take turns on the same
// topic, each run with a group of its own.
//
// The time is from the first call's arrival to the last acceptance, both by the server's clock. Processor time is the worker
// process's, user and system, from its first call until everything is committed: so the start of the process does not count,
// and the receipts and commits of the last messages do.

import { type Figure, median, type RowResult } from '../../figures.ts'
import { cpuMsOf } from '../../process-usage.ts'
import type { StageTopics } from '../../stage.ts'
import type { Row } from '../../suite.ts'
import { type IngestStage, startIngestor, startPlainLoop, untilCounts, wrongIn } from '../contenders.ts'
import { outboundRecords } from '../messages.ts'

const conversations = 2_000
const runDeadlineMs = 180_000

/** Receipts are left out by a setting that only a benchmark may use. */
const withoutReceipts = { NODE_ENV: 'benchmark', BENCHMARK_WITHOUT_RECEIPTS: 'true' }

type Contender = 'plain loop' | 'receipts off' | 'receipts on'
type Run = { perSecond: number; cpuUsPerMessage: number; receipts: number; wrong: string[] }

export const throughput: Row<IngestStage> = {
  name: 'throughput',
  work: 'no latency, no limit, 100,000 messages of 2,000 conversations',
  async run(stage) {
    const count = stage.quick ? 20_000 : 100_000
    const topics = await stage.topics()
    stage.progress('producing')
    await stage.load.produce(topics.names.outbound, outboundRecords({ count, conversations }), stage.signal)
    const runs: Record<Contender, Run[]> = { 'plain loop': [], 'receipts off': [], 'receipts on': [] }
    const left = new Set(Object.keys(runs) as Contender[])
    for (let number = 1; number <= stage.runs; number += 1) {
      for (const contender of left) {
        const run = await measure(stage, topics, contender, number, count)
        // An ingestor that does not know the setting publishes receipts all the same: that measures nothing.
        if (contender === 'receipts off' && run.receipts > 0) left.delete(contender)
        else runs[contender].push(run)
      }
    }
    return result(runs, count)
  },
}

async function measure(
  stage: IngestStage,
  topics: StageTopics,
  contender: Contender,
  number: number,
  count: number,
): Promise<Run> {
  const group = `${topics.prefix}${contender.replace(' ', '-')}-${number}`
  const receiptsBefore = await stage.load.written(topics.names.receipts)
  await stage.api.begin({ latencyMs: 0 })
  const worker =
    contender === 'plain loop'
      ? await startPlainLoop(stage, topics, group)
      : (
          await startIngestor(stage, topics, {
            group,
            name: `ingestor ${contender}`,
            ...(contender === 'receipts off' && { env: withoutReceipts }),
          })
        ).worker
  const what = `${contender}, run ${number} of ${stage.runs}`
  await untilCounts(stage, what, 60_000, ({ calls }) => calls > 0)
  const cpuMs = cpuMsOf(worker.pid)
  await untilCounts(stage, what, runDeadlineMs, ({ accepted }) => accepted >= count)
  await stage.load.untilCommitted(topics.names.outbound, group, 30_000, stage.signal)
  const usedMs = cpuMsOf(worker.pid) - cpuMs
  await stage.end(worker)
  const report = await stage.api.report()
  const receipts = (await stage.load.written(topics.names.receipts)) - receiptsBefore
  // The plain loop keeps the partition's order, and so each conversation's.
  const wrong = wrongIn(report, count).map((line) => `${what}: ${line}`)
  if (contender === 'receipts on' && receipts < count) wrong.push(`${what}: ${count - receipts} receipts are missing`)
  const tookMs = (report.lastAcceptedMs ?? Number.NaN) - (report.firstCallMs ?? Number.NaN)
  return { perSecond: count / (tookMs / 1_000), cpuUsPerMessage: (usedMs * 1_000) / count, receipts, wrong }
}

function result(runs: Record<Contender, Run[]>, count: number): RowResult {
  const middle = (contender: Contender, of: 'perSecond' | 'cpuUsPerMessage') =>
    median(runs[contender].map((run) => run[of]))
  const figures: Figure[] = []
  const required = { 'receipts off': [0.8, 1.5], 'receipts on': [0.5, 2.2] } as const
  const notes = [`${count.toLocaleString('en-US')} messages a run, LOG_LEVEL as by default (a line a call, to a file)`]
  for (const [contender, [fastEnough, cheapEnough]] of Object.entries(required)) {
    const name = contender as keyof typeof required
    if (runs[name].length === 0) {
      notes.push(`${name}: not measured, this ingestor publishes receipts in spite of BENCHMARK_WITHOUT_RECEIPTS`)
      continue
    }
    figures.push(
      {
        what: `${name}: messages`,
        unit: '/s',
        here: middle(name, 'perSecond'),
        plain: middle('plain loop', 'perSecond'),
        required: { kind: 'at least', value: fastEnough },
      },
      {
        what: `${name}: processor time a message`,
        unit: 'µs',
        here: middle(name, 'cpuUsPerMessage'),
        plain: middle('plain loop', 'cpuUsPerMessage'),
        required: { kind: 'at most', value: cheapEnough },
      },
    )
  }
  return {
    figures,
    notes,
    wrong: Object.values(runs).flatMap((all) => all.flatMap((run) => run.wrong)),
  }
}
