// Owns the topics as a demonstration or a test has them: how they are made, and how everything under a prefix is removed.

import { setTimeout as pause } from 'node:timers/promises'
import { messageBytesAtFirst, messageBytesDefault, type TopicRole, topicSettings, topics } from '@bridge/schemas/topics'
import type { Admin, ITopicConfig } from 'kafkajs'
import { kafkaClient, withAdmin } from './kafka-client.ts'

export type TopicNames = Record<TopicRole, string>

/** Answers the names of the topics, each with `prefix` in front. */
export function topicNames(prefix = ''): TopicNames {
  const named = Object.entries(topics).map(([role, { defaultName }]) => [role, prefix + defaultName])
  return Object.fromEntries(named) as TopicNames
}

/** WEBHOOK_BODY_MAX_BYTES, as it is by default. */
const bodyBytesMax = 262_144
/** How long the leaders of a new topic may take to know of it. */
const ledDeadlineMs = 30_000
/** How long a group may take to notice that its last member has left. */
const emptyGroupsDeadlineMs = 15_000

/**
 * Creates whichever of the topics are missing and answers their names once they can be used. Those that exist stay as they are.
 * @param brokers host:port, comma-separated
 */
export async function createTopics(brokers: string, prefix = ''): Promise<TopicNames> {
  const names = topicNames(prefix)
  await withAdmin(kafkaClient(brokers), async (admin) => {
    const existing = new Set(await admin.listTopics())
    const missing = (Object.keys(names) as TopicRole[]).filter((role) => !existing.has(names[role]))
    // No replication factor: the broker's own default is 1 on the Kafkas of this tool, and right on one that was given.
    const wanted = missing.map((role): ITopicConfig => {
      const messageBytes = messageBytesAtFirst(role, { bodyBytesMax, outboundBytesMax: messageBytesDefault })
      const { partitions: numPartitions } = topicSettings[role]
      const configEntries = [{ name: 'max.message.bytes', value: String(messageBytes ?? messageBytesDefault) }]
      return { topic: names[role], numPartitions, configEntries }
    })
    if (wanted.length > 0) await admin.createTopics({ topics: wanted, waitForLeaders: false, timeout: 10_000 })
    for (const { topic } of wanted) await untilLed(admin, topic)
  })
  return names
}

/** Waits until every partition of `topic` answers: it is in the metadata a little before its leaders know of it. */
async function untilLed(admin: Admin, topic: string): Promise<void> {
  const endMs = performance.now() + ledDeadlineMs
  for (;;) {
    try {
      await admin.fetchTopicOffsets(topic)
      return
    } catch (error) {
      if (performance.now() > endMs) throw error
      await pause(50)
    }
  }
}

/** Deletes every topic and consumer group whose name starts with `prefix`. Its consumers must have been stopped. */
export async function removeWithPrefix(brokers: string, prefix: string): Promise<void> {
  if (prefix === '') throw new Error('an empty prefix would delete everything')
  await withAdmin(kafkaClient(brokers), async (admin) => {
    await removeGroups(admin, prefix)
    const names = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
    if (names.length > 0) await admin.deleteTopics({ topics: names })
  })
}

async function removeGroups(admin: Admin, prefix: string): Promise<void> {
  const endMs = performance.now() + emptyGroupsDeadlineMs
  for (;;) {
    const { groups } = await admin.listGroups()
    const ids = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix))
    if (ids.length === 0) return
    try {
      await admin.deleteGroups(ids)
      return
    } catch (error) {
      if (performance.now() > endMs) throw error
      await pause(200)
    }
  }
}
