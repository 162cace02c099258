// As fast as it goes: 64 connections, each sending its next webhook once the one before is answered. The plain handler and the
// gateway take turns, each run on a process of its own and with the same webhooks.
//
// The time is from the first request after the warm-up to the last answer, by the sender's clock. Processor time is the server
// process's, user and system, over the same events.

import { median } from '../../figures.ts'
import type { Row } from '../../suite.ts'
import { figureOf, type GatewayStage, measureInTurns, type Run, type Work } from '../contenders.ts'

/** What is sent flat out: the first seconds of a new process are not what is asked for. */
export function flatOutWork({ quick }: { quick: boolean }): Work {
  return { warmUpCount: 2_000, count: quick ? 5_000 : 20_000, perSecond: null }
}

export const flatOut: Row<GatewayStage> = {
  name: 'flat-out',
  work: '64 connections, each with one webhook of 1 KiB after the other, 20,000 of 2,000 conversations',
  async run(stage) {
    const work = flatOutWork(stage)
    const runs = await measureInTurns(stage, work)
    return {
      figures: [
        figureOf('events', 'perSecond', runs, { kind: 'at least', value: 2 }),
        figureOf('processor time an event', 'cpuUsPerEvent', runs),
        figureOf('median to 200', 'p50Ms', runs),
        figureOf('99th percentile to 200', 'p99Ms', runs),
      ],
      notes: [
        `a run: ${work.count.toLocaleString('en-US')} webhooks, after ${work.warmUpCount.toLocaleString('en-US')} that do not count; LOG_LEVEL as by default (a line a webhook, to a file)`,
        sharesNote('gateway', runs.here),
        sharesNote('plain handler', runs.plain),
      ],
      wrong: [...runs.plain, ...runs.here].flatMap(({ wrong }) => wrong),
    }
  },
}

/** Every run, and where the processors went: the rest of them is Kafka's, and the system's. */
export function sharesNote(name: string, runs: readonly Run[]): string {
  const share = (of: 'cpuUsPerEvent' | 'senderCpuUsPerEvent') =>
    median(runs.map((run) => (run[of] * run.perSecond) / 1e6)).toFixed(2)
  const each = runs.map(({ perSecond }) => Math.round(perSecond).toLocaleString('en-US')).join(', ')
  return `${name}: ${each} a second; of the processors, it used ${share('cpuUsPerEvent')} and the sender ${share('senderCpuUsPerEvent')}`
}
