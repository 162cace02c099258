// Whether the topics are there and large enough, told as soon as Kafka answers after a start, and again when it changes, until
// all is as needed. A reply holds its text and the original body, escaped: up to three times the body's size, and an event what
// it came with.

import { setTimeout as pause } from 'node:timers/promises'
import { errorLine, type Log } from '@bridge/runtime/log'
import type { TopicSize } from '@bridge/runtime/topic-sizes'
import type { Topics } from './config.ts'

/** Keys, headers and what a batch takes itself. */
const extraBytes = 65_536
const defaultPaces = {
  /** When Kafka is asked again that did not answer. */
  againFirstMs: 1_000,
  againMaxMs: 30_000,
  /** When it is asked again whether what was wrong still is. */
  problemsMs: 30_000,
}

export type TopicCheckOptions = {
  topics: Topics
  bodyBytesMax: number
  /** Asks Kafka; rejects where it cannot be reached. */
  read: (topics: readonly string[]) => Promise<Map<string, TopicSize>>
  log: Log
}

export class TopicCheck {
  readonly #options: TopicCheckOptions
  readonly #paces: typeof defaultPaces
  readonly #closing = new AbortController()
  #problems: readonly string[] = []
  #untold: readonly string[] = []

  /** Begins at once. @param paces a test may give shorter ones */
  constructor(options: TopicCheckOptions, paces = defaultPaces) {
    this.#options = options
    this.#paces = paces
    // A rejection is a bug: the process ends on it.
    void this.#run()
  }

  /** What is wrong with the topics, in words; empty while that is not known. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /** What is being asked is not waited for, and its answer not told. Twice is fine. */
  close(): void {
    this.#closing.abort()
  }

  async #run(): Promise<void> {
    const { topics, log, read } = this.#options
    const { signal } = this.#closing
    const { againFirstMs, againMaxMs, problemsMs } = this.#paces
    let againMs = againFirstMs
    while (!signal.aborted) {
      const sizes = await read([topics.replies, topics.receipts, topics.events]).catch(errorLine)
      if (signal.aborted) return
      let restMs = problemsMs
      if (typeof sizes === 'string') {
        restMs = againMs
        againMs = Math.min(againMs * 2, againMaxMs)
        log.warn({ because: sizes, againInMs: restMs }, 'the topics cannot be checked yet')
      } else {
        this.#look(sizes)
        if (this.#problems.length === 0) return
        againMs = againFirstMs
      }
      // The only rejection is the abort, which ends the rest.
      await pause(restMs, undefined, { signal }).catch(() => {})
    }
  }

  /** Notes what is wrong, and tells what was not told before. */
  #look(sizes: Map<string, TopicSize>): void {
    const { topics, bodyBytesMax, log } = this.#options
    const needed = bodyBytesMax * 3 + extraBytes
    const problems: string[] = []
    const untold: string[] = []
    const tell = (problem: string, fields: Record<string, unknown>, message: string) => {
      problems.push(problem)
      if (!this.#problems.includes(problem)) log.error(fields, message)
    }
    for (const [topic, size] of sizes) {
      const isLarge = topic !== topics.receipts
      if (size.kind === 'missing') {
        const message = 'the topic does not exist: create it, or name the right one'
        tell(`topic ${topic} does not exist`, { topic }, message)
      } else if (size.kind === 'denied') {
        tell(size.because, { topic, because: size.because }, 'the topic cannot be written to')
      } else if (size.kind === 'untold') {
        untold.push(topic)
        const message = 'how large a record the topic takes is not told: allow DescribeConfigs'
        if (!this.#untold.includes(topic)) log.warn({ topic, because: size.because }, message)
      } else if (isLarge && size.bytesMax < needed) {
        const message =
          'the topic is too small for the largest webhook: raise its max.message.bytes, or lower WEBHOOK_BODY_MAX_BYTES'
        const fields = { topic, takesBytes: size.bytesMax, neededBytes: needed }
        tell(`topic ${topic} takes records of ${size.bytesMax} bytes only`, fields, message)
      }
    }
    if (problems.length === 0 && this.#problems.length > 0) log.info('all topics are there, and large enough')
    this.#problems = problems
    this.#untold = untold
  }
}
