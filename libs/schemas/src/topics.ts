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
