// Owns the words of the inbox page: what conversations, senders, channels, times and states are called. Pure.

/** What the simulator calls replies written on this page. */
const ownUserId = 'simulator-inbox'

export function nameOf(conversation) {
  return conversation.consumer_name ?? conversation.external_conversation_id ?? `Conversation ${conversation.id}`
}

export function senderOf(message, conversation) {
  if (message.sender_type === 'Consumer') return message.sender_label ?? conversation.consumer_name ?? 'Consumer'
  if (message.sender_type !== 'User') return `System note (${message.sender_type})`
  if (message.external_message_id !== null) return 'Business, from your system'
  return message.user_id === ownUserId ? 'You' : (message.sender_label ?? 'Business')
}

/** The last message in one line, with who said it where that was not the consumer. */
export function previewOf(message) {
  if (message === null) return ''
  const text = textOf(message)
  const said = message.sender_type !== 'User' ? text : `${message.user_id === ownUserId ? 'You' : 'Business'}: ${text}`
  return said.slice(0, 200)
}

export function textOf(message) {
  return message.content === '' ? `(${message.content_type})` : message.content
}

export function channelName(conversation, organizations) {
  if (conversation.channel_id === null) return conversation.messaging_partner
  for (const organization of organizations) {
    for (const channel of organization.channels) if (channel.channel_id === conversation.channel_id) return channel.name
  }
  return conversation.channel_id
}

/**
 * The state of a message: a word, a reason where something went wrong, more for the pointer, and how it should look.
 * An ingested message is accepted, then created; what Partoo sends out is Sending, then Success or Failed.
 */
export function stateOf(message, organizations) {
  if (message.state === 'lost') {
    return { text: 'Never created', reason: 'accepted, then lost by a fault you ordered', title: '', mood: 'bad' }
  }
  if (message.state === 'accepted') {
    return { text: 'Accepted', reason: '', title: 'Answered 200; not created yet', mood: 'waiting' }
  }
  if (message.status === 'Failed') {
    const reason = hasWebhook(message, organizations)
      ? 'the webhook was not delivered'
      : 'no webhook is configured for message_created'
    return { text: 'Failed', reason, title: '', mood: 'bad' }
  }
  if (message.status === 'Sending') {
    return { text: 'Sending', reason: '', title: 'Waiting for the webhook to be answered', mood: 'waiting' }
  }
  if (message.external_message_id !== null) {
    return { text: 'Created', reason: '', title: `Ingested as ${message.external_message_id}`, mood: 'good' }
  }
  return { text: 'Success', reason: '', title: 'The webhook was answered', mood: 'good' }
}

export function duplicatesOf(message) {
  return `${message.duplicates} ${message.duplicates === 1 ? 'duplicate' : 'duplicates'} ignored`
}

/** Up to two letters that stand for a name. */
export function initialsOf(name) {
  const words = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word))
  return (
    words
      .slice(0, 2)
      .map((word) => [...word][0].toUpperCase())
      .join('') || '·'
  )
}

function hasWebhook(message, organizations) {
  const organization = organizations.find((each) => each.org_id === message.org_id)
  return organization?.webhooks.some((each) => each.event_type === 'message_created') ?? true
}

// ---- times, in the reader's language and zone ------------------------------------------------------------------------

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const clockShort = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const dayShort = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const dayLong = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

/** When a message was created, or, before that, accepted: ISO 8601. */
export const timeOf = (message) => message.created_at ?? message.accepted_at

export const clockTime = (iso) => clock.format(new Date(iso))
const isToday = (date) => date.toDateString() === new Date().toDateString()

export function shortTime(iso) {
  const date = new Date(iso)
  return isToday(date) ? clockShort.format(date) : dayShort.format(date)
}

export function dayOf(iso) {
  const date = new Date(iso)
  return isToday(date) ? 'Today' : dayLong.format(date)
}

// ---- what to type where nothing has arrived --------------------------------------------------------------------------

export const produceLine = 'npm run produce -- --conversation ada --name Ada "Open on Sunday?"'

export function curlLine(origin, organizations) {
  const channel = organizations.flatMap((each) => each.channels)[0]?.channel_id ?? 'demo-channel'
  const body = {
    business_id: '42',
    external_conversation_id: 'ada',
    external_message_id: 'ada-1',
    content: 'Open on Sunday?',
    sender_type: 'Consumer',
    consumer_name: 'Ada',
  }
  return [
    `curl ${origin}/v2/custom-channels/${encodeURIComponent(channel)}/messages \\`,
    "  -H 'x-APIKey: demo-api-key' \\",
    "  -H 'Content-Type: application/json' \\",
    `  -d '${JSON.stringify(body, null, 2).replaceAll('\n', '\n  ')}'`,
  ].join('\n')
}
