// Owns conversations and their messages: what was accepted, what was created, and which external ids are known.
//
//   C1 (channel_id, external_conversation_id) names one conversation.
//   C2 (channel_id, external_message_id) names one message; a second one is a duplicate and is ignored. This holds from
//      acceptance on. An id whose creation was lost is free again: there is no message with it.
//   C3 A conversation exists for the API from the creation of its first message; its business, its consumer's name and
//      picture are those of that message.
//
// Memory is bounded: beyond `messagesMax` messages the oldest are forgotten (and counted), their ids with them.

/** Messages kept, over all organizations. */
export const messagesMax = 500_000

export type MessageStatus = 'Sending' | 'Success' | 'Failed'

/** `accepted`: answered 200, not created yet; `lost`: accepted and, by order of a fault, never created. */
export type MessageState = 'accepted' | 'created' | 'lost'

export type Message = {
  id: number
  conversation_id: number
  org_id: number
  /** null: a message on another partner's channel. */
  channel_id: string | null
  external_conversation_id: string | null
  /** null: not ingested, but written in Partoo or on another channel. */
  external_message_id: string | null
  content_type: string
  content: string
  /** User, Consumer or Metadata; an open set. */
  sender_type: string
  sender_label: string | null
  user_id: string | null
  state: MessageState
  status: MessageStatus
  accepted_at: string | null
  created_at: string | null
  /** The creation time as Partoo writes it, with a space and microseconds; null before creation. */
  date: string | null
  /** How many repeats of this message were answered 200 and ignored. */
  duplicates: number
}

export type Conversation = {
  id: number
  org_id: number
  channel_id: string | null
  external_conversation_id: string | null
  business_id: string
  messaging_partner: string
  consumer_name: string | null
  consumer_image: string | null
  /** Does it exist for the API? */
  created: boolean
  /** Grows with everything that happens in any conversation: the newest activity is the highest. */
  activity: number
  /** Messages of the consumer created since somebody last read or answered. */
  unread: number
  /** In order of acceptance. */
  message_ids: number[]
}

export type NewMessage = Pick<
  Message,
  'external_message_id' | 'content_type' | 'content' | 'sender_type' | 'sender_label' | 'user_id' | 'state' | 'status'
>

/** What the first message of a conversation says about it. */
export type Opening = Pick<Conversation, 'business_id' | 'consumer_name' | 'consumer_image'>

/** One page of messages: oldest first, with the cursors to go on in both directions (null: nothing there). */
export type Page<Item> = { items: Item[]; next: number | null }

export class Conversations {
  readonly #messagesMax: number
  readonly #conversations = new Map<number, Conversation>()
  readonly #messages = new Map<number, Message>()
  readonly #byExternalConversation = new Map<string, number>()
  readonly #byExternalMessage = new Map<string, number>()
  #conversationLast = 0
  #messageLast = 0
  #activityLast = 0
  #forgotten = 0

  constructor(max = messagesMax) {
    this.#messagesMax = max
  }

  get forgotten(): number {
    return this.#forgotten
  }

  get conversationsSize(): number {
    return this.#conversations.size
  }

  get messagesSize(): number {
    return this.#messages.size
  }

  conversation(id: number): Conversation | null {
    return this.#conversations.get(id) ?? null
  }

  message(id: number): Message | null {
    return this.#messages.get(id) ?? null
  }

  messageByExternalId(channelId: string, externalMessageId: string): Message | null {
    const id = this.#byExternalMessage.get(pair(channelId, externalMessageId))
    return id === undefined ? null : this.message(id)
  }

