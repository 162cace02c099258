// `npm run soak -- --minutes N [--seed S]`: both services under mixed load while one fault of the table after the other befalls them,
// drawn at random; memory and handles are watched, and all is judged at the end. A Ctrl-C ends it with the verdict so far; a
// second one, at once. The same seed draws the same faults.

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { seededRandom } from '@bridge/partoo-simulator/random'
import { errorLine } from '@bridge/runtime/log'
import { Ending } from '@bridge/start/ending'
import { listenForStop } from '@bridge/start/stop-requests'
import { createTerminal, timeOfDay } from '@bridge/start/terminal'
import { until } from '../support/wait.ts'
import { writePart } from './document.ts'
import { Health } from './health.ts'
import { type Expected, faultsOf, judge } from './judgement.ts'
import { OneBroker } from './one-broker.ts'
import type { RanRow, Row, Stand } from './row.ts'
import { rows } from './rows.ts'
import { inOwnMounts } from './small-disk.ts'
import { terminalLines } from './table.ts'
import { World, type WorldOptions } from './world.ts'

/** Those that can befall one world again and again: the others need a Kafka, a disk or a load of their own. */
const names = [
  ['broker-killed', 'kafka-cut', 'kafka-slow', 'kafka-half-open', 'kafka-frozen'],
  ['rebalance-storm', 'replica-killed', 'replica-stopped', 'clock-stepped'],
  ['partoo-cut', 'partoo-slow', 'partoo-half-open', 'answers-lost', 'partoo-outage', 'limit-storm', 'other-client'],
  ['key-revoked', 'burst-producer'],
].flat()
const options: WorldOptions = { kafkaWay: 'all', steppedClock: true, perSecond: 12 }
const expected: Expected = { refusals: true, noRecovery: true, drainDeadlineMs: 300_000 }
/** The soak of which the document tells lasts so long at least. */
const writtenMinutesMin = 60
const calmMs = 5_000
const caughtUpDeadlineMs = 300_000
const replicas = 2

const asked = read(process.argv.slice(2))
inOwnMounts()
const drawnRows = rows.filter(({ name }) => names.includes(name))
const random = seededRandom(asked.seed)
const terminal = createTerminal(process.stdout)
const requests = listenForStop(process)
const ending = new Ending()
requests.atOnce.addEventListener('abort', () => void ending.killAll().then(() => process.exit(130)))

const startedAt = new Date()
const step = terminal.step('soak')
const exitCode = await soak().catch((error: unknown) => {
  terminal.line(`${terminal.paint('red', '✗')} ${errorLine(error)}`)
  return 1
})
step.end()
terminal.close()
await ending.closeAll()
requests.dispose()
process.exit(exitCode)

/** @returns the exit code */
async function soak(): Promise<number> {
  const broker = await OneBroker.start({ name: 'kafka-soak', signal: ending.signal })
  ending.opened({ close: () => broker.stop() })
  const stand = standOn(broker)
  const ground = { brokers: broker.address, signal: requests.orderly, progress: (text: string) => step.progress(text) }
  const world = await World.start(ground, { ...options, replicas }, (one) =>
    ending.opened({ close: () => one.close() }),
  )
  await world.warmUp()
  const health = new Health(() => [
    ...world.fleet.replicas.map((process) => ({ name: 'ingestor', process })),
    { name: 'webhook gateway', process: world.gateway },
  ])
  ending.opened({ close: async () => health.close() })
  terminal.line(`Soak of ${asked.minutes} minutes, seed ${asked.seed}; Ctrl-C: the verdict so far.`)

  const endMs = performance.now() + asked.minutes * 60_000
  const drawn = new Map<string, number>()
  while (performance.now() < endMs && !requests.orderly.aborted) {
    const row = drawnRows[Math.floor(random() * drawnRows.length)]
    if (row === undefined) throw new Error('there is no fault to draw')
    const wrong = await befall(world, row, stand, broker)
    if (requests.orderly.aborted) break
    drawn.set(row.name, (drawn.get(row.name) ?? 0) + 1)
    if (wrong !== undefined) world.wrong.push(`${row.name}: ${wrong}`)
    const mark = wrong === undefined ? terminal.paint('green', '✓') : terminal.paint('red', '✗')
    const through = `${world.witness.count} created`
    terminal.line(`  ${mark} ${timeOfDay(Date.now()).slice(0, 8)} ${row.name.padEnd(17)} ${through}; ${health.line()}`)
    if (wrong !== undefined) terminal.line(`    ${wrong}`)
  }

  world.goOn(ending.signal)
  await heal(world, broker)
  world.phases.length = 0
  world.notes.length = 0
  const judgement = await judge(world, expected)
  const { told, wrong: unwell } = health.verdict()
  const minutes = Math.round((Date.now() - startedAt.getTime()) / 60_000)
  const fault = `${[...drawn.values()].reduce((sum, one) => sum + one, 0)} faults in ${minutes} minutes, seed ${asked.seed}`
  const all = [...drawn].sort().map(([name, times]) => `${name} ${times}`)
  const wrong = [...world.wrong, ...unwell]
  const notes = [`faults: ${all.join(', ')}`, ...told]
  const tookMs = Date.now() - startedAt.getTime()
  const ran: RanRow = { name: 'soak', fault, expected, tookMs, kind: 'judged', judgement, wrong, notes }
  terminal.line()
  for (const line of terminalLines([ran])) terminal.line(line)
  const isWell = wrong.length === 0 && faultsOf(judgement, expected).length === 0
  if (minutes >= writtenMinutesMin) writeDocument(ran, isWell)
  return isWell ? 0 : 1
}

