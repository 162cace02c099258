// `npm run bench -- <suite>`: a service against what a user would write by hand. Brings up a Kafka and what the suite needs, runs
// the rows one after the other, and ends with a table and a JSON file. A Ctrl-C ends everything it started; a second one, at once.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { bringUpKafka, type LocalKafka } from '@bridge/local-kafka/local-kafka'
import { localFolder } from '@bridge/local-kafka/maven'
import { errorLine } from '@bridge/runtime/log'
import { Ending, type Opened } from '@bridge/start/ending'
import { listenForStop } from '@bridge/start/stop-requests'
import { createTerminal } from '@bridge/start/terminal'
import { type Asked, helpText, readArguments } from './arguments.ts'
import { type Figure, type RowResult, ratioOf, verdictOf } from './figures.ts'
import { gateway } from './gateway/suite.ts'
import { ingest } from './ingest/suite.ts'
import { Stage } from './stage.ts'
import type { BoundRow, Suite } from './suite.ts'
import { allMet, type ReportedRow, tableLines } from './table.ts'

const suites: readonly Suite[] = [ingest, gateway]

const asked = readArguments(process.argv.slice(2), suites)
if (asked.kind === 'help') {
  process.stdout.write(helpText(suites))
  process.exit(0)
}
if (asked.kind === 'wrong') {
  process.stderr.write(`bench: ${asked.why}; see --help\n`)
  process.exit(64)
}

type Run = Extract<Asked, { kind: 'run' }>

const startedAt = new Date()
/** Processes that run or want to, over the last minute. */
const loadBefore = loadavg()[0] ?? 0
const terminal = createTerminal(process.stdout)
const requests = listenForStop(process)
const ending = new Ending()
const { signal } = ending
requests.orderly.addEventListener('abort', () => ending.end({ kind: 'asked' }))
requests.atOnce.addEventListener('abort', () => void ending.killAll().then(() => process.exit(130)))

const exitCode = await measureAll(suiteOf(asked), asked).catch((error: unknown) => {
  if (requests.orderly.aborted) return 130
  terminal.line(`${terminal.paint('red', '✗')} ${errorLine(error)}`)
  return 1
})
terminal.close()
if (exitCode === 130) terminal.line('Stopping…')
await ending.closeAll()
if (exitCode === 130) terminal.line('Stopped: nothing is left running.')
requests.dispose()
process.exit(exitCode)

function suiteOf(run: Run): Suite {
  const suite = suites.find(({ name }) => name === run.suite)
  if (suite === undefined) throw new Error(`there is no suite ${run.suite}`)
  return suite
}

/** @returns the exit code */
async function measureAll(suite: Suite, run: Run): Promise<number> {
  tellOtherLoad()
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  ending.opened({ close: async () => rmSync(folder, { recursive: true, force: true }) })
  const kafka = await startKafka()
  const { brokers } = kafka
  const keepsKafka = kafka.source === 'given'
  const opened = (one: Opened) => ending.opened(one)
  const { told, rows } = await suite.open({ folder, quick: run.quick, terminal, signal, opened })

  const reported: ReportedRow[] = []
  const profileFolder = run.profileFolder === null ? null : resolve(run.profileFolder)
  for (const row of rows.filter(({ name }) => run.rows.includes(name))) {
    const step = terminal.step(row.name)
    const { progress } = step
    const { quick } = run
    const stage = await Stage.open({ brokers, keepsKafka, quick, folder, profileFolder, signal, progress })
    ending.opened({ close: () => stage.close() })
    const result = await measureRow(row, stage)
    if (signal.aborted) throw new Error(await reasonText())
    // Its processes are gone before the next row is measured; that its topics are gone is not worth failing for.
    await stage.close().catch((error: unknown) => terminal.line(`  ${row.name}: ${errorLine(error)}`))
    reported.push(result)
    step.end()
    tellRow(result)
  }

  terminal.line()
  for (const line of tableLines(reported, suite.plain)) terminal.line(line)
  const jsonFile = resolve(run.jsonFile)
  writeJson(jsonFile, run, kafka, told, reported)
  terminal.line()
  terminal.line(`Figures: ${relative(process.cwd(), jsonFile)}`)
  if (run.quick) terminal.line('Quick: one run of less work. The required figures are for the whole of it.')
  return allMet(reported) ? 0 : 1
}

/** Latencies, above all, are not to be had beside other work. */
function tellOtherLoad(): void {
  if (loadBefore < availableParallelism() * 0.25) return
  const load = `a load of ${loadBefore.toFixed(1)} on ${availableParallelism()} processors`
  terminal.line(
    `  ${terminal.paint('red', '!')} This machine is busy (${load}): figures will look worse than they are.`,
  )
}

async function reasonText(): Promise<string> {
  const reason = await ending.reason
  return reason.kind === 'failed' ? reason.why : 'ended'
}

async function measureRow(row: BoundRow, stage: Stage): Promise<ReportedRow> {
  const { name, work } = row
  try {
    return { kind: 'measured', name, work, ...(await row.run(stage)) }
  } catch (error) {
    return { kind: 'failed', name, work, why: errorLine(error) }
  }
}

/** A line for a row that is over: what it found stands in the table. */
function tellRow(row: ReportedRow): void {
  const met = allMet([row])
  const missed = (result: RowResult) =>
    result.figures.filter((figure) => verdictOf(figure) === 'missed').length + result.wrong.length
  const what = row.kind === 'failed' ? 'not measured' : met ? 'all figures met' : `${missed(row)} missed`
  terminal.line(`  ${terminal.paint(met ? 'green' : 'red', met ? '✓' : '✗')} ${row.name.padEnd(18)} ${what}`)
}

async function startKafka(): Promise<LocalKafka> {
  const step = terminal.step('Kafka')
  const logFile = join(localFolder, 'logs', 'kafka-bench.log')
  const say = (line: string) => terminal.line(line)
  const { progress } = step
  const brought = await bringUpKafka({ variable: 'START_KAFKA_BROKERS', logFile, say, progress, signal })
  if (brought.kind === 'aborted') throw signal.reason
  if (brought.kind === 'unavailable') throw new Error(brought.reason)
  const { kafka } = brought
  ending.opened({ close: () => kafka.stop() })
  void kafka.ended.then(() => ending.end({ kind: 'failed', why: `Kafka ended, see ${logFile}` }))
  step.done(`${kafka.description}, at ${kafka.brokers}; ${availableParallelism()} processors`)
  return kafka
}

function writeJson(
  file: string,
  run: Run,
  kafka: LocalKafka,
  told: Record<string, unknown>,
  reported: ReportedRow[],
): void {
  const judged = (figure: Figure) => ({ ...figure, ratio: ratioOf(figure), verdict: verdictOf(figure) })
  const whole = {
    benchmark: run.suite,
    startedAt: startedAt.toISOString(),
    tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1_000),
    quick: run.quick,
    node: process.version,
    processors: { count: availableParallelism(), model: cpus()[0]?.model ?? null, loadBefore },
    kafka: kafka.description,
    ...told,
    allMet: allMet(reported),
    rows: reported.map((row) => (row.kind === 'measured' ? { ...row, figures: row.figures.map(judged) } : row)),
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`)
}
