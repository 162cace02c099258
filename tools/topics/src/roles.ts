// Owns the roles that topics have, the bulk topic's among them, and the variables that name the topics.

import { defaultsTo, optional, types } from '@bridge/runtime/config'
import { bulkTopic, type TopicRole, topics } from '@bridge/schemas/topics'

export type Role = TopicRole | 'bulk'

/** In the order in which they are told. */
export const roles: readonly Role[] = ['outbound', 'bulk', 'dlq', 'receipts', 'replies', 'events']

export function isRole(name: string): name is Role {
  return (roles as readonly string[]).includes(name)
}

const named = (role: TopicRole) => defaultsTo(topics[role].defaultName, topics[role].purpose, types.topic)

export const topicVariables = {
  OUTBOUND_TOPIC: named('outbound'),
  OUTBOUND_BULK_TOPIC: optional(bulkTopic.purpose, types.topic),
  DLQ_TOPIC: named('dlq'),
  RECEIPTS_TOPIC: named('receipts'),
  REPLIES_TOPIC: named('replies'),
  EVENTS_TOPIC: named('events'),
}

/** The variable that names the topic of a role. */
export function variableOf(role: Role): keyof typeof topicVariables {
  return role === 'bulk' ? bulkTopic.variable : topics[role].variable
}
