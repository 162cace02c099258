// Owns what the inbox page does. It loads pages from the control API, then follows the event stream; after each
// reconnect it loads again, because the stream starts with the events from now on.
//
//   P1 Everything from outside goes into the page as textContent, never as markup: message texts are untrusted.
//   P2 The page is bounded: at most `listMax` conversations and `threadMax` messages are held and drawn, however many
//      there are; the rest is a button away.
//   P3 Events only change the model and ask for a drawing; the page is drawn at most once a frame.

const pageSize = 50
const listMax = 200
const threadMax = 300
/** From the end of the thread: nearer than this counts as "at the end", and new messages scroll into view. */
const nearEndPx = 80
const reopenMs = 2_000
const requestTimeoutMs = 10_000

const $ = (id) => document.getElementById(id)
const app = $('app')
const scroller = $('scroller')

/** What the page knows. `thread` is null while no conversation is open. */
const model = {
  organizations: [],
  filter: '',
  conversations: new Map(),
  next: null,
  loaded: false,
  thread: null,
}

// ---- talking to the simulator ----------------------------------------------------------------------------------------

/** One request to the control API; resolves to { ok, status, value } and never rejects. */
async function ask(path, body) {
  try {
    const response = await fetch(`/_control/${path}`, {
      signal: AbortSignal.timeout(requestTimeoutMs),
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    })
    const value = response.status === 204 ? null : await response.json()
    return { ok: response.ok, status: response.status, value }
  } catch {
    return { ok: false, status: 0, value: null }
  }
}

/** Grows with each whole load: an answer of an older one is not used any more. */
let generation = 0

/** How many loads are under way, and the events since the first of them began. */
const loading = { count: 0, events: [] }

/**
 * Loads and applies. What arrives on the stream meanwhile is applied once more after it: the answer may be older than
 * those events. Applying an event twice, in order, ends in the same state.
 */
async function load(paths, apply) {
  loading.count += 1
  const answers = await Promise.all(paths.map((path) => ask(path)))
  apply(...answers)
  for (const event of loading.events) applyEvent(event)
  loading.count -= 1
  if (loading.count === 0) loading.events = []
  draw()
}

async function loadAll() {
  generation += 1
  const mine = generation
  await load(['state', `conversations?${filterQuery()}limit=${pageSize}`], (state, list) => {
    if (mine !== generation || !state.ok || !list.ok) return
    model.organizations = state.value.organizations
    model.conversations = new Map(list.value.items.map((each) => [each.id, each]))
    model.next = list.value.next
    model.loaded = true
    drawFilter()
  })
  if (model.thread !== null) await openThread(model.thread.id, false)
}

async function loadMore() {
  if (model.next === null) return
  const mine = generation
  const list = await ask(`conversations?${filterQuery()}limit=${pageSize}&before=${model.next}`)
  if (mine !== generation || !list.ok) return
  for (const each of list.value.items) if (!model.conversations.has(each.id)) model.conversations.set(each.id, each)
  model.next = list.value.next
  draw()
}

async function openThread(id, focus) {
  await load([`conversations/${id}`, `conversations/${id}/messages?limit=${pageSize}`], (about, page) => {
    if (wantedThread() !== id) return
    if (!about.ok || !page.ok) {
      if (about.status === 404) closeThread()
      return
    }
    const sameThread = model.thread?.id === id
    model.thread = {
      id,
      conversation: about.value,
      messages: new Map(page.value.items.map((message) => [message.id, message])),
      /** Where the page before starts; null: these are all. */
      earlier: page.value.next,
      /** Are newer messages left out? */
      behind: false,
      /** Is this the first drawing? Then nothing "arrives". */
      fresh: !sameThread,
      /** Scroll to the end with the next drawing? */
      stick: !sameThread || isAtEnd(),
    }
    app.dataset.pane = 'thread'
  })
  if (model.thread?.id !== id) return
  const wide = matchMedia('(min-width: 761px)').matches
  drawNow()
  if (focus && wide && !model.thread.conversation.is_readonly) $('reply').focus()
  markRead()
}

async function loadEarlier() {
  const { thread } = model
  if (thread === null || thread.earlier === null) return
  const page = await ask(`conversations/${thread.id}/messages?limit=${pageSize}&before=${thread.earlier}`)
  if (model.thread !== thread || !page.ok) return
  const merged = [...page.value.items.map((message) => [message.id, message]), ...thread.messages]
  // P2: what no longer fits is dropped at the new end; "Newest messages" brings it back.
  if (merged.length > threadMax) thread.behind = true
  thread.messages = new Map(merged.slice(0, threadMax))
  thread.earlier = page.value.next
  // The reader's place stays where it is while the thread grows above it.
  const fromEnd = scroller.scrollHeight - scroller.scrollTop
  drawNow()
  if (!thread.behind) scroller.scrollTop = scroller.scrollHeight - fromEnd
}

