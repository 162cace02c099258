// Real: the conversations. Doubled: nothing. Failure: two conversations or messages of one name, a name that is not free
// again when it must be, memory that grows without end.

import { expect, test } from 'vitest'
import { type Conversation, Conversations, type MessageState, partooDate } from './conversations.ts'

const opening = { business_id: 'b', consumer_name: null, consumer_image: null }

function add(conversations: Conversations, conversation: Conversation, id: string, state: MessageState = 'accepted') {
  return conversations.add(conversation, {
    external_message_id: id,
    content_type: 'Text',
    content: id,
    sender_type: 'Consumer',
    sender_label: null,
    user_id: null,
    state,
    status: 'Success',
  })
}

test('names are pairs: no two pairs of ids are confused', () => {
  const conversations = new Conversations()
  const ids = [
    ['a', 'b:c'],
    ['a:b', 'c'],
    ['1', '1a'],
    ['11', 'a'],
    ['', 'x'],
  ] as const
  const opened = ids.map(([channel, external]) => conversations.open(channel, external, 1, 'b').id)
  expect(new Set(opened).size).toBe(ids.length)
  expect(ids.map(([channel, external]) => conversations.open(channel, external, 1, 'b').id)).toEqual(opened)
})

test('an id is known from acceptance on; a lost one is free', () => {
  const conversations = new Conversations()
  const conversation = conversations.open('ch', 'c', 1, 'b')
  const accepted = add(conversations, conversation, 'm1')
  add(conversations, conversation, 'm2', 'lost')
  expect(conversations.messageByExternalId('ch', 'm1')).toBe(accepted)
  expect(conversations.messageByExternalId('ch', 'm2')).toBeNull()
  expect(conversations.messageByExternalId('other', 'm1')).toBeNull()
})

test('beyond the bound the oldest are forgotten, with their names and their empty conversations', () => {
  const conversations = new Conversations(3)
  const old = conversations.open('ch', 'old', 1, 'b')
  add(conversations, old, 'm0')
  const conversation = conversations.open('ch', 'c', 1, 'b')
  for (const id of ['m1', 'm2', 'm3', 'm4']) conversations.create(add(conversations, conversation, id), opening)
  expect([...conversations.messages()].map((each) => each.content)).toEqual(['m2', 'm3', 'm4'])
  expect([conversations.forgotten, conversations.messagesSize, conversations.conversationsSize]).toEqual([2, 3, 1])
  expect(conversations.messageByExternalId('ch', 'm0')).toBeNull()
  expect(conversations.conversation(old.id)).toBeNull()
  expect(conversations.open('ch', 'old', 1, 'b').id).not.toBe(old.id)
})

test('the date has a space, six decimals and an offset', () => {
  expect(partooDate(Date.UTC(2023, 0, 31, 16, 22, 17, 327))).toBe('2023-01-31 16:22:17.327000+00:00')
  expect(partooDate(Date.UTC(2024, 11, 1))).toBe('2024-12-01 00:00:00.000000+00:00')
})
