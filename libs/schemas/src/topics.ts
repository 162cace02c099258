// The topics of the bridge: for each its default name, the variable that renames it, who writes and who reads.

/** One topic of the contract. */
export type TopicContract = {
  /** Name unless the variable says otherwise. */
  defaultName: string
  /** Environment variable that renames it. */
  variable: string
  producedBy: 'your producers' | 'ingestor' | 'webhook gateway' | 'ingestor and webhook gateway'
  key: string
  purpose: string
}

export const topics = {
  outbound: {
    defaultName: 'outbound-messages',
    variable: 'OUTBOUND_TOPIC',
    producedBy: 'your producers',
    key: 'the external conversation id (recommended; any key or none is accepted)',
    purpose: 'messages to send to Partoo',
  },
  dlq: {
    defaultName: 'outbound-messages.dlq',
    variable: 'DLQ_TOPIC',
    producedBy: 'ingestor',
    key: 'the original key',
    purpose: 'records that Partoo can never take, whole, with the reason in headers',
  },
  receipts: {
    defaultName: 'partoo-delivery-receipts',
    variable: 'RECEIPTS_TOPIC',
    producedBy: 'ingestor and webhook gateway',
    key: 'the external conversation id',
    purpose: 'what became of each message, one record per fact',
  },
  replies: {
    defaultName: 'partoo-replies',
    variable: 'REPLIES_TOPIC',
    producedBy: 'webhook gateway',
    key: 'the external conversation id; where unknown partoo-conversation-<id>',
    purpose: 'replies written in Partoo on custom channels',
  },
  events: {
    defaultName: 'partoo-events',
    variable: 'EVENTS_TOPIC',
    producedBy: 'webhook gateway',
    key: 'partoo-conversation-<id>, or the event type',
    purpose: 'every other verified webhook event, original body byte for byte',
  },
} as const satisfies Record<string, TopicContract>

export type TopicRole = keyof typeof topics

/** The same contract as `outbound`, for campaigns and imports. It has no default name: it is read only where it is named. */
export const bulkTopic = {
  variable: 'OUTBOUND_BULK_TOPIC',
  producedBy: 'your producers',
  key: topics.outbound.key,
  purpose:
    'messages of campaigns and imports: sent with what the others leave of the limit, and never less than a tenth',
} as const satisfies Omit<TopicContract, 'defaultName'>

/** What a topic of the bridge is asked to be. `npm run topics` compares it with what is there, and creates topics so. */
export type TopicSettings = {
  /** As it is created. Later it is never changed: keys would go to other partitions, and a conversation would lose its order. */
  partitions: number
  /** At least, in milliseconds; more is better, and -1 (for ever) is right. */
  retentionMs: number
  /** Compaction would keep the last record of a key alone: one message, receipt or reply of a whole conversation. */
  cleanupPolicy: 'delete'
  /** Why the records have to stay that long. */
  retentionFor: string
}

const dayMs = 86_400_000
const outboundSettings = {
  partitions: 6,
  retentionMs: 7 * dayMs,
  cleanupPolicy: 'delete',
  retentionFor:
    'what retention deletes before it is sent is lost: it must outlast any outage, and the backlog after it',
} as const satisfies TopicSettings

export const topicSettings = {
  outbound: outboundSettings,
  bulk: outboundSettings,
  dlq: {
    partitions: 3,
    retentionMs: 30 * dayMs,
    cleanupPolicy: 'delete',
    retentionFor: 'somebody has to find the time to look at them, and to send them again',
  },
  receipts: {
    partitions: 3,
    retentionMs: 7 * dayMs,
    cleanupPolicy: 'delete',
    retentionFor: 'a consumer that was away reads them later',
  },
  replies: {
    partitions: 3,
    retentionMs: 7 * dayMs,
    cleanupPolicy: 'delete',
    retentionFor: 'a consumer that was away reads them later',
  },
  events: {
    partitions: 3,
    retentionMs: 7 * dayMs,
    cleanupPolicy: 'delete',
    retentionFor: 'a consumer that was away reads them later',
  },
} as const satisfies Record<TopicRole | 'bulk', TopicSettings>

/** Of every topic, where there are as many brokers: one of them may be away, and nothing is lost and nothing stands still. */
export const replication = { factor: 3, minInsyncReplicas: 2 } as const

/** Kafka's default for max.message.bytes, of a batch as it is stored (compressed, if it is). */
export const messageBytesDefault = 1_048_588
/** Keys, headers and what a batch takes itself. */
export const messageBytesExtra = 65_536

/**
 * The least max.message.bytes of a topic, undefined where any will do.
 *
 * @param bodyBytesMax the largest webhook body that the gateway takes (WEBHOOK_BODY_MAX_BYTES)
 * @param outboundBytesMax max.message.bytes of the outbound topic, the larger one where there are two
 */
export function messageBytesNeeded(
  role: TopicRole | 'bulk',
  { bodyBytesMax, outboundBytesMax }: { bodyBytesMax: number; outboundBytesMax: number },
): number | undefined {
  switch (role) {
    case 'replies':
    case 'events':
      // A reply holds its text and the original body, escaped: up to three times the body; an event what it came with.
      return 3 * bodyBytesMax + messageBytesExtra
    case 'dlq':
      // The original whole, and our headers beside its own.
      return outboundBytesMax + messageBytesExtra
    case 'outbound':
    case 'bulk':
    case 'receipts':
      return undefined
  }
}

/** What `max.message.bytes` is when a topic is created, in whole MiB where it is more than Kafka's default; undefined: that default. */
export function messageBytesAtFirst(...topic: Parameters<typeof messageBytesNeeded>): number | undefined {
  const needed = messageBytesNeeded(...topic)
  if (needed === undefined) return undefined
  return needed <= messageBytesDefault ? messageBytesDefault : Math.ceil(needed / mebibyte) * mebibyte
}

const mebibyte = 1_048_576