  /** The conversation of C1, opened (but not yet created) on first use. */
  open(channelId: string, externalConversationId: string, orgId: number, businessId: string): Conversation {
    const key = pair(channelId, externalConversationId)
    const known = this.conversation(this.#byExternalConversation.get(key) ?? 0)
    if (known !== null) return known
    // What Partoo calls the messaging partner of a custom channel is not published: this value is a guess.
    const conversation = this.#openNew(orgId, businessId, 'CustomChannel')
    conversation.channel_id = channelId
    conversation.external_conversation_id = externalConversationId
    this.#byExternalConversation.set(key, conversation.id)
    return conversation
  }

  /** A conversation on another partner's channel; it has no external ids. */
  openForeign(orgId: number, businessId: string, partner: string): Conversation {
    return this.#openNew(orgId, businessId, partner)
  }

  /** Adds a message that was accepted, or (for state `created`) exists at once. */
  add(conversation: Conversation, given: NewMessage): Message {
    this.#messageLast += 1
    const message: Message = {
      ...given,
      id: this.#messageLast,
      conversation_id: conversation.id,
      org_id: conversation.org_id,
      channel_id: conversation.channel_id,
      external_conversation_id: conversation.external_conversation_id,
      accepted_at: new Date().toISOString(),
      created_at: null,
      date: null,
      duplicates: 0,
    }
    this.#messages.set(message.id, message)
    conversation.message_ids.push(message.id)
    if (message.channel_id !== null && message.external_message_id !== null && message.state !== 'lost') {
      this.#byExternalMessage.set(pair(message.channel_id, message.external_message_id), message.id)
    }
    this.#touch(conversation)
    this.#forgetOldest()
    return message
  }

  /** Creates an accepted message; `opening` counts only where this creates the conversation (C3). */
  create(message: Message, opening: Opening): Conversation | null {
    const conversation = this.conversation(message.conversation_id)
    if (conversation === null) return null
    if (!conversation.created) {
      conversation.created = true
      Object.assign(conversation, opening)
    }
    const now = Date.now()
    message.state = 'created'
    message.created_at = new Date(now).toISOString()
    message.date = partooDate(now)
    if (message.sender_type === 'Consumer') {
      message.sender_label ??= conversation.consumer_name
      conversation.unread += 1
    }
    this.#touch(conversation)
    return conversation
  }

  /** Conversations with the newest activity first, those older than `before`. */
  newest(wanted: (conversation: Conversation) => boolean, before: number | null, size: number): Page<Conversation> {
    const found = [...this.#conversations.values()]
      .filter((each) => (before === null || each.activity < before) && wanted(each))
      .sort((one, other) => other.activity - one.activity)
    const items = found.slice(0, size)
    return { items, next: found.length > size ? (items.at(-1)?.activity ?? null) : null }
  }

  /** Created conversations by ascending id, from above `after`. */
  *created(after: number): Generator<Conversation> {
    for (const each of this.#conversations.values()) if (each.created && each.id > after) yield each
  }

  /** The last messages of a conversation below the id `before`, oldest of them first, every state included. */
  latest(conversation: Conversation, before: number | null, size: number): Page<Message> {
    const ids = before === null ? conversation.message_ids : conversation.message_ids.filter((id) => id < before)
    const items = ids.slice(-size).flatMap((id) => this.message(id) ?? [])
    return { items, next: ids.length > size ? (items[0]?.id ?? null) : null }
  }

  messagesOf(conversation: Conversation): Message[] {
    return conversation.message_ids.flatMap((id) => this.message(id) ?? [])
  }

  /** Every message, by ascending id. */
  messages(): IterableIterator<Message> {
    return this.#messages.values()
  }

  #openNew(orgId: number, businessId: string, partner: string): Conversation {
    this.#conversationLast += 1
    const conversation: Conversation = {
      id: this.#conversationLast,
      org_id: orgId,
      channel_id: null,
      external_conversation_id: null,
      business_id: businessId,
      messaging_partner: partner,
      consumer_name: null,
      consumer_image: null,
      created: false,
      activity: 0,
      unread: 0,
      message_ids: [],
    }
    this.#conversations.set(conversation.id, conversation)
    return conversation
  }

  #touch(conversation: Conversation): void {
    this.#activityLast += 1
    conversation.activity = this.#activityLast
  }

  #forgetOldest(): void {
    if (this.#messages.size <= this.#messagesMax) return
    const [oldest] = this.#messages.values()
    if (oldest === undefined) return
    this.#messages.delete(oldest.id)
    this.#forgotten += 1
    if (oldest.channel_id !== null && oldest.external_message_id !== null) {
      const key = pair(oldest.channel_id, oldest.external_message_id)
      if (this.#byExternalMessage.get(key) === oldest.id) this.#byExternalMessage.delete(key)
    }
    const conversation = this.conversation(oldest.conversation_id)
    if (conversation === null) return
    // Ids ascend within a conversation and the oldest of all is forgotten, so it is the first here.
    conversation.message_ids.shift()
    if (conversation.message_ids.length > 0) return
    this.#conversations.delete(conversation.id)
    if (conversation.channel_id !== null && conversation.external_conversation_id !== null) {
      this.#byExternalConversation.delete(pair(conversation.channel_id, conversation.external_conversation_id))
    }
  }
}

/** Partoo's date: "2023-01-31 16:22:17.327878+00:00", with a space and microseconds (0 below the millisecond here). */
export function partooDate(epochMs: number): string {
  return `${new Date(epochMs).toISOString().replace('T', ' ').replace('Z', '')}000+00:00`
}

/** An unambiguous map key of two ids. */
function pair(one: string, other: string): string {
  return `${one.length}:${one}${other}`
}
