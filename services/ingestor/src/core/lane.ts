// A lane is one conversation in one partition: its messages leave in order, one call at a time (law L2). Its state is told
// by one tag; who is allowed to move it is the organization that it belongs to.

import type { Channel } from './channel.ts'
import type { Entry, InLane } from './entry.ts'
import { Fifo } from './fifo.ts'
import type { Organization } from './organization.ts'
import type { Parked, Suspension } from './suspension.ts'

export type LaneState =
  /** No message waits. */
  | { kind: 'idle' }
  /** In the organization's queue of turns. */
  | { kind: 'ready' }
  /** The head is being called, as a probe of these, if any. */
  | { kind: 'calling'; probes: readonly Suspension[] }
  /** The head is tried again at `dueMs`. */
  | { kind: 'backoff'; dueMs: number }
  /** Waits for what it belongs to: for an end of its suspension, or for a place among the slow ones. */
  | { kind: 'parked'; by: Parked; ticket: number }

export class Lane {
  readonly key: string
  /** Whose limit and turns it shares. */
  readonly organization: Organization
  readonly channel: Channel
  readonly conversationId: string
  /** Whether its topic is the one for bulk. */
  readonly isBulk: boolean
  /** Messages without an outcome, in log order. The head stays until it has one. */
  readonly queue = new Fifo<Entry>()
  state: LaneState = { kind: 'idle' }
  /** Whether its last call took all of the time that a call may take. */
  isSlow = false

  constructor(key: string, organization: Organization, channel: Channel, conversationId: string, isBulk: boolean) {
    this.key = key
    this.organization = organization
    this.channel = channel
    this.conversationId = conversationId
    this.isBulk = isBulk
  }

  /** What is to be sent next. */
  get head(): Entry & { stage: InLane } {
    const head = this.queue.first
    if (head?.stage.kind !== 'inLane') throw new Error(`lane ${this.key} has nothing to send`)
    return head as Entry & { stage: InLane }
  }
}

/** Names a lane: topic, partition, channel and conversation; the separator cannot occur in a topic's name. */
export function laneKey(topic: string, partition: number, channelId: string, conversationId: string): string {
  return `${topic}/${partition}/${channelId.length}:${channelId}/${conversationId}`
}
