// SIGKILL in the middle of the latency row's work, and a restart at once: what is called again, and when the first call after
// it comes. The server's record is the judge: a call that it had under way, or answered in the 250 ms before, may be repeated.

import { monotonicMs } from '../../clock.ts'
import type { Row } from '../../suite.ts'
import type { CallRow } from '../call-record.ts'
import { type IngestStage, untilCounts, wrongIn } from '../contenders.ts'
import { outboundRecords } from '../messages.ts'
import { latencyWork, startLatencyIngestor } from './latency.ts'

const committedWithinMs = 250
/** What the killed process had written to its sockets arrives by then; no new process can call as early. */
const lateArrivalMs = 100

export const crash: Row<IngestStage> = {
  name: 'crash',
  work: 'SIGKILL in the middle of the latency row’s work, restarted',
  async run(stage) {
    const runs = []
    for (let number = 1; number <= stage.runs; number += 1) runs.push(await measure(stage, number))
    const [worst] = [...runs].sort((a, b) => b.repeated / b.allowed - a.repeated / a.allowed)
    if (worst === undefined) throw new Error('there is no run')
    return {
      figures: [
        {
          what: 'calls repeated',
          unit: '',
          here: worst.repeated,
          plain: null,
          required: { kind: 'at most', value: worst.allowed },
        },
        {
          what: 'created twice',
          unit: '',
          here: Math.max(...runs.map(({ createdTwice }) => createdTwice)),
          plain: null,
          required: { kind: 'at most', value: 0 },
        },
        {
          what: 'first call after the restart',
          unit: 's',
          here: Math.max(...runs.map(({ servingAfterMs }) => servingAfterMs)) / 1_000,
          plain: null,
          required: { kind: 'at most', value: 12 },
        },
      ],
      notes: [
        `the worst of ${runs.length}; allowed: ${runs.map((run) => `${run.inFlight} in flight + ${run.justAnswered} answered in the last ${committedWithinMs} ms (${run.repeated} repeated)`).join('; ')}`,
      ],
      wrong: runs.flatMap(({ wrong }) => wrong),
    }
  },
}

async function measure(stage: IngestStage, number: number) {
  const { count, conversations, latencyMs } = latencyWork
  const topics = await stage.topics()
  const group = `${topics.prefix}ingestor`
  await stage.load.produce(topics.names.outbound, outboundRecords({ count, conversations }), stage.signal)
  await stage.api.begin({ latencyMs })
  const first = await startLatencyIngestor(stage, topics, group)
  await untilCounts(stage, `run ${number}, before`, 60_000, ({ accepted }) => accepted >= count / 2)
  const killedMs = monotonicMs()
  await stage.end(first.worker, 'kill')
  const restartedMs = monotonicMs()
  const second = await startLatencyIngestor(stage, topics, group)
  await untilCounts(stage, `run ${number}, after`, 120_000, ({ calls, inFlight, accepted }) => {
    return inFlight === 0 && accepted >= count && calls >= count
  })
  await stage.load.untilCommitted(topics.names.outbound, group, 30_000, stage.signal)
  const report = await stage.api.report()
  const seen = judge(await stage.api.rows(), killedMs)
  await stage.end(second.worker)
  return {
    ...seen,
    allowed: seen.inFlight + seen.justAnswered,
    createdTwice: report.createdTwice,
    servingAfterMs: seen.firstCallAfterMs - restartedMs,
    wrong: wrongIn(report, count),
  }
}

/** What the record shows of a kill at `killedMs`. */
export function judge(rows: readonly CallRow[], killedMs: number) {
  const before = rows.filter(([, arrivedMs]) => arrivedMs <= killedMs + lateArrivalMs)
  const after = rows.filter(([, arrivedMs]) => arrivedMs > killedMs + lateArrivalMs)
  const answeredMs = ([, , answered]: CallRow) => answered ?? Number.POSITIVE_INFINITY
  const calledBefore = new Set(before.map(([id]) => id))
  return {
    inFlight: before.filter((row) => answeredMs(row) > killedMs).length,
    justAnswered: before.filter((row) => answeredMs(row) <= killedMs && answeredMs(row) > killedMs - committedWithinMs)
      .length,
    repeated: after.filter(([id]) => calledBefore.has(id)).length,
    firstCallAfterMs: after[0]?.[1] ?? Number.NaN,
  }
}
