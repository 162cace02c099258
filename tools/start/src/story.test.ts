// Real: the story, its order and its wording. Doubled: the world it plays in (no Kafka, no Partoo).
// Failure: a step told before it was seen, out of order, with another message's ids, or a line wider than 80 columns.

import { expect, test } from 'vitest'
import type { Seen } from './follow.ts'
import { layOut, playStory, type StoryLine, type StoryMessage, type StoryWorld } from './story.ts'

function record(topic: string, offset: number, value: unknown): Seen {
  const at = { topic, partition: 1, offset: String(offset), timestampMs: Date.UTC(2026, 0, 1, 12, 0, offset) }
  return {
    ...at,
    key: null,
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    headers: [],
  }
}

function receipt(status: string, id: string, more: object = {}): object {
  return { status, external_message_id: id, http_status: 200, attempts: 1, partoo: null, ...more }
}

/** A world in which everything has been seen already, with records of others in between. */
class Everything implements StoryWorld {
  produced: StoryMessage | undefined
  typedInto: string | undefined

  async produce(message: StoryMessage) {
    this.produced = message
    return { topic: 'outbound-messages', partition: 3, offset: '7', timestampMs: 0 }
  }

  async seen(wanted: (record: Seen) => boolean): Promise<Seen> {
    const id = String(this.produced?.external_message_id)
    const conversation = this.produced?.external_conversation_id
    const found = [
      record('partoo-delivery-receipts', 0, 'not JSON'),
      record('partoo-delivery-receipts', 1, 'null'),
      record('partoo-delivery-receipts', 2, receipt('accepted', 'somebody-else')),
      record(
        'partoo-delivery-receipts',
        3,
        receipt('created', id, { partoo: { message_id: '1', conversation_id: '5' } }),
      ),
      record('partoo-delivery-receipts', 4, receipt('accepted', id)),
      record('partoo-replies', 5, { message_id: '8', external_conversation_id: 'other', content: 'No' }),
      record('partoo-replies', 6, { message_id: '9', external_conversation_id: conversation, content: 'Yes' }),
    ].find(wanted)
    return found ?? new Promise(() => {})
  }

  async typeReply(conversationId: string) {
    this.typedInto = conversationId
    return { messageId: '9', atMs: 0 }
  }
}

test('the five steps, in order, with ids and places', async () => {
  const told: StoryLine[] = []
  const world = new Everything()
  const end = await playStory(world, 'k3f9', (line) => told.push(line), new AbortController().signal)
  expect(end).toEqual({ kind: 'told' })
  expect(told.map(({ step, ids, where }) => [step, ids, where])).toEqual([
    ['message produced', 'hi-k3f9 in conversation alice-k3f9', 'outbound-messages, partition 3, offset 7'],
    ['accepted by Partoo', 'hi-k3f9: HTTP 200, attempt 1', 'partoo-delivery-receipts, partition 1, offset 4'],
    ['created', 'hi-k3f9 is message 1 of conversation 5', 'partoo-delivery-receipts, partition 1, offset 3'],
    ['reply typed', 'message 9 of conversation 5', "Partoo's inbox"],
    ['reply in partoo-replies', 'message 9 for conversation alice-k3f9', 'partoo-replies, partition 1, offset 6'],
  ])
  expect(world.typedInto).toBe('5')
  expect(told.flatMap(layOut).every((line) => line.length <= 80)).toBe(true)
})

test('what is never seen breaks the story off when it is aborted, not before', async () => {
  const abort = new AbortController()
  const world = new Everything()
  world.seen = () => {
    setImmediate(() => abort.abort())
    return new Promise(() => {})
  }
  await expect(playStory(world, 'k3f9', () => {}, abort.signal)).rejects.toThrow(/aborted/)
})
