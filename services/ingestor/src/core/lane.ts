// A lane is one conversation in one partition: its messages leave in order, one call at a time (law L2). Its state is told
// by one tag; who is allowed to move it is the organization that it belongs to.

import type { Entry } from './entry.ts'
import { Fifo } from './fifo.ts'
import type { Organization } from './organization.ts'

export type LaneState =
  /** No message waits. */
  | { kind: 'idle' }
  /** In the organization's queue of turns. */
  | { kind: 'ready' }
  /** The head is being called. */
  | { kind: 'calling' }
  /** The head is tried again at `dueMs`. */
  | { kind: 'backoff'; dueMs: number }

export class Lane {
  readonly key: string
  /** Whose limit and turns it shares. */
  readonly organization: Organization
  readonly channelId: string
  readonly conversationId: string
  /** Messages without an outcome, in log order. The head stays until it has one. */
  readonly queue = new Fifo<Entry>()
  state: LaneState = { kind: 'idle' }

  constructor(key: string, organization: Organization, channelId: string, conversationId: string) {
    this.key = key
    this.organization = organization
    this.channelId = channelId
    this.conversationId = conversationId
  }
}

/** Names a lane: topic, partition, channel and conversation; the separator cannot occur in a topic's name. */
export function laneKey(topic: string, partition: number, channelId: string, conversationId: string): string {
  return `${topic}/${partition}/${channelId.length}:${channelId}/${conversationId}`
}
