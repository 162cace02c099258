// Messages that arrive one by one: how long each is on its way. From the moment the producer's send is called (one message a
// send, none waits for another) to the moment the server has written its 200, by one clock; so the API's latency and the
// producer's own way into Kafka are in it.

import { pauseMs } from '@bridge/local-kafka/deadline'
import { monotonicMs } from '../../clock.ts'
import { median, percentile } from '../../figures.ts'
import type { Row } from '../../suite.ts'
import { type IngestStage, startIngestor, untilCounts, wrongIn } from '../contenders.ts'
import { outboundRecords } from '../messages.ts'

const perSecond = 200
const conversations = 500
const latencyMs = 20
/** The first seconds of a new process are not what is asked for. */
const warmUpCount = 5 * perSecond

type Run = { delaysMs: number[]; acknowledgedMs: number[]; wrong: string[] }

export const delay: Row<IngestStage> = {
  name: 'delay',
  work: '200 messages a second arriving, API latency 20 ms',
  async run(stage) {
    const count = warmUpCount + (stage.quick ? 5 : 20) * perSecond
    const runs: Run[] = []
    for (let number = 1; number <= stage.runs; number += 1) runs.push(await measure(stage, number, count))
    const figure = (what: string, share: number) => ({
      what,
      unit: 'ms',
      here: median(runs.map(({ delaysMs }) => percentile(delaysMs, share))),
      plain: null,
    })
    return {
      figures: [
        { ...figure('median from produce to accepted', 0.5), required: { kind: 'at most', value: 28 } },
        { ...figure('99th percentile', 0.99), required: { kind: 'at most', value: 60 } },
        {
          ...figure('of it until Kafka has acknowledged: median', 0.5),
          here: middleAcknowledged(runs),
          required: null,
        },
      ],
      notes: [
        `from the call of the producer's send to the server's 200; ${warmUpCount.toLocaleString('en-US')} messages before do not count`,
      ],
      wrong: runs.flatMap(({ wrong }) => wrong),
    }
  },
}

function middleAcknowledged(runs: Run[]): number {
  return median(runs.map(({ acknowledgedMs }) => percentile(acknowledgedMs, 0.5)))
}

async function measure(stage: IngestStage, number: number, count: number): Promise<Run> {
  const topics = await stage.topics()
  await stage.api.begin({ latencyMs })
  const ingestor = await startIngestor(stage, topics, { group: `${topics.prefix}ingestor` })
  await ingestor.ready()
  const sentMs = new Map<string, number>()
  const acknowledgedMs: number[] = []
  const sends: Promise<void>[] = []
  const failure = new AbortController()
  const broken = AbortSignal.any([stage.signal, failure.signal])
  const startMs = monotonicMs()
  for (const record of outboundRecords({ count, conversations })) {
    const aheadMs = startMs + (sends.length * 1_000) / perSecond - monotonicMs()
    if (aheadMs > 0) await pauseMs(aheadMs, broken)
    const nowMs = monotonicMs()
    sentMs.set(record.id, nowMs)
    const isCounted = sends.length >= warmUpCount
    const acknowledged = () => {
      if (isCounted) acknowledgedMs.push(monotonicMs() - nowMs)
    }
    sends.push(stage.load.send(topics.names.outbound, record).then(acknowledged, (error) => failure.abort(error)))
    if (sends.length % perSecond === 0) stage.progress(`run ${number}: ${sends.length} of ${count} sent`)
  }
  await Promise.all(sends)
  broken.throwIfAborted()
  await untilCounts(stage, `run ${number}`, 60_000, ({ accepted }) => accepted >= count)
  const rows = await stage.api.rows()
  const wrong = wrongIn(await stage.api.report(), count)
  await stage.end(ingestor.worker)
  const countedFromMs = startMs + (warmUpCount * 1_000) / perSecond
  const delaysMs = rows.flatMap(([id, , answeredMs, status]) => {
    const fromMs = sentMs.get(id) ?? Number.NaN
    return status === 200 && answeredMs !== null && fromMs >= countedFromMs - 1 ? [answeredMs - fromMs] : []
  })
  return { delaysMs, acknowledgedMs, wrong }
}
