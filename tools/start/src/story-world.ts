// Owns what the story touches for real: a producer, a follower of the receipts and replies topics, and the simulator's
// control API for the reply that a person would type.

import { kafkaClient } from '@bridge/local-kafka/kafka-client'
import { Partitioners } from 'kafkajs'
import type { World } from './environment.ts'
import { simulatorUrl } from './environment.ts'
import { follow, type Seen } from './follow.ts'
import type { StoryWorld } from './story.ts'

/** On a Kafka that others use too, more than this may pass by during the story; the oldest are forgotten. */
const rememberedMax = 1_000
const requestDeadlineMs = 10_000

export type OpenStoryWorld = StoryWorld & {
  /** Resolves when the topics can no longer be followed, with the reason. */
  readonly broken: Promise<string>
  close(): Promise<void>
}

/** Begins to watch the topics; resolves once nothing produced from now on is missed. */
export async function openStoryWorld(world: World): Promise<OpenStoryWorld> {
  const remembered: Seen[] = []
  const waiting = new Set<{ wanted: (record: Seen) => boolean; found: (record: Seen) => void }>()
  const follower = await follow({
    brokers: world.brokers,
    topics: [world.topics.receipts, world.topics.replies],
    from: 'now',
    groupPrefix: world.prefix,
    onRecord: (record) => {
      remembered.push(record)
      if (remembered.length > rememberedMax) remembered.shift()
      for (const waiter of waiting) {
        if (!waiter.wanted(record)) continue
        waiting.delete(waiter)
        waiter.found(record)
      }
    },
  })
  const producer = kafkaClient(world.brokers, 'partoo-bridge-story').producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()

  return {
    broken: follower.broken,
    async produce(message) {
      const timestampMs = Date.now()
      const [answer] = await producer.send({
        topic: world.topics.outbound,
        acks: -1,
        messages: [
          { key: message.external_conversation_id, value: JSON.stringify(message), timestamp: String(timestampMs) },
        ],
      })
      if (!answer) throw new Error('the producer answered without a partition')
      const { partition, baseOffset } = answer
      return { topic: world.topics.outbound, partition, offset: baseOffset ?? '?', timestampMs }
    },
    seen(wanted) {
      const already = remembered.find(wanted)
      if (already) return Promise.resolve(already)
      return new Promise((found) => waiting.add({ wanted, found }))
    },
    async typeReply(conversationId, content) {
      const atMs = Date.now()
      const response = await fetch(`${simulatorUrl(world.ports)}/_control/replies`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ conversation_id: Number(conversationId), content }),
        signal: AbortSignal.timeout(requestDeadlineMs),
      })
      if (!response.ok) throw new Error(`the simulator answered ${response.status} to a reply`)
      const { id } = (await response.json()) as { id: number }
      return { messageId: String(id), atMs }
    },
    async close() {
      waiting.clear()
      await Promise.all([follower.stop(), producer.disconnect()])
    },
  }
}
