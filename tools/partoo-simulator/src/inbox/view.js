// Owns how the inbox page is drawn from what it knows (page-model.js). It changes nothing there, except that a drawing
// uses up `fresh` and `stick`.
//
//   P1 Everything from outside goes into the page as textContent, never as markup: message texts are untrusted.
//   P3 The page is drawn at most once a frame, whatever arrives.

import { listMax, model, sortedConversations } from './page-model.js'
import {
  channelName,
  clockTime,
  curlLine,
  dayOf,
  duplicatesOf,
  initialsOf,
  nameOf,
  previewOf,
  produceLine,
  senderOf,
  shortTime,
  stateOf,
  textOf,
  timeOf,
} from './words.js'

/** From the end of the thread: nearer than this counts as "at the end", and new messages scroll into view. */
const nearEndPx = 80
const hiddenDrawMs = 500

export const $ = (id) => document.getElementById(id)
const app = $('app')
const scroller = $('scroller')

let drawing = false

/** Draws with the next frame. */
export function draw() {
  if (drawing) return
  drawing = true
  // A hidden page gets no frames; a timer keeps its title and list right.
  const schedule = document.hidden ? (run) => setTimeout(run, hiddenDrawMs) : requestAnimationFrame
  schedule(() => {
    drawing = false
    drawNow()
  })
}

export function drawNow() {
  const any = model.conversations.size > 0
  app.dataset.any = String(any || model.filter !== '')
  app.dataset.pane = model.thread === null ? 'list' : 'thread'
  drawList()
  drawWelcome(any)
  drawThread()
  const unread = [...model.conversations.values()].reduce((sum, each) => sum + each.unread, 0)
  document.title = `${unread > 0 ? `(${unread}) ` : ''}Inbox · Partoo simulator`
}

// ---- the list --------------------------------------------------------------------------------------------------------

export function drawFilter() {
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
      if (focused) node.firstElementChild.focus({ preventScroll: true })
    }
  }
  const full = sorted.length >= listMax
  $('more').hidden = model.next === null || full
  $('list-full').hidden = model.next === null || !full
  $('list-empty').hidden = !model.loaded || sorted.length > 0
}

function makeItem(id) {
  const node = document.createElement('li')
  const button = element('button', 'item')
  button.type = 'button'
  button.dataset.conversationId = String(id)
  const words = element('span', 'words')
  words.append(element('span', 'who'), element('span', 'last'), element('span', 'where'))
  const side = element('span', 'side')
  const unread = element('span', 'unread')
  const spoken = element('span', 'sr-only')
  spoken.textContent = ' unread'
  unread.append(element('span', 'count'), spoken)
  side.append(element('time', 'when'), unread)
  button.append(element('span', 'avatar'), words, side)
  button.firstElementChild.setAttribute('aria-hidden', 'true')
  node.append(button)
  return node
}

function updateItem(node, conversation) {
  const button = node.firstElementChild
  const part = (name) => button.querySelector(`.${name}`)
  const name = nameOf(conversation)
  const last = conversation.last_message
  drawAvatar(part('avatar'), name, conversation.id)
  setText(part('who'), name)
  setText(part('last'), previewOf(last))
  setText(part('where'), channelName(conversation, model.organizations))
  setText(part('when'), last === null ? '' : shortTime(timeOf(last)))
  part('unread').hidden = conversation.unread === 0
  setText(part('count'), conversation.unread > 99 ? '99+' : String(conversation.unread))
  button.dataset.unread = String(conversation.unread > 0)
  button.setAttribute('aria-current', String(model.thread?.id === conversation.id))
}

function drawWelcome(any) {
  $('welcome').hidden = model.thread !== null
  const filtered = model.filter !== '' && !any
  let title = 'Nothing has arrived yet'
  if (!model.loaded) title = 'Connecting…'
  else if (filtered) title = 'Nothing on this channel yet'
  else if (any) title = 'Choose a conversation'
  setText($('welcome-title'), title)
  $('welcome-any').hidden = !model.loaded || !any
  $('welcome-none').hidden = !model.loaded || any
  setText($('produce'), produceLine)
  setText($('curl'), curlLine(location.origin, model.organizations))
}

