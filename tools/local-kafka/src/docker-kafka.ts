// Owns a Kafka broker in a container: apache/kafka.

import { startContainer } from './docker-container.ts'
import { singleNodeSettings } from './java-kafka.ts'
import { untilUsable } from './kafka-client.ts'
import { kafkaVersion } from './kafka-jars.ts'
import type { Attempt, BringUp } from './local-kafka.ts'

const image = `apache/kafka:${kafkaVersion}`
const usableDeadlineMs = 90_000

/** Starts a broker in a container, pulling its image first if need be; or answers why that cannot be. */
export async function startInDocker(options: BringUp): Promise<Attempt> {
  const isUsable = (address: string, signal: AbortSignal) => untilUsable(address, usableDeadlineMs, signal)
  const started = await startContainer({ image, port: 9092, variables, isUsable }, options)
  if (started.kind === 'none') return started
  const { address, ended, stop } = started
  return { kind: 'up', kafka: { brokers: address, source: 'docker', description: `${image} in Docker`, ended, stop } }
}

function variables(address: string): Record<string, string> {
  const settings = {
    ...singleNodeSettings,
    'controller.quorum.voters': '1@127.0.0.1:9093',
    listeners: 'PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093',
    'advertised.listeners': `PLAINTEXT://${address}`,
  }
  const named = Object.entries(settings).map(([name, value]) => [
    `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`,
    value,
  ])
  return { ...Object.fromEntries(named), KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m' }
}
