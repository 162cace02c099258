// A process of its own that keeps webhooks in a spool and removes them, until it is killed. What it does is written to a file at
// once, a line each:
//   tries N          numbers below N may be appended from now on
//   kept N ID        that number is acknowledged under that id
//   removing D ID    it asks for that
//   removed D ID     that is acknowledged
//   aside ID         it asks for that row to be put into quarantine, which no removal reaches
// Standard output says once that the spool is open. Arguments: the spool's folder, the run, the file, and, for a writer that is not
// killed, how many turns it takes.

import { openSync, writeSync } from 'node:fs'
import { destinationNames } from '@bridge/webhook-gateway/destination'
import { Spool } from '@bridge/webhook-gateway/spool'
import { webhookOf } from './spool-webhooks.ts'

/** Webhooks of a destination that it lets wait. */
const leftMax = 60

const [folder = '', runText = '', file = '', turnsText = 'Infinity'] = process.argv.slice(2)
const run = Number(runText)
const turns = Number(turnsText)
const descriptor = openSync(file, 'a')
const say = (line: string) => writeSync(descriptor, `${line}\n`)

const opened = await Spool.open({ folder, bytesMax: 1_000_000_000 })
if (opened.kind === 'refused') throw new Error(opened.because)
const { spool } = opened
process.stdout.write('open\n')

let n = 0
for (let turn = 0; turn < turns; turn += 1) {
  const together = 1 + ((run * 7 + turn * 13) % 40)
  const numbers = Array.from({ length: together }, (_, i) => n + i)
  n += together
  say(`tries ${n}`)
  const appends = numbers.map(async (number) => {
    const appended = await spool.append(webhookOf(run, number))
    if (appended.kind !== 'kept') throw new Error(JSON.stringify(appended))
    say(`kept ${number} ${appended.id}`)
  })
  // Now and then the next ones come while these are under way.
  if (turn % 3 === 0) await Promise.all(appends)
  else await appends[0]
  const destination = destinationNames[turn % 3]
  if (destination === undefined || spool.waiting(destination) < leftMax) continue
  const rows = await spool.read(destination, 0, { eventsMax: leftMax, bytesMax: 1_000_000 })
  const [first] = rows
  if (turn % 4 === 0 && first !== undefined) {
    say(`aside ${first.id}`)
    if (!(await spool.quarantine(first.id, 'a test'))) throw new Error('not in quarantine')
  }
  const last = rows.at(-1)
  if (last === undefined) continue
  say(`removing ${destination} ${last.id}`)
  if (!(await spool.removeTo(destination, last.id))) throw new Error('not removed')
  say(`removed ${destination} ${last.id}`)
}
await spool.close()
