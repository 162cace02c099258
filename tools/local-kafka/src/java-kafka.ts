// Owns a Kafka broker on this machine's Java: one node, KRaft, its data in a temporary folder that goes when it goes.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findJava } from './java.ts'
import { type BrokerStart, formatBroker, runBroker } from './java-broker.ts'
import { untilUsable } from './kafka-client.ts'
import { ensureJars, kafkaVersion } from './kafka-jars.ts'
import type { Attempt, BringUp } from './local-kafka.ts'
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

const usableDeadlineMs = 60_000
/** A port that was free a moment ago may be taken when the broker asks for it. */
const portAttemptsMax = 3

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
          ended: started.process.exited.then(() => {}),
          stop: () => started.process.stop(),
        },
      }
    }
    why = started.why
  }
  return { kind: 'none', why }
}

async function startBroker(
  java: string,
  jars: string,
  env: NodeJS.ProcessEnv,
  port: number,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<BrokerStart> {
  const folder = await mkdtemp(join(tmpdir(), 'local-kafka-'))
  const javaOptions = ['-Xms256m', '-Xmx512m']
  const broker = { java, jars, env, folder, settings: await settings(port), javaOptions, logFile }
  const usable = (waiting: AbortSignal) => untilUsable(`127.0.0.1:${port}`, usableDeadlineMs, waiting)
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const formatted = await formatBroker(broker, signal)
    const started = formatted.kind === 'done' ? await runBroker(broker, usable, signal, folder) : formatted
    if (started.kind === 'running') return started
    await remove()
    return { kind: 'failed', why: `Kafka on Java ${started.why}, see ${logFile}` }
  } catch (error) {
    await remove()
    throw error
  }
}

async function settings(port: number): Promise<Record<string, string>> {
  const controllerPort = await freePort()
  return {
    ...singleNodeSettings,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  }
}
