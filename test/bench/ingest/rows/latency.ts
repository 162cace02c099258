// An API that takes its time: how many calls are really under way. All messages wait in the topic before the process starts. Its
// first seconds (connections, code that is not compiled yet) count: what is judged is the pace over the first 12,000 messages of a
// new process, of both contenders between two acceptances, by the server's clock. 6,000 more are produced to tell the pace of one
// that runs, the last 12,000.

import { median } from '../../figures.ts'
import type { StageTopics } from '../../stage.ts'
import type { Row } from '../../suite.ts'
import { type IngestStage, startIngestor, startPlainLoop, untilCounts, wrongIn } from '../contenders.ts'
import { outboundRecords } from '../messages.ts'

export const latencyWork = { latencyMs: 150, conversations: 600, inFlight: 600, count: 12_000 } as const
const warmUpCount = 6_000
/** The plain loop makes one call a partition at a time: this many are enough to know its pace. */
const plainCount = 1_200
const plainWarmUpCount = 60

export const latency: Row<IngestStage> = {
  name: 'latency',
  work: 'API latency 150 ms, 600 conversations, PARTOO_MAX_IN_FLIGHT=600, 12,000 messages (plain loop: 1,200)',
  async run(stage) {
    const { count, conversations, inFlight, latencyMs } = latencyWork
    const topics = await stage.topics()
    stage.progress('producing')
    const all = warmUpCount + count
    await stage.load.produce(topics.names.outbound, outboundRecords({ count: all, conversations }), stage.signal)
    const warm: number[] = []
    const cold: number[] = []
    const plain: number[] = []
    const wrong: string[] = []
    const plainAll = plainWarmUpCount + (stage.quick ? 240 : plainCount)
    for (let number = 1; number <= stage.runs; number += 1) {
      await stage.api.begin({ latencyMs })
      const loop = await startPlainLoop(stage, topics, `${topics.prefix}plain-${number}`)
      const loopMs = await acceptancesMs(stage, `plain loop, run ${number}`, plainAll)
      await stage.end(loop)
      plain.push(perSecond(loopMs.slice(plainWarmUpCount - 1)))

      await stage.api.begin({ latencyMs })
      const ingestor = await startLatencyIngestor(stage, topics, `${topics.prefix}ingestor-${number}`)
      const acceptedMs = await acceptancesMs(stage, `ingestor, run ${number}`, all)
      wrong.push(...wrongIn(await stage.api.report(), all))
      await stage.end(ingestor.worker)
      warm.push(perSecond(acceptedMs.slice(warmUpCount - 1)))
      cold.push(perSecond(acceptedMs.slice(0, count)))
    }
    const messages = median(cold)
    const inFlightPerSecond = inFlight / (latencyMs / 1_000)
    const share = (value: number) => ({ unit: '', here: value / inFlightPerSecond, plain: null })
    return {
      figures: [
        {
          what: 'messages',
          unit: '/s',
          here: messages,
          plain: median(plain),
          required: { kind: 'at least', value: 80 },
        },
        { what: 'share of in flight ÷ latency', ...share(messages), required: { kind: 'at least', value: 0.8 } },
        { what: 'the same of 12,000 after the first 6,000', ...share(median(warm)), required: null },
      ],
      notes: [`of a new process; the plain loop after its first ${plainWarmUpCount}`],
      wrong,
    }
  },
}

/** The ingestor of this work, also for the row that kills it. */
export function startLatencyIngestor(stage: IngestStage, topics: StageTopics, group: string) {
  return startIngestor(stage, topics, { group, env: { PARTOO_MAX_IN_FLIGHT: String(latencyWork.inFlight) } })
}

/** Waits until `count` messages are accepted. @returns when each was, in order */
async function acceptancesMs(stage: IngestStage, what: string, count: number): Promise<number[]> {
  await untilCounts(stage, what, 120_000, ({ accepted }) => accepted >= count)
  const rows = await stage.api.rows()
  const times = rows.flatMap(([, , answeredMs, status]) => (status === 200 && answeredMs !== null ? [answeredMs] : []))
  return times.sort((a, b) => a - b)
}

/** The pace between the first and the last of these times. */
function perSecond(timesMs: readonly number[]): number {
  return ((timesMs.length - 1) * 1_000) / ((timesMs.at(-1) ?? 0) - (timesMs[0] ?? 0))
}