function closeThread() {
  model.thread = null
  app.dataset.pane = 'list'
  if (location.hash !== '') history.replaceState(null, '', location.pathname)
  draw()
}

function markRead() {
  const conversation = model.thread?.conversation
  if (conversation === undefined || conversation.unread === 0 || document.hidden) return
  conversation.unread = 0
  void ask(`conversations/${conversation.id}/read`, {})
}

// ---- following the events --------------------------------------------------------------------------------------------

function follow() {
  const stream = new EventSource('/_control/events')
  stream.onopen = () => {
    showConnection('live')
    void loadAll()
  }
  stream.onmessage = (message) => {
    const event = JSON.parse(message.data)
    if (loading.count > 0) loading.events.push(event)
    applyEvent(event)
    draw()
  }
  stream.onerror = () => {
    showConnection('lost')
    // The browser tries again by itself, except when it was told no: then it gives up for good.
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, reopenMs)
  }
}

function applyEvent(event) {
  switch (event.type) {
    case 'accepted':
    case 'duplicate':
    case 'created':
    case 'lost':
    case 'reply':
    case 'foreign':
    case 'status':
      keepConversation(event.conversation)
      keepMessage(event.message, event.conversation)
      break
    case 'read':
      keepConversation(event.conversation)
      break
    case 'settings':
      void ask('state').then((state) => {
        if (!state.ok) return
        model.organizations = state.value.organizations
        drawFilter()
        draw()
      })
      break
    case 'reset':
      // Not twice: what follows is a load itself.
      loading.events = []
      closeThread()
      void loadAll()
      break
    default:
    // Calls and webhook attempts are for other readers of the stream.
  }
}

function keepConversation(conversation) {
  if (model.thread?.id === conversation.id) {
    model.thread.conversation = conversation
    markRead()
  }
  if (!isWanted(conversation)) return
  model.conversations.set(conversation.id, conversation)
  if (model.conversations.size <= listMax) return
  // P2: the one quiet for longest goes; "Show more" starts from the oldest that is left.
  const kept = sortedConversations().slice(0, listMax)
  model.conversations = new Map(kept.map((each) => [each.id, each]))
  model.next = kept.at(-1)?.activity ?? null
}

function keepMessage(message, conversation) {
  const { thread } = model
  if (thread === null || thread.id !== conversation.id) return
  if (thread.messages.has(message.id)) {
    thread.messages.set(message.id, message)
    return
  }
  if (thread.behind || message.id < (firstKey(thread.messages) ?? 0)) return
  thread.messages.set(message.id, message)
  thread.stick ||= isAtEnd() || message.external_message_id === null
  while (thread.messages.size > threadMax) {
    const oldest = firstKey(thread.messages)
    thread.messages.delete(oldest)
    thread.earlier = firstKey(thread.messages)
  }
}

const firstKey = (map) => map.keys().next().value

// ---- drawing ---------------------------------------------------------------------------------------------------------

let drawing = false

function draw() {
  if (drawing) return
  drawing = true
  // A hidden page gets no frames; a timer keeps its title and list right.
  const schedule = document.hidden ? (run) => setTimeout(run, 500) : requestAnimationFrame
  schedule(() => {
    drawing = false
    drawNow()
  })
}

function drawNow() {
  const any = model.conversations.size > 0
  app.dataset.any = String(any || model.filter !== '')
  drawList()
  drawWelcome(any)
  drawThread()
  const unread = [...model.conversations.values()].reduce((sum, each) => sum + each.unread, 0)
  document.title = `${unread > 0 ? `(${unread}) ` : ''}Inbox · Partoo simulator`
}

function drawFilter() {
  const select = $('channel')
  select.replaceChildren(new Option('All channels', ''))
  for (const organization of model.organizations) {
    const group = document.createElement('optgroup')
    group.label = organization.name
    if (model.organizations.length > 1) {
      group.append(new Option(`All of ${organization.name}`, `org_id=${organization.org_id}`))
    }
    for (const channel of organization.channels) {
      const value = `channel_id=${encodeURIComponent(channel.channel_id)}`
      group.append(new Option(channel.is_readonly ? `${channel.name} (read-only)` : channel.name, value))
    }
    select.append(group)
  }
  select.value = model.filter
}

const listNodes = new Map()

