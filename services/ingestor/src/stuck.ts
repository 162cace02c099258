// One log line a minute for each partition that does not move, naming the conversation that holds it, why, and how far the
// partition has gone past it.

import type { Log } from '@bridge/runtime/log'
import type { CoreView } from './core/view.ts'
import { whatToCheck } from './log-lines.ts'

const everyMs = 60_000

/** Tells, once a minute, of partitions whose oldest record has been the oldest for more than a minute. */
export function tellStuckPartitions(view: () => CoreView, log: Log): { stop(): void } {
  const timer = setInterval(() => {
    for (const { topic, partition, oldest, settledBeyond, paused } of view().partitions) {
      const stuckMs = oldest === null ? 0 : performance.now() - oldest.sinceMs
      if (oldest === null || stuckMs < everyMs) continue
      const { offset, cause, channelId, conversationId, suspension } = oldest
      const ids = { channel_id: channelId, external_conversation_id: conversationId }
      const held = { cause, stuckSeconds: Math.round(stuckMs / 1000), settledBeyond, paused }
      const suspended = suspension === null ? {} : { scope: suspension.scope, check: whatToCheck(suspension) }
      log.warn({ topic, partition, offset, ...ids, ...held, ...suspended }, 'partition stuck')
    }
  }, everyMs)
  return { stop: () => clearInterval(timer) }
}
