// A few conversations fail for a while: whether the others notice. The ingestor runs, has served as many messages of other
// conversations before, and is idle; the clock starts when the messages are produced, and stops when the last message of the
// conversations that do not fail is accepted.

import { monotonicMs } from '../../clock.ts'
import { median } from '../../figures.ts'
import type { Row } from '../../suite.ts'
import { type IngestStage, startIngestor, untilCounts, wrongIn } from '../contenders.ts'
import { conversationId, outboundRecords } from '../messages.ts'

const conversations = 300
const count = 3_000
const failingConversations = [0, 60, 121, 182, 243].map(conversationId)
const failsForMs = 20_000
const latencyMs = 50
/** Until those that failed are through too: 20 s, and a backoff that may have grown to a minute. */
const allDeadlineMs = 120_000

export const isolation: Row<IngestStage> = {
  name: 'isolation',
  work: '5 of 300 conversations answer 503 for 20 s, latency 50 ms, 3,000 messages, 300 in flight',
  async run(stage) {
    const runs = []
    for (let number = 1; number <= stage.runs; number += 1) runs.push(await measure(stage, number))
    return {
      figures: [
        {
          what: 'all others through after',
          unit: 's',
          here: median(runs.map(({ fromProduceMs }) => fromProduceMs)) / 1_000,
          plain: null,
          required: { kind: 'at most', value: 1.5 },
        },
        {
          what: 'counted from the first call',
          unit: 's',
          here: median(runs.map(({ fromFirstCallMs }) => fromFirstCallMs)) / 1_000,
          plain: null,
          required: null,
        },
      ],
      notes: [
        'a process that has served 3,000 messages before; the least possible is 0.5 s: ten messages one after the other',
      ],
      wrong: runs.flatMap(({ wrong }) => wrong),
    }
  },
}

async function measure(stage: IngestStage, number: number) {
  const topics = await stage.topics()
  const { outbound } = topics.names
  const group = `${topics.prefix}ingestor`
  await stage.api.begin({ latencyMs })
  const ingestor = await startIngestor(stage, topics, { group, env: { PARTOO_MAX_IN_FLIGHT: '300' } })
  await ingestor.ready()
  await stage.load.produce(outbound, outboundRecords({ count, conversations, first: conversations }), stage.signal)
  await untilCounts(stage, `warming up, run ${number}`, 60_000, ({ accepted }) => accepted >= count)
  await stage.load.untilCommitted(outbound, group, 30_000, stage.signal)

  await stage.api.begin({ latencyMs, failing: { conversations: failingConversations, forMs: failsForMs } })
  const startMs = monotonicMs()
  await stage.load.produce(outbound, outboundRecords({ count, conversations }), stage.signal)
  const others = count - (count / conversations) * failingConversations.length
  await untilCounts(stage, `others, run ${number}`, 60_000, ({ accepted }) => accepted >= others)
  await untilCounts(stage, `all, run ${number}`, allDeadlineMs, ({ accepted }) => accepted >= count)
  const failing = new Set(failingConversations)
  const rows = await stage.api.rows()
  const report = await stage.api.report()
  await stage.end(ingestor.worker)
  const acceptedMs = rows.flatMap(([id, , answeredMs, status]) =>
    status === 200 && answeredMs !== null && !failing.has(id.slice(0, id.indexOf('/'))) ? [answeredMs] : [],
  )
  const lastMs = Math.max(...acceptedMs)
  const wrong = wrongIn(report, count)
  if (acceptedMs.length < others) wrong.push(`${others - acceptedMs.length} messages of the others were not accepted`)
  return { fromProduceMs: lastMs - startMs, fromFirstCallMs: lastMs - (report.firstCallMs ?? Number.NaN), wrong }
}
