// The messages of a benchmark: of about 300 bytes, in conversations that take turns. Their ids tell the server where they
// belong in their conversation (call-record.ts).

import type { LoadRecord } from '../load.ts'

/** Of the outbound topic: what `createTopics` makes. */
export const partitionCount = 6

/** In which partition a conversation is. `skewed`: half of the conversations in one, half of the rest in the next, and so on. */
export const placements = {
  even: (conversation: number): number => conversation % partitionCount,
  skewed: (conversation: number): number => {
    // 0 1 0 2 0 1 0 3 …: how often a number can be halved.
    const halvings = 31 - Math.clz32((conversation + 1) & -(conversation + 1))
    return Math.min(halvings, partitionCount - 1)
  },
} as const

export type Placement = keyof typeof placements

export function conversationId(conversation: number): string {
  return `conversation-${conversation}`
}

const filler = 'Thank you for your message, we will come back to you as soon as we can. '.repeat(2)

/** The `number`th message of a conversation, both from 0 on. */
export function outboundRecord(
  conversation: number,
  number: number,
  placement: Placement,
): LoadRecord & { id: string } {
  const key = conversationId(conversation)
  const id = `${key}/${number}`
  const value = JSON.stringify({
    business_id: 'business-1',
    external_conversation_id: key,
    external_message_id: id,
    content: `${id} ${filler}`.slice(0, 130),
    sender_type: 'Consumer',
    consumer_name: 'Jane Doe',
  })
  return { key, value, partition: placements[placement](conversation), id }
}

/** Which messages: `count` of them, one of each conversation a round. Conversations are numbered from `first` (0) on. */
export type Messages = { count: number; conversations: number; first?: number; placement?: Placement }

export function* outboundRecords(messages: Messages): Generator<LoadRecord & { id: string }> {
  const { count, conversations, first = 0, placement = 'even' } = messages
  for (let i = 0; i < count; i += 1) {
    yield outboundRecord(first + (i % conversations), Math.floor(i / conversations), placement)
  }
}
