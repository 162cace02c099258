// Owns how the tools and tests talk to a Kafka: quietly, with short waits, and what "usable" means.

import { registerCodecs } from '@bridge/runtime/compression'
import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs'
import { pauseMs, withinMs } from './deadline.ts'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

/** @param brokers host:port, comma-separated */
export function kafkaClient(brokers: string, clientId = 'local-kafka'): Kafka {
  return client(brokers, clientId, { retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000 } })
}

/** Runs `work` with a connected admin client and closes it whatever happens. */
export async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Answers whether metadata can be had from `brokers` within `deadlineMs`. Changes nothing there. */
export async function isReachable(brokers: string, deadlineMs: number): Promise<boolean> {
  const kafka = impatient(brokers, deadlineMs)
  const answered = withAdmin(kafka, (admin) => admin.describeCluster()).then(
    () => true,
    () => false,
  )
  return (await withinMs(deadlineMs, answered)) === true
}

/**
 * Waits until a topic can be created and deleted on `brokers`: a port that accepts comes seconds earlier.
 * Answers false at the deadline; rejects when `signal` aborts.
 */
export async function untilUsable(brokers: string, deadlineMs: number, signal?: AbortSignal): Promise<boolean> {
  const endMs = performance.now() + deadlineMs
  const topic = `local-kafka-probe-${process.pid}-${Date.now()}`
  while (performance.now() < endMs) {
    signal?.throwIfAborted()
    const usable = await withAdmin(impatient(brokers, 1_000), async (admin) => {
      await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], timeout: 2_000 })
      await admin.deleteTopics({ topics: [topic], timeout: 2_000 })
      return true
    }).catch(() => false)
    if (usable) return true
    await pauseMs(100, signal)
  }
  return false
}

/** One that tries once: whoever asks for readiness asks again anyway. */
function impatient(brokers: string, timeoutMs: number): Kafka {
  const timeouts = { connectionTimeout: timeoutMs, requestTimeout: timeoutMs }
  return client(brokers, 'local-kafka-probe', { ...timeouts, retry: { retries: 0 } })
}

function client(brokers: string, clientId: string, config: Partial<KafkaConfig>): Kafka {
  registerCodecs()
  const list = brokers.split(',').map((one) => one.trim())
  return new Kafka({ clientId, brokers: list, logLevel: logLevel.NOTHING, ...config })
}
