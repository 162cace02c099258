// Owns one Kafka broker process on this machine's Java: its settings and its data in a folder, formatted once, run as often
// as wanted.

import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { unlessAborted, withinMs } from './deadline.ts'
import { describeExit, type OwnedProcess, startOwned } from './owned-process.ts'

/** Any will do: nothing else ever joins a cluster of this tool. */
const clusterId = '4L6g3nShT-eMCtK--X86sw'
const formatDeadlineMs = 60_000

const logging = `status = off
appender.file.type = File
appender.file.name = file
appender.file.fileName = \${sys:kafka.log.file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n%ex
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
`

export type JavaBroker = {
  /** The java that runs it, and the folder of Kafka's jars. */
  java: string
  jars: string
  env: NodeJS.ProcessEnv
  /** Holds its settings and its data; exists. */
  folder: string
  /** What server.properties says, but for where the data is. */
  settings: Readonly<Record<string, string>>
  /** Further options of `kafka-storage format`, such as users that log in by SCRAM. */
  formatOptions?: readonly string[]
  /** Options of the Java machine. */
  javaOptions: readonly string[]
  logFile: string
}

export type BrokerStep = { kind: 'done' } | { kind: 'failed'; why: string }
export type BrokerStart = { kind: 'running'; process: OwnedProcess } | { kind: 'failed'; why: string }

/** Writes the settings and formats the data folder: once in the life of a broker. Rejects only when `signal` aborts. */
export async function formatBroker(broker: JavaBroker, signal: AbortSignal | undefined): Promise<BrokerStep> {
  const { folder, java, logFile } = broker
  const settings = { ...broker.settings, 'log.dirs': join(folder, 'data') }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(settingsFile(broker), lines.join(''))
  await writeFile(join(folder, 'log4j2.properties'), logging)
  await mkdir(dirname(logFile), { recursive: true })
  const { formatOptions = [] } = broker
  const config = ['--cluster-id', clusterId, '--config', settingsFile(broker)]
  const format = ['kafka.tools.StorageTool', 'format', ...config, ...formatOptions]
  const log = await open(logFile, 'w')
  const options = { cwd: folder, env: broker.env, stdout: log.fd, stderr: log.fd }
  const running = startOwned(java, ['-XX:TieredStopAtLevel=1', ...common(broker), ...format], options)
  try {
    const formatted = await unlessAborted(withinMs(formatDeadlineMs, running.exited), signal)
    if (formatted === 'late') return { kind: 'failed', why: 'took too long to format its data folder' }
    if (formatted.code === 0) return { kind: 'done' }
    return { kind: 'failed', why: `could not format its data folder (${describeExit(formatted.code)})` }
  } finally {
    await running.stop()
    await log.close()
  }
}

/**
 * Runs a formatted broker and waits until it is `usable`, which answers false when it gives up.
 * @param removeAtEnd a folder that goes when the broker goes; rejects only when `signal` aborts
 */
export async function runBroker(
  broker: JavaBroker,
  usable: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal | undefined,
  removeAtEnd?: string,
): Promise<BrokerStart> {
  const log = await open(broker.logFile, 'a')
  const options = { cwd: broker.folder, env: broker.env, stdout: log.fd, stderr: log.fd }
  const args = [...broker.javaOptions, ...common(broker), 'kafka.Kafka', settingsFile(broker)]
  const running = startOwned(broker.java, args, { ...options, ...(removeAtEnd === undefined ? {} : { removeAtEnd }) })
  const stillNeeded = new AbortController()
  const waiting = signal ? AbortSignal.any([signal, stillNeeded.signal]) : stillNeeded.signal
  try {
    const answered = usable(waiting).then((yes) => (yes ? 'usable' : 'late'))
    const outcome = await Promise.race([answered, running.exited])
    if (outcome === 'usable') return { kind: 'running', process: running }
    await running.stop()
    if (typeof outcome === 'string') return { kind: 'failed', why: 'did not answer in time' }
    return { kind: 'failed', why: `ended at once (${describeExit(outcome.code)})` }
  } catch (error) {
    await running.stop()
    throw error
  } finally {
    stillNeeded.abort()
    await log.close()
  }
}

function settingsFile({ folder }: JavaBroker): string {
  return join(folder, 'server.properties')
}

function common({ folder, logFile, jars }: JavaBroker): string[] {
  return [
    `-Dlog4j2.configurationFile=file:${folder}/log4j2.properties`,
    `-Dkafka.log.file=${logFile}`,
    '-cp',
    join(jars, '*'),
  ]
}
