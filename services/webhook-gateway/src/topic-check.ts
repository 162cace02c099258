// Whether the topics are there and large enough, told once, as soon as Kafka answers after a start. A reply holds its text and
// the original body, escaped: up to three times the body's size, and an event what it came with.

import { setTimeout as pause } from 'node:timers/promises'
import { errorLine, type Log } from '@bridge/runtime/log'
import type { TopicSize } from '@bridge/runtime/topic-sizes'
import type { Topics } from './config.ts'

/** Keys, headers and what a batch takes itself. */
const extraBytes = 65_536
const againMs = { first: 1_000, max: 30_000 }

export type TopicCheckOptions = {
  topics: Topics
  bodyBytesMax: number
  /** Asks Kafka; rejects where it cannot be reached. */
  read: (topics: readonly string[]) => Promise<Map<string, TopicSize>>
  log: Log
}

export class TopicCheck {
  readonly #options: TopicCheckOptions
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #problems: string[] = []

  /** Begins at once, and tries again until Kafka answers. */
  constructor(options: TopicCheckOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** What is wrong with the topics, in words; empty while that is not known. */
  get problems(): readonly string[] {
    return this.#problems
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { topics, log, read } = this.#options
    for (let ms = againMs.first; !this.#closing.signal.aborted; ms = Math.min(ms * 2, againMs.max)) {
      try {
        this.#tell(await read([topics.replies, topics.receipts, topics.events]))
        return
      } catch (error) {
        log.warn({ because: errorLine(error), againInMs: ms }, 'the topics cannot be checked yet')
      }
      // The only rejection is the abort, which ends the pause.
      await pause(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
    }
  }

  #tell(sizes: Map<string, TopicSize>): void {
    const { topics, bodyBytesMax, log } = this.#options
    const needed = bodyBytesMax * 3 + extraBytes
    for (const [topic, size] of sizes) {
      const isLarge = topic !== topics.receipts
      if (size.kind === 'missing') {
        this.#problems.push(`topic ${topic} does not exist`)
        log.error({ topic }, 'the topic does not exist: create it, or name the right one')
      } else if (size.kind === 'untold') {
        log.warn(
          { topic, because: size.because },
          'how large a record the topic takes is not told: allow DescribeConfigs',
        )
      } else if (isLarge && size.bytesMax < needed) {
        this.#problems.push(`topic ${topic} takes records of ${size.bytesMax} bytes only`)
        log.error(
          { topic, takesBytes: size.bytesMax, neededBytes: needed },
          'the topic is too small for the largest webhook: raise its max.message.bytes, or lower WEBHOOK_BODY_MAX_BYTES',
        )
      }
    }
  }
}