function drawList() {
  const sorted = sortedConversations()
  const list = $('list')
  for (const [id, node] of listNodes) {
    if (model.conversations.has(id)) continue
    node.remove()
    listNodes.delete(id)
  }
  for (const [at, conversation] of sorted.entries()) {
    let node = listNodes.get(conversation.id)
    if (node === undefined) {
      node = makeItem(conversation.id)
      listNodes.set(conversation.id, node)
    }
    updateItem(node, conversation)
    // Moving a node takes the focus from it, so only what is out of place moves.
    if (list.children[at] !== node) {
      const focused = node.contains(document.activeElement)
      list.insertBefore(node, list.children[at] ?? null)
      if (focused) node.firstElementChild.focus()
    }
  }
  $('more').hidden = model.next === null
  $('list-empty').hidden = !model.loaded || sorted.length > 0
}

function makeItem(id) {
  const node = document.createElement('li')
  const button = element('button', 'item')
  button.type = 'button'
  const words = element('span', 'words')
  words.append(element('span', 'who'), element('span', 'last'), element('span', 'where'))
  const side = element('span', 'side')
  const unread = element('span', 'unread')
  side.append(element('time', 'when'), unread)
  button.append(element('span', 'avatar'), words, side)
  button.firstElementChild.setAttribute('aria-hidden', 'true')
  button.addEventListener('click', () => show(id))
  node.append(button)
  return node
}

function updateItem(node, conversation) {
  const button = node.firstElementChild
  const part = (name) => button.querySelector(`.${name}`)
  const name = nameOf(conversation)
  const last = conversation.last_message
  const mine = last !== null && last.sender_type !== 'Consumer'
  drawAvatar(part('avatar'), name, conversation.id)
  setText(part('who'), name)
  setText(part('last'), last === null ? '' : `${mine ? 'You: ' : ''}${last.content}`.slice(0, 200))
  setText(part('where'), channelName(conversation))
  setText(part('when'), last === null ? '' : shortTime(last.created_at ?? last.accepted_at))
  const unread = part('unread')
  unread.hidden = conversation.unread === 0
  setText(unread, conversation.unread > 99 ? '99+' : String(conversation.unread))
  unread.setAttribute('aria-label', `${conversation.unread} unread`)
  button.dataset.unread = String(conversation.unread > 0)
  button.setAttribute('aria-current', String(model.thread?.id === conversation.id))
}

function drawWelcome(any) {
  $('welcome').hidden = model.thread !== null
  const filtered = model.filter !== '' && !any
  setText(
    $('welcome-title'),
    !model.loaded
      ? 'Connecting…'
      : filtered
        ? 'Nothing on this channel yet'
        : any
          ? 'Choose a conversation'
          : 'Nothing has arrived yet',
  )
  $('welcome-text').hidden = !model.loaded
  if (any) setText($('welcome-text'), 'Open one on the left to read and answer it.')
  else {
    const code = element('code')
    code.textContent = 'outbound-messages'
    $('welcome-text').replaceChildren('Produce a message to ', code, ' and it appears here.')
  }
  $('welcome-curl').hidden = any || !model.loaded
  setText($('curl'), curlLine())
}

const messageNodes = new Map()

function drawThread() {
  const { thread } = model
  $('thread').hidden = thread === null
  if (thread === null) return
  const { conversation } = thread
  const name = nameOf(conversation)
  drawAvatar($('avatar'), name, conversation.id)
  setText($('name'), name)
  const ids = [channelName(conversation), `business ${conversation.business_id}`]
  if (conversation.external_conversation_id !== null) ids.push(conversation.external_conversation_id)
  setText($('about'), ids.join(' · '))
  setText($('reply-label'), `Reply to ${name}`)
  $('composer').hidden = conversation.is_readonly
  $('readonly').hidden = !conversation.is_readonly
  setDisabled()
  $('earlier').hidden = thread.earlier === null
  drawMessages(thread)
  if (thread.stick) scroller.scrollTop = scroller.scrollHeight
  thread.stick = false
  drawLatest()
}

function drawMessages(thread) {
  const list = $('messages')
  if (list.dataset.thread !== String(thread.id)) {
    list.replaceChildren()
    messageNodes.clear()
    list.dataset.thread = String(thread.id)
  }
  for (const [id, node] of messageNodes) {
    if (thread.messages.has(id)) continue
    node.remove()
    messageNodes.delete(id)
  }
  for (const day of list.querySelectorAll('.day')) day.remove()
  let at = 0
  let dayBefore = ''
  for (const message of thread.messages.values()) {
    const day = dayOf(message.created_at ?? message.accepted_at)
    if (day !== dayBefore) {
      const node = element('li', 'day')
      node.textContent = day
      list.insertBefore(node, list.children[at] ?? null)
      at += 1
      dayBefore = day
    }
    let node = messageNodes.get(message.id)
    if (node === undefined) {
      node = makeMessage()
      if (!thread.fresh) node.classList.add('arrived')
      messageNodes.set(message.id, node)
    }
    updateMessage(node, message)
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null)
    at += 1
  }
  thread.fresh = false
}

