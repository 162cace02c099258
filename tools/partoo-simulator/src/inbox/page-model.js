// Owns what the inbox page knows, and its bounds. No I/O and no drawing here.
//
//   P2 The page is bounded: at most `listMax` conversations and `threadMax` messages are held and drawn, however many
//      there are; older ones are a button away, up to that bound.

export const pageSize = 50
/** Conversations held without anybody asking for more, and at most. */
const listFirst = 200
export const listMax = 1_000
export const threadMax = 300

/** What the page knows. `thread` is null while no conversation is open. */
export const model = {
  organizations: [],
  /** A query of the control API: '', 'org_id=1' or 'channel_id=demo-channel'. */
  filter: '',
  conversations: new Map(),
  /** How many conversations may be held now: grows with "Show more", up to listMax. */
  shownMax: listFirst,
  /** The activity below which the next page of conversations starts; null: these are all. */
  next: null,
  loaded: false,
  /** Is a reply on its way? */
  sending: false,
  thread: null,
}

/** Takes in the first page of conversations. */
export function setConversations({ items, next }) {
  model.conversations = new Map(items.map((each) => [each.id, each]))
  model.next = next
  model.shownMax = listFirst
  model.loaded = true
}

/** Takes in one page more. */
export function addConversations({ items, next }) {
  model.shownMax = Math.min(listMax, Math.max(model.shownMax, model.conversations.size + items.length))
  for (const each of items) if (!model.conversations.has(each.id)) model.conversations.set(each.id, each)
  model.next = next
  trimConversations()
}

/** Takes in what an event tells about a conversation. */
export function keepConversation(conversation) {
  if (model.thread?.id === conversation.id) model.thread.conversation = conversation
  if (!isWanted(conversation)) return
  model.conversations.set(conversation.id, conversation)
  trimConversations()
}

/** The one quiet for longest goes; "Show more" starts from the oldest that is left. */
function trimConversations() {
  if (model.conversations.size <= model.shownMax) return
  const kept = sortedConversations().slice(0, model.shownMax)
  model.conversations = new Map(kept.map((each) => [each.id, each]))
  model.next = kept.at(-1)?.activity ?? null
}

/**
 * Takes in what an event tells about a message of the open conversation.
 * @param atEnd is the newest message in view? Then the new one scrolls into it
 */
export function keepMessage(message, atEnd) {
  const { thread } = model
  if (thread === null || thread.id !== message.conversation_id) return
  if (thread.messages.has(message.id)) {
    thread.messages.set(message.id, message)
    return
  }
  if (thread.behind || message.id < (firstKey(thread.messages) ?? 0)) return
  thread.messages.set(message.id, message)
  thread.stick ||= atEnd || message.external_message_id === null
  while (thread.messages.size > threadMax) {
    thread.messages.delete(firstKey(thread.messages))
    thread.earlier = firstKey(thread.messages)
  }
}

/** Makes a conversation the open one, with its newest messages. @param stick scroll to the end with the next drawing? */
export function openThread(conversation, page, stick) {
  const fresh = model.thread?.id !== conversation.id
  model.thread = {
    id: conversation.id,
    conversation,
    messages: byId(page.items),
    /** Where the page before starts; null: these are all. */
    earlier: page.next,
    /** Are newer messages left out? */
    behind: false,
    /** Is the next drawing the first one? Then nothing "arrives". */
    fresh,
    stick: fresh || stick,
  }
}

/** Puts older messages before those of the thread; what no longer fits is dropped at the new end. */
export function addEarlier(thread, page) {
  const merged = [...byId(page.items), ...thread.messages]
  if (merged.length > threadMax) thread.behind = true
  thread.messages = new Map(merged.slice(0, threadMax))
  thread.earlier = page.next
  // Old messages do not "arrive" either.
  thread.fresh = true
}

/** Conversations as the list shows them: the newest activity first. */
export function sortedConversations() {
  return [...model.conversations.values()].sort((one, other) => other.activity - one.activity)
}

const byId = (items) => new Map(items.map((each) => [each.id, each]))
const firstKey = (map) => map.keys().next().value

/** Does the channel filter let this conversation through? */
function isWanted(conversation) {
  const wanted = new URLSearchParams(model.filter)
  const channel = wanted.get('channel_id')
  const org = wanted.get('org_id')
  return (
    (channel === null || channel === conversation.channel_id) && (org === null || org === String(conversation.org_id))
  )
}
