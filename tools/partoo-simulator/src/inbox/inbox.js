// Owns what the inbox page does. It loads pages from the control API, then follows the event stream; after each
// reconnect it loads again, because the stream starts with the events from now on. Events only change the model
// (page-model.js) and ask for a drawing (view.js).

import {
  addConversations,
  addEarlier,
  keepConversation,
  keepMessage,
  model,
  openThread,
  pageSize,
  setConversations,
} from './page-model.js'
import {
  $,
  draw,
  drawFilter,
  drawLatest,
  drawNow,
  drawSend,
  isAtEnd,
  scrollToEnd,
  setText,
  showConnection,
} from './view.js'

const reopenMs = 2_000
const copiedMs = 2_000
const requestTimeoutMs = 10_000

const scroller = $('scroller')

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
    setConversations(list.value)
    drawFilter()
  })
  // The one in the address, which may be another than the one in view: a choice made while the connection was lost.
  const wanted = wantedThread()
  if (mine === generation && wanted !== null) await loadThread(wanted, false)
}

async function loadMore() {
  if (model.next === null) return
  const mine = generation
  const list = await ask(`conversations?${filterQuery()}limit=${pageSize}&before=${model.next}`)
  if (mine !== generation || !list.ok) return
  addConversations(list.value)
  draw()
}

const filterQuery = () => (model.filter === '' ? '' : `${model.filter}&`)

async function loadThread(id, focus) {
  await load([`conversations/${id}`, `conversations/${id}/messages?limit=${pageSize}`], (about, page) => {
    if (wantedThread() !== id) return
    if (about.ok && page.ok) openThread(about.value, page.value, isAtEnd())
    else if (about.status === 404) closeThread()
  })
  if (model.thread?.id !== id) return
  drawNow()
  if (focus) focusThread()
  markRead()
}

/** To the reply box; on a narrow screen, where that would raise the keyboard over the messages, to the way back. */
function focusThread() {
  if (!matchMedia('(min-width: 761px)').matches) $('back').focus()
  else if (!model.thread.conversation.is_readonly) $('reply').focus()
}

async function loadEarlier() {
  const { thread } = model
  if (thread === null || thread.earlier === null) return
  const page = await ask(`conversations/${thread.id}/messages?limit=${pageSize}&before=${thread.earlier}`)
  if (model.thread !== thread || !page.ok) return
  // The reader's place stays where it is while the thread grows above it (and may lose its end).
  const first = $('messages').querySelector('.message')
  const topBefore = first?.getBoundingClientRect().top ?? 0
  addEarlier(thread, page.value)
  drawNow()
  if (first !== null) scroller.scrollTop += first.getBoundingClientRect().top - topBefore
}

function closeThread() {
  const { thread } = model
  model.thread = null
  if (location.hash !== '') history.replaceState(null, '', location.pathname)
  drawNow()
  if (thread !== null) itemOf(thread.id)?.focus()
}

const itemOf = (id) => $('list').querySelector(`[data-conversation-id="${id}"]`)

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
      keepMessage(event.message, isAtEnd())
      break
    case 'read':
      keepConversation(event.conversation)
      break
    case 'settings':
      void loadSettings()
      return
    case 'reset':
      // Not twice: what follows is a load itself.
      loading.events = []
      closeThread()
      void loadAll()
      return
    default:
      // Calls and webhook attempts are for other readers of the stream.
      return
  }
  if (model.thread?.id === event.conversation.id) markRead()
  draw()
}

async function loadSettings() {
  const state = await ask('state')
  if (!state.ok) return
  model.organizations = state.value.organizations
  drawFilter()
  draw()
}

// ---- choosing a conversation -----------------------------------------------------------------------------------------

/** The conversation in the address (#c12), or null. */
function wantedThread() {
  const match = /^#c(\d+)$/.exec(location.hash)
  return match === null ? null : Number(match[1])
}

function show(id) {
  if (wantedThread() === id) void loadThread(id, true)
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
  else void loadThread(id, true)
}