function makeMessage() {
  const node = element('li', 'message')
  const meta = element('div', 'meta')
  meta.append(element('time'), element('span', 'state'), element('span', 'repeats'))
  node.append(element('span', 'sender'), element('div', 'bubble'), meta)
  return node
}

function updateMessage(node, message) {
  const own = message.sender_type === 'User'
  node.classList.toggle('own', own)
  node.classList.toggle('note', message.sender_type !== 'User' && message.sender_type !== 'Consumer')
  setText(node.querySelector('.sender'), senderOf(message))
  setText(node.querySelector('.bubble'), message.content === '' ? `(${message.content_type})` : message.content)
  const time = node.querySelector('time')
  const iso = message.created_at ?? message.accepted_at
  time.dateTime = iso
  setText(time, clockTime(iso))
  const state = stateOf(message)
  node.dataset.state = state.mood
  node.dataset.messageId = String(message.id)
  const stateNode = node.querySelector('.state')
  setText(stateNode, state.text)
  stateNode.title = state.why
  const repeats = node.querySelector('.repeats')
  repeats.hidden = message.duplicates === 0
  setText(repeats, `${message.duplicates} ${message.duplicates === 1 ? 'duplicate' : 'duplicates'} ignored`)
}

/** The state of a message in a word, why, and how it should look. */
function stateOf(message) {
  if (message.state === 'lost') {
    return { text: 'Never created', why: 'Answered 200, then lost, as a fault ordered', mood: 'bad' }
  }
  if (message.state === 'accepted') return { text: 'Accepted', why: 'Answered 200; not created yet', mood: 'waiting' }
  if (message.status === 'Failed') {
    return { text: 'Failed', why: 'The webhook was not delivered, or none is configured', mood: 'bad' }
  }
  if (message.status === 'Sending')
    return { text: 'Sending…', why: 'Waiting for the webhook to be answered', mood: 'waiting' }
  if (message.external_message_id !== null) {
    return { text: '✓ Created', why: `Ingested as ${message.external_message_id}`, mood: 'good' }
  }
  return { text: '✓ Success', why: 'Delivered', mood: 'good' }
}

function drawLatest() {
  const { thread } = model
  $('latest').hidden = thread === null || (!thread.behind && isAtEnd())
}

function drawAvatar(node, name, id) {
  const initials = name
    .split(/\s+/)
    .filter((word) => /^[\p{L}\p{N}]/u.test(word))
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase())
    .join('')
  setText(node, initials || '·')
  node.className = `avatar tint-${id % 5}`
}

