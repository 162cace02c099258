// A rate limit: whether it is used fully and never exceeded, whoever shares the work. The replicas run, are joined and have
// been quiet for long enough that the burst is there; the clock starts when the messages are produced and stops at the last
// acceptance. The server refuses whatever any way of counting would (strict-limit.ts).

import { pauseMs } from '@bridge/local-kafka/deadline'
import { monotonicMs } from '../../clock.ts'
import type { Figure } from '../../figures.ts'
import type { Row } from '../../suite.ts'
import { waitFor } from '../../waiting.ts'
import { type IngestStage, startIngestor, untilCounts, wrongIn } from '../contenders.ts'
import { outboundRecords, type Placement, placements } from '../messages.ts'

const perMinute = 600
/** PARTOO_BURST, as by default. */
const burst = 20
const count = 300
const conversations = 100
const idealMs = (count / perMinute) * 60_000
/** After a join a replica may have to wait for burst ÷ rate before all of the limit is its own; and then for the burst. */
const quietMs = 2 * (burst / perMinute) * 60_000 + 1_000

type Run = { tookMs: number; refused: number; wrong: string[] }

export const limit: Row<IngestStage> = {
  name: 'limit',
  work: '600 a minute, 300 messages of 100 conversations, one, two and three replicas, even and skewed over the partitions',
  async run(stage) {
    const figures: Figure[] = []
    const wrong: string[] = []
    for (const replicas of stage.quick ? [1, 3] : [1, 2, 3]) {
      for (const placement of Object.keys(placements) as Placement[]) {
        const what = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, ${placement}`
        const run = await measure(stage, replicas, placement, what)
        figures.push(...figuresOf(what, run))
        wrong.push(...run.wrong.map((line) => `${what}: ${line}`))
      }
    }
    return {
      figures,
      notes: [
        `the burst of ${burst} was there, so the least possible is ${(1 - burst / count).toFixed(3)}`,
        `skewed: half of the conversations in one partition, half of the rest in the next, and so on`,
      ],
      wrong,
    }
  },
}

function figuresOf(what: string, { tookMs, refused }: Run): Figure[] {
  const figure = (name: string, here: number, required: Figure['required']): Figure => {
    return { what: `${what}: ${name}`, unit: '', here, plain: null, required }
  }
  return [
    figure('time ÷ (messages ÷ rate)', tookMs / idealMs, { kind: 'at most', value: 1.05 }),
    figure('answers 429', refused, { kind: 'at most', value: 0 }),
  ]
}

async function measure(stage: IngestStage, replicas: number, placement: Placement, what: string): Promise<Run> {
  const topics = await stage.topics()
  const group = `${topics.prefix}ingestor`
  const env = { PARTOO_RATE_LIMIT_PER_MINUTE: String(perMinute) }
  stage.progress(`${what}: starting`)
  const ingestors = await Promise.all(
    Array.from({ length: replicas }, () => startIngestor(stage, topics, { group, env })),
  )
  await waitFor(`a stable group of ${replicas}`, 60_000, stage.signal, async () => {
    const { state, members } = await stage.load.membership(group)
    return state === 'Stable' && members.length === replicas
  })
  // Only now, as a replica may be ready for a moment before the next one joins.
  await Promise.all(ingestors.map((ingestor) => ingestor.ready()))
  await pauseMs(quietMs, stage.signal)
  await stage.api.begin({ latencyMs: 20, limit: { perMinute, burst } })
  const startMs = monotonicMs()
  await stage.load.produce(topics.names.outbound, outboundRecords({ count, conversations, placement }), stage.signal)
  await untilCounts(stage, what, 180_000, ({ accepted }) => accepted >= count)
  const report = await stage.api.report()
  await Promise.all(ingestors.map(({ worker }) => stage.end(worker)))
  const wrong = wrongIn(report, count)
  if (report.fullestMinute > perMinute) wrong.push(`${report.fullestMinute} calls within 60 s`)
  return {
    tookMs: (report.lastAcceptedMs ?? Number.NaN) - startMs,
    refused: report.statuses[429] ?? 0,
    wrong,
  }
}
