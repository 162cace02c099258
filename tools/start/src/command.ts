// What the small commands beside `npm start` share: the Kafka they talk to, and how they end.

import { isReachable } from '@bridge/local-kafka/kafka-client'
import { findKafka, type Target } from './running.ts'

export const exitUsage = 64
const reachDeadlineMs = 5_000

/** The Kafka of the running start, or of START_KAFKA_BROKERS, once it answers; or why there is none, in one sentence. */
export async function reachKafka(env: NodeJS.ProcessEnv): Promise<Target> {
  const target = findKafka(env)
  if (target.kind === 'none' || (await isReachable(target.brokers, reachDeadlineMs))) return target
  return { kind: 'none', why: `No Kafka answers at ${target.brokers}.` }
}

/** Results go to standard output, everything else to standard error. @returns the exit code */
export function tell(text: string, exitCode: number): number {
  const stream = exitCode === 0 ? process.stdout : process.stderr
  stream.write(text)
  return exitCode
}
