// Owns what GET /conversations and GET /messages list: what was created, of one organization, by ascending id, a page at
// a time.

import type { Conversations } from './conversations.ts'
import { type EventShape, shownConversation, shownMessage } from './webhook-event.ts'

/** Items above the id `after`, at most `size`. */
type Page = { orgId: number; after: number; size: number }

/**
 * Created conversations, of any or of these businesses.
 * @returns a page, and in `next` the `after` of the following one, null at the end
 */
export function shownConversations(
  conversations: Conversations,
  shape: EventShape,
  { orgId, businessIds, after, size }: Page & { businessIds: ReadonlySet<string> | null },
) {
  const items: ReturnType<typeof shownConversation>[] = []
  let last = after
  for (const each of conversations.created(after)) {
    if (each.org_id !== orgId || (businessIds !== null && !businessIds.has(each.business_id))) continue
    if (items.length === size) return { items, next: last }
    items.push(shownConversation(each, shape, 'string'))
    last = each.id
  }
  return { items, next: null }
}

/** Created messages of a conversation; null: this organization has no such conversation. */
export function shownMessages(
  conversations: Conversations,
  shape: EventShape,
  { orgId, conversationId, after, size }: Page & { conversationId: number },
) {
  const conversation = conversations.conversation(conversationId)
  if (conversation === null || !conversation.created || conversation.org_id !== orgId) return null
  const found = conversations
    .messagesOf(conversation)
    .filter((message) => message.state === 'created' && message.id > after)
  const items = found.slice(0, size)
  return {
    items: items.map((message) => shownMessage(message, shape)),
    next: found.length > size ? (items.at(-1)?.id ?? null) : null,
  }
}