function showConnection(state) {
  $('banner').hidden = state !== 'lost'
  $('live').dataset.state = state
  setText($('live-text'), state === 'live' ? 'Live' : 'Offline')
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

function element(tag, className = '') {
  const node = document.createElement(tag)
  node.className = className
  return node
}

// ---- words -----------------------------------------------------------------------------------------------------------

function nameOf(conversation) {
  return conversation.consumer_name ?? conversation.external_conversation_id ?? `Conversation ${conversation.id}`
}

function senderOf(message) {
  if (message.sender_type === 'Consumer') return message.sender_label ?? 'Consumer'
  if (message.sender_type === 'User' && message.external_message_id !== null) return 'Business, ingested'
  return message.sender_label ?? message.sender_type
}

function channelName(conversation) {
  if (conversation.channel_id === null) return conversation.messaging_partner
  for (const organization of model.organizations) {
    for (const channel of organization.channels) if (channel.channel_id === conversation.channel_id) return channel.name
  }
  return conversation.channel_id
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const clockShort = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const dayShort = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const dayLong = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

const clockTime = (iso) => clock.format(new Date(iso))
const isToday = (date) => date.toDateString() === new Date().toDateString()

function shortTime(iso) {
  const date = new Date(iso)
  return isToday(date) ? clockShort.format(date) : dayShort.format(date)
}

function dayOf(iso) {
  const date = new Date(iso)
  return isToday(date) ? 'Today' : dayLong.format(date)
}

function curlLine() {
  const channel = model.organizations.flatMap((each) => each.channels)[0]?.channel_id ?? 'demo-channel'
  const body = {
    business_id: '42',
    external_conversation_id: 'conversation-1',
    external_message_id: 'message-1',
    content: 'Hello, are you open on Sunday?',
    sender_type: 'Consumer',
    consumer_name: 'Ada Lovelace',
  }
  return [
    `curl ${location.origin}/v2/custom-channels/${encodeURIComponent(channel)}/messages \\`,
    "  -H 'x-APIKey: demo-api-key' \\",
    "  -H 'Content-Type: application/json' \\",
    `  -d '${JSON.stringify(body, null, 2).replaceAll('\n', '\n  ')}'`,
  ].join('\n')
}

// ---- acting ----------------------------------------------------------------------------------------------------------

const filterQuery = () => (model.filter === '' ? '' : `${model.filter}&`)

function isWanted(conversation) {
  const wanted = new URLSearchParams(model.filter)
  const channel = wanted.get('channel_id')
  const org = wanted.get('org_id')
  return (
    (channel === null || channel === conversation.channel_id) && (org === null || org === String(conversation.org_id))
  )
}

const sortedConversations = () => [...model.conversations.values()].sort((one, other) => other.activity - one.activity)

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearEndPx

function scrollToEnd() {
  scroller.scrollTop = scroller.scrollHeight
}

/** The conversation in the address (#c12), or null. */
function wantedThread() {
  const match = /^#c(\d+)$/.exec(location.hash)
  return match === null ? null : Number(match[1])
}

function show(id) {
  if (wantedThread() === id) void openThread(id, true)
  else location.hash = `#c${id}`
}

/** Replies not sent yet, by conversation: switching back and forth loses nothing. */
const drafts = new Map()
let draftOf = null

function followAddress() {
  const id = wantedThread()
  if (draftOf !== null) drafts.set(draftOf, $('reply').value)
  $('reply').value = (id === null ? null : drafts.get(id)) ?? ''
  draftOf = id
  sizeReply()
  showError('')
  if (id === null) closeThread()
  else void openThread(id, true)
}

let sending = false

async function send() {
  const { thread } = model
  const reply = $('reply')
  const content = reply.value.trim()
  if (thread === null || content === '' || sending) return
  sending = true
  setDisabled()
  showError('')
  const sent = await ask('replies', { conversation_id: thread.id, content })
  sending = false
  if (sent.ok) {
    drafts.delete(thread.id)
    if (model.thread?.id === thread.id) reply.value = ''
    if (thread.behind) void openThread(thread.id, true).then(scrollToEnd)
  } else if (sent.status === 0)
    showError('Not sent: the simulator does not answer. Your text is still here; try again.')
  else showError(`Not sent: ${sent.value?.errors?.join('; ') ?? `status ${sent.status}`}. Your text is still here.`)
  sizeReply()
  setDisabled()
  reply.focus()
}

function setDisabled() {
  $('send').disabled = sending || $('reply').value.trim() === ''
}

function showError(text) {
  $('error').hidden = text === ''
  setText($('error'), text)
}

function sizeReply() {
  const reply = $('reply')
  reply.style.height = 'auto'
  reply.style.height = `${reply.scrollHeight + 2}px`
}

$('channel').addEventListener('change', (event) => {
  model.filter = event.target.value
  model.conversations = new Map()
  void loadAll()
})
$('more').addEventListener('click', () => void loadMore())
$('earlier').addEventListener('click', () => void loadEarlier())
$('latest').addEventListener('click', () => {
  if (model.thread === null) return
  if (model.thread.behind) void openThread(model.thread.id, false).then(scrollToEnd)
  else scrollToEnd()
})
$('back').addEventListener('click', () => {
  location.hash = ''
})
$('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText($('curl').textContent)
  $('copy').textContent = 'Copied'
  setTimeout(() => {
    $('copy').textContent = 'Copy'
  }, reopenMs)
})
$('list').addEventListener('keydown', (event) => {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const item = event.target.closest('li')
  const other = event.key === 'ArrowDown' ? item?.nextElementSibling : item?.previousElementSibling
  if (other === null || other === undefined) return
  event.preventDefault()
  other.firstElementChild.focus()
})
$('composer').addEventListener('submit', (event) => {
  event.preventDefault()
  void send()
})
$('reply').addEventListener('input', () => {
  sizeReply()
  setDisabled()
})
$('reply').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  void send()
})
scroller.addEventListener('scroll', drawLatest, { passive: true })
window.addEventListener('hashchange', followAddress)
document.addEventListener('visibilitychange', markRead)

followAddress()
draw()
follow()
