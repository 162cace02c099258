// 500 webhooks a second, each at its moment, whether those before are answered or not: how long each takes to its 200, from that
// moment on. The plain handler and the gateway take turns, each run on a process of its own.

import type { Row } from '../../suite.ts'
import { figureOf, type GatewayStage, measureInTurns, type Run, type Work } from '../contenders.ts'

const perSecond = 500

/** What is sent at a pace: 20 s of it after 5 s that do not count. */
export function steadyWork({ quick }: { quick: boolean }): Work {
  return { warmUpCount: (quick ? 2 : 5) * perSecond, count: (quick ? 5 : 20) * perSecond, perSecond }
}

export const steady: Row<GatewayStage> = {
  name: 'steady',
  work: '500 webhooks of 1 KiB a second over 64 connections, for 20 s after 5 s that do not count',
  async run(stage) {
    const runs = await measureInTurns(stage, steadyWork(stage))
    const { here, plain } = runs
    return {
      figures: [
        figureOf('99th percentile to 200', 'p99Ms', runs, { kind: 'at most', value: 8, of: 'here' }),
        figureOf('median to 200', 'p50Ms', runs),
        figureOf('processor time an event', 'cpuUsPerEvent', runs),
      ],
      notes: [
        `from each webhook's moment on; the sender wrote 99 of 100 within ${lateMs([...plain, ...here])} ms of it`,
        `99th percentile of each run: gateway ${p99s(here)} ms; plain handler ${p99s(plain)} ms`,
      ],
      wrong: [...plain, ...here].flatMap(({ wrong }) => wrong),
    }
  },
}

/** Of the run in which the sender was the latest. */
function lateMs(runs: readonly Run[]): string {
  return Math.max(...runs.map(({ lateP99Ms }) => lateP99Ms)).toFixed(1)
}

function p99s(runs: readonly Run[]): string {
  return runs.map(({ p99Ms }) => p99Ms.toFixed(1)).join(', ')
}
