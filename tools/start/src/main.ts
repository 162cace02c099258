// `npm start`: the whole bridge on one machine, with a simulated Partoo. Read it from top to bottom: what is opened on the
// way down is closed on the way up, whatever ends it (a signal, a step that fails, a process that dies).
//
//   exit codes   0 ended when asked   1 something could not start, or died   64 unknown argument
//                130 ended at once by a second Ctrl-C

import { join } from 'node:path'
import { unlessAborted, withinMs } from '@bridge/local-kafka/deadline'
import { bringUpKafka, type LocalKafka } from '@bridge/local-kafka/local-kafka'
import { localFolder } from '@bridge/local-kafka/maven'
import { createTopics, removeWithPrefix, type TopicNames } from '@bridge/local-kafka/topics'
import { defaultOptions } from '@bridge/partoo-simulator/options'
import { createSigner } from '@bridge/partoo-simulator/signing'
import { claim } from './claims.ts'
import { Ending, type Reason } from './ending.ts'
import { simulatorUrl, type World } from './environment.ts'
import { guide } from './guide.ts'
import { freePrefix } from './neighbours.ts'
import { choosePorts, servicePorts } from './ports.ts'
import { fromRoot, type Service, type ServiceSpec, startService } from './processes.ts'
import { announceRunning } from './running.ts'
import { gatewaySpec, ingestorSpec, simulatorSpec } from './services.ts'
import { listenForStop } from './stop-requests.ts'
import { layOut, playStory } from './story.ts'
import { openStoryWorld } from './story-world.ts'
import { createTerminal, seconds } from './terminal.ts'

const help = `npm start: brings up Kafka, a simulated Partoo, the ingestor and the webhook gateway, and plays a conversation.

Kafka is the one that START_KAFKA_BROKERS names (host:port, comma-separated), else one in Docker, else one on Java 17 or
newer, which Maven brings. LOCAL_KAFKA=docker or LOCAL_KAFKA=java allows only that one of the last two.
Ctrl-C ends everything; a second one, a second later, ends it at once.
`
/** How long the steps under way may take to notice that the end has come. */
const noticeDeadlineMs = 5_000

const [argument] = process.argv.slice(2)
if (argument !== undefined) {
  process.stdout.write(help)
  process.exit(argument === '--help' || argument === '-h' ? 0 : 64)
}

const startedMs = performance.now()
const ending = new Ending()
const terminal = createTerminal(process.stdout)
const say = (line: string): void => terminal.line(`  ${line}`)
const heading = (text: string): void => {
  for (const line of ['', terminal.paint('bold', text), '']) terminal.line(line)
}
const fault = (error: unknown): void => {
  const what = error instanceof Error ? error.stack : String(error)
  ending.end({ kind: 'failed', why: `A fault in npm start itself: ${what}` })
}
// A reader that goes away (`npm start | head`, a closed terminal) is no reason to crash and leave things running.
process.stdout.on('error', () => {})
process.on('uncaughtException', fault)
process.on('unhandledRejection', fault)
const requests = listenForStop(process)
requests.orderly.addEventListener('abort', () => ending.end({ kind: 'asked' }))
requests.atOnce.addEventListener('abort', () => void stopAtOnce())

const started = start().catch((error: unknown) => {
  // What is under way when the end comes rejects with it; anything else is a fault.
  if (!ending.signal.aborted) fault(error)
})
process.exit(await stop(await ending.reason))

async function start(): Promise<void> {
  heading('Kafka ⇄ Partoo, on this machine')
  const logs = claimLogFolder()
  const kafka = await startKafka(join(logs, 'kafka.log'))
  if (!kafka) return
  const { brokers } = kafka
  const prefix = kafka.source === 'given' ? await unlessAborted(freePrefix(brokers, say), ending.signal) : ''
  if (prefix !== '') ending.opened({ close: () => removeWithPrefix(brokers, prefix) })
  const topics = await startTopics(brokers, prefix)
  const { ports, release } = await choosePorts(servicePorts, say)
  ending.opened({ close: async () => release() })
  const publicKeyPem = createSigner(defaultOptions.signingSeed).publicKeyPem
  const world: World = { brokers, topics, prefix, ports, publicKeyPem }

  // Stopped in the other order: the simulator outlives the services that call it.
  const [simulatorReady, bridgeReady, story] = await Promise.all([
    startServices([simulatorSpec(world, process.env, logs)]),
    startServices([ingestorSpec(world, process.env, logs), gatewaySpec(world, process.env, logs)]),
    unlessAborted(openStoryWorld(world), ending.signal),
  ])
  ending.opened({ close: () => story.close() })
  void story.broken.then((why) => ending.end({ kind: 'failed', why: `The topics can no longer be followed: ${why}` }))
  if (!simulatorReady || !bridgeReady) return
  const withdraw = announceRunning({ brokers, topics, inbox: `${simulatorUrl(ports)}/` })
  ending.opened({ close: async () => withdraw() })

  heading('A conversation, there and back')
  const id = Date.now().toString(36).slice(-4)
  const told = await playStory(
    story,
    id,
    (line) => {
      for (const text of layOut(line)) terminal.line(text)
    },
    ending.signal,
  )
  if (told.kind === 'broken-off') {
    const why = `The conversation broke off: ${told.missing}. What happened stands in ${fromRoot(logs)}.`
    ending.end({ kind: 'failed', why })
    return
  }
  await story.close()
  terminal.line()
  for (const line of guide(world, fromRoot(logs), terminal.paint)) terminal.line(line)
  terminal.line()
  say(`Ready after ${seconds(performance.now() - startedMs, 1)}, and running. Ctrl-C ends everything.`)
}

