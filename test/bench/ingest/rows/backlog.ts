// One million records that wait for a limit of 300 a minute: what they cost in memory, and whether the ingestor stays a member
// of its group for as long. Its memory is read every second from readiness on, and the most counts.

import { pauseMs } from '@bridge/local-kafka/deadline'
import { memoryOf } from '../../process-usage.ts'
import type { Row } from '../../suite.ts'
import { type IngestStage, startIngestor, wrongIn } from '../contenders.ts'
import { outboundRecords } from '../messages.ts'

const conversations = 20_000
const megabyte = 1_000_000

export const backlog: Row<IngestStage> = {
  name: 'backlog',
  work: 'one million records waiting, 300 a minute',
  async run(stage) {
    const count = stage.quick ? 100_000 : 1_000_000
    const watchedS = stage.quick ? 20 : 60
    const topics = await stage.topics()
    const group = `${topics.prefix}ingestor`
    const { outbound } = topics.names
    await stage.load.produce(outbound, outboundRecords({ count, conversations }), stage.signal, (done) =>
      stage.progress(`${done.toLocaleString('en-US')} produced`),
    )
    await stage.api.begin({ latencyMs: 50, limit: { perMinute: 300, burst: 20 } })
    const env = { PARTOO_RATE_LIMIT_PER_MINUTE: '300' }
    const ingestor = await startIngestor(stage, topics, { group, env })
    await ingestor.ready()
    const rebalances = () => ingestor.metric('partoo_rebalances_total')
    const rebalancesBefore = await rebalances()
    const joined = (await stage.load.membership(group)).members.join()
    let residentBytes = 0
    let peakBytes: number | null = null
    let lost = 0
    const startMs = performance.now()
    for (let second = 0; second < watchedS; second += 1) {
      await pauseMs(1_000, stage.signal)
      const memory = memoryOf(ingestor.worker.pid)
      residentBytes = Math.max(residentBytes, memory.residentBytes)
      peakBytes = memory.peakBytes
      const { state, members } = await stage.load.membership(group)
      if (state !== 'Stable' || members.join() !== joined) lost += 1
      stage.progress(`${second + 1} s: ${Math.round(memory.residentBytes / megabyte)} MB`)
    }
    const watchedMs = performance.now() - startMs
    const rebalancesAfter = await rebalances()
    const held = await ingestor.metric('partoo_admitted_records')
    const report = await stage.api.report()
    await stage.end(ingestor.worker)
    return {
      figures: [
        {
          what: 'resident memory at most',
          unit: 'MB',
          here: residentBytes / megabyte,
          plain: null,
          required: { kind: 'at most', value: 250 },
        },
        {
          what: 'seconds without membership',
          unit: '',
          here: lost,
          plain: null,
          required: { kind: 'at most', value: 0 },
        },
        // A rejoin under the same member id, between two looks at the group, shows here alone.
        {
          what: 'rebalances',
          unit: '',
          here: (rebalancesAfter ?? Number.NaN) - (rebalancesBefore ?? Number.NaN),
          plain: null,
          required: { kind: 'at most', value: 0 },
        },
      ],
      notes: [
        `${count.toLocaleString('en-US')} records of about 300 bytes, watched for ${Math.round(watchedMs / 1_000)} s; held at the end: ${held?.toLocaleString('en-US') ?? 'not told'} records; ` +
          `accepted: ${report.accepted}, answers 429: ${report.statuses[429] ?? 0}` +
          (peakBytes === null ? '' : `; the system's own peak: ${Math.round(peakBytes / megabyte)} MB`),
      ],
      wrong: wrongIn(report, report.accepted),
    }
  },
}