// ---- replying --------------------------------------------------------------------------------------------------------

async function send() {
  const { thread } = model
  const reply = $('reply')
  const content = reply.value.trim()
  if (thread === null || content === '' || model.sending) return
  model.sending = true
  drawSend()
  showError('')
  const sent = await ask('replies', { conversation_id: thread.id, content })
  model.sending = false
  const stillHere = draftOf === thread.id
  if (sent.ok) {
    drafts.delete(thread.id)
    if (stillHere) reply.value = ''
    if (model.thread?.behind) void loadThread(thread.id, true).then(scrollToEnd)
  } else if (stillHere) {
    const why =
      sent.status === 0 ? 'the simulator does not answer' : (sent.value?.errors?.join('; ') ?? `status ${sent.status}`)
    showError(`Not sent: ${why}. Your text is still here; try again.`)
  }
  sizeReply()
  drawSend()
  if (stillHere) reply.focus()
}

function showError(text) {
  $('error').hidden = text === ''
  setText($('error'), text)
}

/**
 * The reply box grows with its text. For browsers that cannot do that in CSS (field-sizing); there, a hidden box measures
 * nothing, and its height is left to the style sheet.
 */
function sizeReply() {
  if (CSS.supports('field-sizing', 'content')) return
  const reply = $('reply')
  reply.style.height = 'auto'
  if (reply.scrollHeight === 0) return
  reply.style.height = `${reply.scrollHeight + 2}px`
}

// ---- what a person does ----------------------------------------------------------------------------------------------

$('channel').addEventListener('change', (event) => {
  model.filter = event.target.value
  model.conversations = new Map()
  void loadAll()
})
$('more').addEventListener('click', () => void loadMore())
$('earlier').addEventListener('click', () => void loadEarlier())
$('latest').addEventListener('click', () => {
  if (model.thread === null) return
  if (model.thread.behind) void loadThread(model.thread.id, false).then(scrollToEnd)
  else scrollToEnd()
})
$('back').addEventListener('click', () => {
  location.hash = ''
})
$('list').addEventListener('click', (event) => {
  const item = event.target.closest('.item')
  if (item !== null) show(Number(item.dataset.conversationId))
})
$('list').addEventListener('keydown', (event) => {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const item = event.target.closest('li')
  const other = event.key === 'ArrowDown' ? item?.nextElementSibling : item?.previousElementSibling
  if (other === null || other === undefined) return
  event.preventDefault()
  other.firstElementChild.focus()
})
for (const button of document.querySelectorAll('[data-copies]')) {
  // Browsers offer the clipboard to secure pages only (https, or this machine).
  button.hidden = navigator.clipboard === undefined
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText($(button.dataset.copies).textContent)
      button.textContent = 'Copied'
    } catch {
      button.textContent = 'Not allowed'
    }
    setTimeout(() => {
      button.textContent = 'Copy'
    }, copiedMs)
  })
}
$('composer').addEventListener('submit', (event) => {
  event.preventDefault()
  void send()
})
$('reply').addEventListener('input', () => {
  sizeReply()
  drawSend()
})
$('reply').addEventListener('keydown', (event) => {
  if (event.isComposing) return
  if (event.key === 'Escape' && model.thread !== null) itemOf(model.thread.id)?.focus()
  if (event.key !== 'Enter' || event.shiftKey) return
  event.preventDefault()
  void send()
})

let wasAtEnd = true
scroller.addEventListener(
  'scroll',
  () => {
    wasAtEnd = isAtEnd()
    drawLatest()
  },
  { passive: true },
)
// A reply box that grows, or a keyboard that comes up, must not push the newest message out of view.
new ResizeObserver(() => {
  if (wasAtEnd) scrollToEnd()
  drawLatest()
}).observe(scroller)
window.addEventListener('hashchange', followAddress)
document.addEventListener('visibilitychange', markRead)

followAddress()
draw()
follow()