/** Answers the folder for this run's logs: .local/logs, or .local/logs-2 and so on where another start writes there. */
function claimLogFolder(): string {
  for (let number = 1; ; number += 1) {
    const folder = join(localFolder, number === 1 ? 'logs' : `logs-${number}`)
    const claimed = claim(join(folder, 'start.pid'))
    if (claimed.kind === 'held') continue
    ending.opened({ close: async () => claimed.release() })
    return folder
  }
}

async function startKafka(logFile: string): Promise<LocalKafka | undefined> {
  const given = Boolean(process.env.START_KAFKA_BROKERS?.trim())
  const { ports, release } = await choosePorts(given ? [] : ['kafka'], say)
  ending.opened({ close: async () => release() })
  const step = terminal.step('Kafka')
  const { progress } = step
  const { signal } = ending
  const brought = await bringUpKafka({
    variable: 'START_KAFKA_BROKERS',
    preferredPort: ports.kafka,
    logFile,
    say,
    progress,
    signal,
  })
  if (brought.kind !== 'up') {
    step.end()
    if (brought.kind === 'unavailable') ending.end({ kind: 'failed', why: brought.reason })
    return undefined
  }
  const { kafka } = brought
  ending.opened({ close: () => kafka.stop() })
  void kafka.ended.then(() => ending.end({ kind: 'failed', why: `Kafka ended: ${fromRoot(logFile)} may say why.` }))
  step.done(`${kafka.description}, at ${kafka.brokers}`)
  return kafka
}

async function startTopics(brokers: string, prefix: string): Promise<TopicNames> {
  const step = terminal.step('Topics')
  const names = await unlessAborted(createTopics(brokers, prefix), ending.signal)
  step.done(`${names.outbound} and ${Object.keys(names).length - 1} more`)
  return names
}

/** Starts services that are stopped together, and answers whether all of them became ready. */
async function startServices(specs: ServiceSpec[]): Promise<boolean> {
  const services = specs.map((spec) => startService(spec))
  const all = (what: (service: Service) => Promise<void>): Promise<unknown> => Promise.all(services.map(what))
  ending.opened({ close: () => all((service) => service.stop()), kill: () => all((service) => service.kill()) })
  const ready = services.map(async (service) => {
    const { name, whenReady } = service.spec
    const step = terminal.step(name)
    void service.ended.then((how) => ending.end(failureOf(service, `${name} ended (${how}).`)))
    const readiness = await service.untilReady(ending.signal)
    if (readiness.kind === 'ready') step.done(whenReady)
    else ending.end(failureOf(service, readiness.why))
    return readiness.kind === 'ready'
  })
  return (await Promise.all(ready)).every(Boolean)
}

function failureOf(service: Service, why: string): Reason {
  return { kind: 'failed', why, log: { file: fromRoot(service.spec.logFile), lines: service.lastLines() } }
}

/** Closes everything, tells how it went, and answers the exit code. */
async function stop(reason: Reason): Promise<number> {
  const stoppingMs = performance.now()
  terminal.close()
  terminal.line()
  if (reason.kind === 'failed') {
    terminal.line(`${terminal.paint('red', '✗')} ${reason.why}`)
    if (reason.log) for (const line of [`  The end of ${reason.log.file}:`, ...reason.log.lines]) terminal.line(line)
  }
  terminal.line('Stopping…')
  await withinMs(noticeDeadlineMs, started)
  await ending.closeAll()
  requests.dispose()
  terminal.line(`Stopped: nothing is left running (${seconds(performance.now() - stoppingMs, 1)}).`)
  return reason.kind === 'asked' ? 0 : 1
}

async function stopAtOnce(): Promise<void> {
  terminal.line('Ending at once.')
  await ending.killAll()
  process.exit(130)
}
