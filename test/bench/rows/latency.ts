// An API that takes its time: how many calls are really under way. All messages wait in the topic before the process starts;
// the time is from the first call's arrival to the last acceptance.

import { median } from '../figures.ts'
import { outboundRecords } from '../messages.ts'
import { type Row, type Stage, type StageTopics, wrongIn } from '../stage.ts'
import type { Worker } from '../worker.ts'

export const latencyWork = { latencyMs: 150, conversations: 600, inFlight: 600, count: 12_000 } as const
/** The plain loop makes one call a partition at a time: this many are enough to know its pace. */
const plainCount = 1_200

export const latency: Row = {
  name: 'latency',
  work: 'API latency 150 ms, 600 conversations, PARTOO_MAX_IN_FLIGHT=600, 12,000 messages (plain loop: 1,200)',
  async run(stage) {
    const { count, conversations, inFlight, latencyMs } = latencyWork
    const topics = await stage.topics()
    stage.progress('producing')
    await stage.load.produce(topics.names.outbound, outboundRecords({ count, conversations }), stage.signal)
    const here: number[] = []
    const plain: number[] = []
    const wrong: string[] = []
    const plainTarget = stage.quick ? 240 : plainCount
    for (let number = 1; number <= stage.runs; number += 1) {
      const group = `${topics.prefix}plain-${number}`
      await stage.api.begin({ latencyMs })
      plain.push(await pace(stage, await stage.startPlainLoop(topics, group), `plain loop, run ${number}`, plainTarget))
      await stage.api.begin({ latencyMs })
      const ingestor = await startLatencyIngestor(stage, topics, `${topics.prefix}ingestor-${number}`)
      here.push(await pace(stage, ingestor.worker, `ingestor, run ${number}`, count))
      wrong.push(...wrongIn(await stage.api.report(), count))
    }
    const messages = median(here)
    return {
      figures: [
        {
          what: 'messages',
          unit: '/s',
          here: messages,
          plain: median(plain),
          required: { kind: 'at least', value: 80 },
        },
        {
          what: 'share of in flight ÷ latency',
          unit: '',
          here: messages / (inFlight / (latencyMs / 1_000)),
          plain: null,
          required: { kind: 'at least', value: 0.8 },
        },
      ],
      notes: [],
      wrong,
    }
  },
}

/** The ingestor of this work, also for the row that kills it. */
export function startLatencyIngestor(stage: Stage, topics: StageTopics, group: string) {
  return stage.startIngestor(topics, { group, env: { PARTOO_MAX_IN_FLIGHT: String(latencyWork.inFlight) } })
}

/** Messages a second until `count` are accepted. Ends the process. */
async function pace(stage: Stage, worker: Worker, what: string, count: number): Promise<number> {
  await stage.untilCounts(what, 120_000, ({ accepted }) => accepted >= count)
  const { accepted, firstCallMs, lastAcceptedMs } = await stage.api.report()
  await stage.end(worker)
  return accepted / (((lastAcceptedMs ?? 0) - (firstCallMs ?? 0)) / 1_000)
}
