// Owns which Kafka a demonstration or a test run gets, in this order:
//
//   given   the brokers that START_KAFKA_BROKERS or TEST_KAFKA_BROKERS names (never KAFKA_BROKERS: a shell may export
//           production's). They must answer: a name that is set and wrong is an error, not a reason to look further.
//   docker  apache/kafka in a container, when a Docker engine answers
//   java    the same Kafka on this machine's Java (17 or newer), brought by Maven
//
// LOCAL_KAFKA=docker or LOCAL_KAFKA=java allows only that one of the last two.

import { join } from 'node:path'
import { unlessAborted } from './deadline.ts'
import { startInDocker } from './docker-kafka.ts'
import { startOnJava } from './java-kafka.ts'
import { isReachable } from './kafka-client.ts'
import { localFolder } from './maven.ts'

export type LocalKafka = {
  /** host:port, comma-separated */
  readonly brokers: string
  readonly source: 'given' | 'docker' | 'java'
  /** One phrase for a person: what it is. */
  readonly description: string
  /** Resolves when the broker has ended, asked or not; never for one that was given. */
  readonly ended: Promise<void>
  /** Ends what was started here and resolves once no process, port or folder of it is left. Twice is fine. */
  stop(): Promise<void>
}

export type BringUpOptions = {
  variable: 'START_KAFKA_BROKERS' | 'TEST_KAFKA_BROKERS'
  /** Where the variables are read and what Java and Maven run with; process.env by default. */
  env?: NodeJS.ProcessEnv
  /** Used if it is free. */
  preferredPort?: number
  /** Where the broker's log goes; .local/logs/kafka.log at the repository root by default. */
  logFile?: string
  /** Told what a person should know, a line each. */
  say?: (line: string) => void
  /** Told how far a long step is; each line takes the place of the one before. */
  progress?: (line: string) => void
  /** Ends whatever is under way and leaves nothing behind. */
  signal?: AbortSignal
}

export type BroughtUp =
  | { kind: 'up'; kafka: LocalKafka }
  /** `reason` is one sentence that says what to install or do. */
  | { kind: 'unavailable'; reason: string }
  | { kind: 'aborted' }

/** What each way of starting a Kafka gets. */
export type BringUp = {
  env: NodeJS.ProcessEnv
  preferredPort?: number
  logFile: string
  progress: (line: string) => void
  signal?: AbortSignal
}

/** What it answers; `worthSaying` where a person would have expected it to work. Rejects only when the signal aborts. */
export type Attempt = { kind: 'up'; kafka: LocalKafka } | { kind: 'none'; why: string; worthSaying?: boolean }

/** The three probes behind the choice, so that a test of the order needs neither Docker nor Java. */
export type Ways = {
  isReachable: (brokers: string, deadlineMs: number) => Promise<boolean>
  docker: (options: BringUp) => Promise<Attempt>
  java: (options: BringUp) => Promise<Attempt>
}

const realWays: Ways = { isReachable, docker: startInDocker, java: startOnJava }
const givenDeadlineMs = 5_000

/** Answers a Kafka to use: the one named by `variable`, else one in Docker, else one on Java; or why none can be had. */
export async function bringUpKafka(options: BringUpOptions, ways: Ways = realWays): Promise<BroughtUp> {
  try {
    return await choose(options, ways)
  } catch (error) {
    if (options.signal?.aborted) return { kind: 'aborted' }
    throw error
  }
}

async function choose(options: BringUpOptions, ways: Ways): Promise<BroughtUp> {
  const { variable, env = process.env, say = () => {}, progress = () => {}, preferredPort, signal } = options
  const given = env[variable]?.trim()
  if (given) return useGiven(variable, given, ways, signal)

  const only = env.LOCAL_KAFKA?.trim()
  if (only && only !== 'docker' && only !== 'java') {
    return { kind: 'unavailable', reason: `LOCAL_KAFKA is "${only}"; it can be "docker" or "java", or left unset.` }
  }
  const bringUp: BringUp = {
    env,
    logFile: options.logFile ?? join(localFolder, 'logs', 'kafka.log'),
    progress,
    ...(preferredPort === undefined ? {} : { preferredPort }),
    ...(signal ? { signal } : {}),
  }
  const findings: string[] = []
  for (const way of ['docker', 'java'] as const) {
    if (only && only !== way) continue
    signal?.throwIfAborted()
    const attempt = await ways[way](bringUp)
    if (attempt.kind === 'up') return attempt
    findings.push(attempt.why)
    if (attempt.worthSaying && way === 'docker' && !only) say(`${attempt.why}; trying Java instead.`)
  }
  signal?.throwIfAborted()
  return {
    kind: 'unavailable',
    reason:
      `No Kafka can be had (${findings.join('; ')}): start Docker, or install Java 17 or newer and Maven ` +
      `(Debian and Ubuntu: apt-get install maven; macOS: brew install maven), or set ${variable} to a broker's host:port.`,
  }
}

async function useGiven(
  variable: string,
  brokers: string,
  ways: Ways,
  signal: AbortSignal | undefined,
): Promise<BroughtUp> {
  const reachable = await unlessAborted(ways.isReachable(brokers, givenDeadlineMs), signal)
  if (!reachable) {
    return {
      kind: 'unavailable',
      reason: `${variable} names ${brokers}, where no Kafka answers within 5 s: start it, mend the address, or unset the variable.`,
    }
  }
  return {
    kind: 'up',
    kafka: {
      brokers,
      source: 'given',
      description: `the Kafka that ${variable} names`,
      ended: new Promise(() => {}),
      stop: async () => {},
    },
  }
}
