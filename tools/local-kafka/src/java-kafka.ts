// Owns a Kafka broker on this machine's Java: one node, KRaft, its data in a temporary folder that goes when it goes.

import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unlessAborted, withinMs } from './deadline.ts'
import { untilUsable } from './kafka-client.ts'
import { ensureJars, findJava, kafkaVersion } from './kafka-jars.ts'
import type { Attempt, BringUp } from './local-kafka.ts'
import { describeExit, type OwnedProcess, startOwned } from './owned-process.ts'
import { freePort } from './ports.ts'

/** Settings of a single node, for the Java broker and (as KAFKA_… variables) for the one in a container. */
export const singleNodeSettings = {
  'node.id': '1',
  'process.roles': 'broker,controller',
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
  'inter.broker.listener.name': 'PLAINTEXT',
  'offsets.topic.num.partitions': '4',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '2',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '2',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
} as const

/** Any will do: nothing else ever joins this cluster. */
const clusterId = '4L6g3nShT-eMCtK--X86sw'
const formatDeadlineMs = 60_000
const usableDeadlineMs = 60_000
/** A port that was free a moment ago may be taken when the broker asks for it. */
const portAttemptsMax = 3

const logging = `status = off
appender.file.type = File
appender.file.name = file
appender.file.fileName = \${sys:kafka.log.file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n%ex
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
`

/** Starts a broker on Java, bringing its jars first if need be; or answers why that cannot be. */
export async function startOnJava({ env, preferredPort, logFile, progress, signal }: BringUp): Promise<Attempt> {
  const java = await findJava(env)
  if (java.kind === 'missing') return { kind: 'none', why: java.why }
  signal?.throwIfAborted()
  const jars = await ensureJars(env, progress, signal)
  if (jars.kind === 'missing') return { kind: 'none', why: jars.why }

  let why = ''
  for (let attempt = 0; attempt < portAttemptsMax; attempt += 1) {
    const port = await freePort(attempt === 0 ? preferredPort : undefined)
    progress(`${kafkaVersion} on Java ${java.major}, starting on port ${port}`)
    const started = await startBroker(java.command, jars.folder, env, port, logFile, signal)
    if (started.kind === 'running') {
      return {
        kind: 'up',
        kafka: {
          brokers: `127.0.0.1:${port}`,
          source: 'java',
          description: `Kafka ${kafkaVersion} on Java ${java.major}`,
          ended: started.broker.exited.then(() => {}),
          stop: () => started.broker.stop(),
        },
      }
    }
    why = started.why
  }
  return { kind: 'none', why }
}

type Started = { kind: 'running'; broker: OwnedProcess } | { kind: 'failed'; why: string }

async function startBroker(
  java: string,
  jars: string,
  env: NodeJS.ProcessEnv,
  port: number,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'local-kafka-'))
  const settings = join(folder, 'server.properties')
  await writeFile(settings, await properties(folder, port))
  await writeFile(join(folder, 'log4j2.properties'), logging)
  await mkdir(dirname(logFile), { recursive: true })
  const log = await open(logFile, 'w')
  const options = { cwd: folder, env, stdout: log.fd, stderr: log.fd }
  const common = [
    `-Dlog4j2.configurationFile=file:${folder}/log4j2.properties`,
    `-Dkafka.log.file=${logFile}`,
    '-cp',
    join(jars, '*'),
  ]
  let running: OwnedProcess | undefined
  try {
    const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', settings]
    running = startOwned(java, ['-XX:TieredStopAtLevel=1', ...common, ...format], options)
    const formatted = await unlessAborted(withinMs(formatDeadlineMs, running.exited), signal)
    if (formatted === 'late') return await failed(running, folder, logFile, 'took too long to format its data folder')
    if (formatted.code !== 0) {
      return await failed(
        running,
        folder,
        logFile,
        `could not format its data folder (${describeExit(formatted.code)})`,
      )
    }

    const args = ['-Xms256m', '-Xmx512m', ...common, 'kafka.Kafka', settings]
    running = startOwned(java, args, { ...options, removeAtEnd: folder })
    const stillNeeded = new AbortController()
    const waiting = signal ? AbortSignal.any([signal, stillNeeded.signal]) : stillNeeded.signal
    const outcome = await Promise.race([
      untilUsable(`127.0.0.1:${port}`, usableDeadlineMs, waiting).then((usable) => (usable ? 'usable' : 'late')),
      running.exited,
    ])
    stillNeeded.abort()
    if (outcome === 'usable') return { kind: 'running', broker: running }
    if (outcome === 'late') return await failed(running, folder, logFile, 'did not answer within a minute')
    return await failed(
      running,
      folder,
      logFile,
      `ended at once (${describeExit((outcome as { code: number | null }).code)})`,
    )
  } catch (error) {
    await running?.stop()
    await rm(folder, { recursive: true, force: true })
    throw error
  } finally {
    await log.close()
  }
}

async function failed(running: OwnedProcess, folder: string, logFile: string, what: string): Promise<Started> {
  await running.stop()
  await rm(folder, { recursive: true, force: true })
  return { kind: 'failed', why: `Kafka on Java ${what}, see ${logFile}` }
}

async function properties(folder: string, port: number): Promise<string> {
  const controllerPort = await freePort()
  const settings = {
    ...singleNodeSettings,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': join(folder, 'data'),
  }
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`
}
