// The suite `gateway`: the webhook gateway against the handler that a user would write by hand, sent to by a process of its own.

import { bindRows, type Suite, type SuiteParts } from '../suite.ts'
import { numberText } from '../table.ts'
import { flatOut, flatOutWork } from './rows/flat-out.ts'
import { spool } from './rows/spool.ts'
import { steady, steadyWork } from './rows/steady.ts'
import { type Ceiling, Sender } from './sender.ts'

const rows = [flatOut, steady, spool]

export const gateway: Suite = {
  name: 'gateway',
  about: 'Measures the webhook gateway against a plain fastify handler, with a sender of its own.',
  plain: 'plain handler',
  rows,
  async open(parts) {
    const sender = await Sender.start(parts.folder, parts.signal)
    parts.opened({ close: () => sender.close() })
    const ceiling = await showCeiling(sender, parts)
    return { told: { sender: ceiling }, rows: bindRows(rows, { sender }) }
  },
}

async function showCeiling(sender: Sender, { terminal, quick }: SuiteParts): Promise<Ceiling> {
  const step = terminal.step('sender')
  const counts = [flatOutWork({ quick }), steadyWork({ quick })].map((work) => work.warmUpCount + work.count)
  const count = Math.max(...counts)
  step.progress(`signing ${count.toLocaleString('en-US')} webhooks`)
  await sender.sign(count)
  const ceiling = await sender.ceiling(count)
  const { requestsPerSecond, cpuUsPerRequest } = ceiling
  step.done(
    `sends ${numberText(requestsPerSecond)} webhooks a second to a server that does nothing, ${numberText(cpuUsPerRequest)} µs of a processor each`,
  )
  return ceiling
}
