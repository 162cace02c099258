// `npm run faults`: each fault on the real thing, with its figures. A Ctrl-C ends everything it started; a second one, at once.

import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { errorLine } from '@bridge/runtime/log'
import { Ending } from '@bridge/start/ending'
import { listenForStop } from '@bridge/start/stop-requests'
import { createTerminal, type Step, seconds } from '@bridge/start/terminal'
import { helpText, readArguments } from './arguments.ts'
import { documentFile, writePart } from './document.ts'
import type { RanRow } from './row.ts'
import { rows } from './rows.ts'
import { inOwnMounts } from './small-disk.ts'
import { Stage } from './stage.ts'
import { isKept, markdownLines, terminalLines, wrongOf } from './table.ts'

const asked = readArguments(process.argv.slice(2), rows)
if (asked.kind === 'help') {
  process.stdout.write(helpText)
  process.exit(0)
}
if (asked.kind === 'list') {
  for (const { name, fault } of rows) process.stdout.write(`${name.padEnd(18)} ${fault}\n`)
  process.exit(0)
}
if (asked.kind === 'wrong') {
  process.stderr.write(`faults: ${asked.why}\n`)
  process.exit(64)
}
inOwnMounts()

const terminal = createTerminal(process.stdout)
const requests = listenForStop(process)
const ending = new Ending()
const { signal } = ending
requests.orderly.addEventListener('abort', () => ending.end({ kind: 'asked' }))
requests.atOnce.addEventListener('abort', () => void ending.killAll().then(() => process.exit(130)))

let step: Step | undefined
const { quick, outputs: keepsOutputs } = asked
const stage = new Stage({ signal, progress: (text) => step?.progress(text), quick, keepsOutputs })
ending.opened({ close: () => stage.close() })

const startedAt = new Date()
const ran: RanRow[] = []
for (const row of rows.filter(({ name }) => asked.rows.includes(name))) {
  if (signal.aborted) break
  step = terminal.step(row.name)
  const one = await stage.run(row)
  step.end()
  if (signal.aborted) break
  ran.push(one)
  const mark = isKept(one) ? terminal.paint('green', '✓') : terminal.paint('red', one.kind === 'not-run' ? '–' : '✗')
  terminal.line(`  ${mark} ${row.name.padEnd(18)} ${wrongOf(one).join('; ') || row.fault} (${seconds(one.tookMs, 0)})`)
}
terminal.close()
if (signal.aborted) terminal.line('Stopping…')
await ending.closeAll()
requests.dispose()
if (ran.length > 0) {
  terminal.line()
  for (const line of terminalLines(ran)) terminal.line(line)
}
if (signal.aborted) process.exit(130)
if (asked.isWhole) {
  try {
    const took = Math.round((Date.now() - startedAt.getTime()) / 60_000)
    const day = startedAt.toISOString().slice(0, 10)
    const where = `${availableParallelism()} processors, Node ${process.version}`
    writePart('faults', [`Measured on ${day}, on ${where}, in ${took} minutes.`, '', ...markdownLines(ran)])
    terminal.line(`\nWritten: ${relative(process.cwd(), documentFile)}`)
  } catch (error) {
    terminal.line(errorLine(error))
  }
}
process.exit(ran.every(isKept) ? 0 : 1)