/** Lets a fault befall the world, and waits until all has caught up. @returns what went wrong */
async function befall(world: World, row: Row, stand: Stand, broker: OneBroker): Promise<string | undefined> {
  step.progress(row.name)
  try {
    await row.run(world, stand, true)
  } catch (error) {
    if (world.signal.aborted) return undefined
    return errorLine(error)
  } finally {
    await heal(world, broker)
  }
  try {
    step.progress(`${row.name}: catching up`)
    await until(
      'all that was sent before is created',
      () => world.signal.aborted || world.witness.count >= world.load.count - world.options.conversations,
      caughtUpDeadlineMs,
    )
    await world.lasts(calmMs)
    return undefined
  } catch (error) {
    return world.signal.aborted ? undefined : errorLine(error)
  }
}

/** All is as at the start again, wherever a fault was interrupted. */
async function heal(world: World, broker: OneBroker): Promise<void> {
  if (!broker.isRunning) await broker.begin()
  await world.heal()
  if (!world.gateway.running) await world.startGateway()
  while (world.fleet.replicas.length < replicas) await world.fleet.add()
  for (const surplus of world.fleet.replicas.slice(replicas)) await surplus.end('SIGTERM')
}

function standOn(broker: OneBroker): Stand {
  const none = (): never => {
    throw new Error('the soak stands on one broker alone')
  }
  return { broker: () => broker, cluster: none, disk: none, registryUrl: none }
}

function writeDocument(ran: RanRow, isWell: boolean): void {
  if (ran.kind !== 'judged') return
  const { judgement: found, notes } = ran
  const day = startedAt.toISOString().slice(0, 10)
  writePart('soak', [
    `${day}, on ${availableParallelism()} processors, Node ${process.version}: ${ran.fault}. Verdict: ${isWell ? 'kept' : 'not kept'}.`,
    '',
    `- ${found.messages.toLocaleString('en-US')} messages and ${found.webhooks.toLocaleString('en-US')} webhooks; ` +
      `${found.lost + found.webhooksLost} lost, ${found.createdTwice} created twice, ${found.outOfOrder} out of order`,
    `- at most ${found.most} requests in any 60 s, where ${found.limitPerMinute} are allowed; ${found.repeated} calls repeated`,
    ...[...notes, ...ran.wrong].map((note) => `- ${note}`),
  ])
}

function read(args: string[]): { minutes: number; seed: number } {
  const help = 'npm run soak -- --minutes N [--seed S]: faults at random for N minutes (5 by default), and a verdict\n'
  try {
    const { values } = parseArgs({
      args,
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(help)
      process.exit(0)
    }
    const minutes = Number(values.minutes)
    const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
    if (minutes > 0 && Number.isSafeInteger(seed)) return { minutes, seed }
    throw new Error('--minutes is a number above 0, --seed a whole one')
  } catch (error) {
    process.stderr.write(`soak: ${errorLine(error)}\n${help}`)
    process.exit(64)
  }
}