// ---- the thread ------------------------------------------------------------------------------------------------------

const messageNodes = new Map()

function drawThread() {
  const { thread } = model
  $('thread').hidden = thread === null
  if (thread === null) return
  const { conversation } = thread
  const name = nameOf(conversation)
  drawAvatar($('avatar'), name, conversation.id)
  setText($('name'), name)
  const ids = [channelName(conversation, model.organizations), `business ${conversation.business_id}`]
  if (conversation.external_conversation_id !== null) ids.push(conversation.external_conversation_id)
  setText($('about'), ids.join(' · '))
  setText($('reply-label'), `Reply to ${name}`)
  $('composer').hidden = conversation.is_readonly
  $('readonly').hidden = !conversation.is_readonly
  drawSend()
  $('earlier').hidden = thread.earlier === null
  drawMessages(thread)
  if (thread.stick) scrollToEnd()
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
    const day = dayOf(timeOf(message))
    if (day !== dayBefore) {
      const node = element('li', 'day')
      node.textContent = day
      list.insertBefore(node, list.children[at] ?? null)
      at += 1
      dayBefore = day
    }
    let node = messageNodes.get(message.id)
    if (node === undefined) {
      node = makeMessage(message.id)
      if (!thread.fresh) node.classList.add('arrived')
      messageNodes.set(message.id, node)
    }
    updateMessage(node, message)
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null)
    at += 1
  }
  thread.fresh = false
}

function makeMessage(id) {
  const node = element('li', 'message')
  node.dataset.messageId = String(id)
  const meta = element('div', 'meta')
  meta.append(element('time'), element('span', 'state'), element('span', 'reason'), element('span', 'repeats'))
  node.append(element('span', 'sender'), element('div', 'bubble'), meta)
  return node
}

function updateMessage(node, message) {
  const part = (name) => node.querySelector(name)
  node.classList.toggle('own', message.sender_type === 'User')
  node.classList.toggle('note', message.sender_type !== 'User' && message.sender_type !== 'Consumer')
  setText(part('.sender'), senderOf(message, model.thread.conversation))
  setText(part('.bubble'), textOf(message))
  const iso = timeOf(message)
  part('time').dateTime = iso
  setText(part('time'), clockTime(iso))
  const state = stateOf(message, model.organizations)
  node.dataset.state = state.mood
  setText(part('.state'), state.text)
  part('.state').title = state.title
  part('.reason').hidden = state.reason === ''
  setText(part('.reason'), state.reason)
  part('.repeats').hidden = message.duplicates === 0
  setText(part('.repeats'), duplicatesOf(message))
}

/** Is the newest message in view? */
export const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearEndPx

export function scrollToEnd() {
  scroller.scrollTop = scroller.scrollHeight
}

/** Shows the way to the newest messages where they are out of view. */
export function drawLatest() {
  const { thread } = model
  $('latest').hidden = thread === null || (!thread.behind && isAtEnd())
}

/** The button sends only where there is something to send. */
export function drawSend() {
  $('send').disabled = model.sending || $('reply').value.trim() === ''
}

// ---- everywhere ------------------------------------------------------------------------------------------------------

/** @param state 'live' or 'lost' */
export function showConnection(state) {
  $('banner').hidden = state !== 'lost'
  $('live').dataset.state = state
  setText($('live-text'), state === 'live' ? 'Live' : 'Offline')
}

function drawAvatar(node, name, id) {
  setText(node, initialsOf(name))
  node.className = `avatar tint-${id % 5}`
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

function element(tag, className = '') {
  const node = document.createElement(tag)
  node.className = className
  return node
}
