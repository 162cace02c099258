// The suite `ingest`: the ingestor against the loop that a user would write by hand, in front of an API of the benchmark's own.

import { bindRows, type Suite, type SuiteParts } from '../suite.ts'
import { numberText } from '../table.ts'
import { Api, type Ceiling } from './api.ts'
import { backlog } from './rows/backlog.ts'
import { crash } from './rows/crash.ts'
import { delay } from './rows/delay.ts'
import { isolation } from './rows/isolation.ts'
import { latency } from './rows/latency.ts'
import { limit } from './rows/limit.ts'
import { throughput } from './rows/throughput.ts'

const rows = [throughput, latency, isolation, limit, delay, crash, backlog]
/** Too few to measure finely, enough to show that the server is not the limit. */
const ceilingCalls = 60_000

export const ingest: Suite = {
  name: 'ingest',
  about: 'Measures the ingestor against a plain kafkajs loop, with an API of its own.',
  plain: 'plain loop',
  rows,
  async open(parts) {
    const api = await Api.start(parts.folder, parts.signal)
    parts.opened({ close: () => api.close() })
    const server = await showCeiling(api, parts)
    return { told: { server }, rows: bindRows(rows, { api }) }
  },
}

async function showCeiling(api: Api, { terminal, quick, signal }: SuiteParts): Promise<Ceiling> {
  const step = terminal.step('API server')
  // Twice: the first time also warms it up.
  await api.ceiling(ceilingCalls / (quick ? 4 : 1), signal)
  const ceiling = await api.ceiling(ceilingCalls / (quick ? 4 : 1), signal)
  const { callsPerSecond, cpuUsPerCall } = ceiling
  step.done(`takes ${numberText(callsPerSecond)} calls a second, ${numberText(cpuUsPerCall)} µs of a processor each`)
  return ceiling
}
