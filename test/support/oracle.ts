// Owns what must be true in the end, judged by Partoo's record, the receipts and the group's offsets alone: each message
// created once, accepted in the order of its conversation, first sent only after the one before it was answered, receipted,
// committed; and within the limit at any time.

import type { Call } from '@bridge/partoo-simulator/calls'
import { expect } from 'vitest'
import type { Fleet } from './fleet.ts'
import { json } from './kafka.ts'
import type { Sent } from './load.ts'
import { until } from './wait.ts'

/** The simulator notes the end of an answer a moment after the client has it. */
const closeLagMs = 20

/** Waits until all that was sent is through, and judges all of it. @returns what the test may tell */
export async function expectAllThrough(
  fleet: Fleet,
  sent: Sent,
  deadlineMs: number,
): Promise<{ messages: number; repeatedCalls: number; repeatedReceipts: number }> {
  const messages = total(sent)
  await until(`${messages} messages created`, () => fleet.created >= messages, deadlineMs).catch((error: Error) => {
    throw new Error(`${error.message}; there are ${fleet.created}`)
  })
  await until('a lag of 0', async () => (await fleet.lag().catch(() => 1)) === 0, 20_000)
  expectOnceInOrder(fleet, sent)
  expectOneAtATime(fleet.simulator.state.calls())
  const repeatedReceipts = await expectReceipts(fleet, sent)
  const calls = fleet.simulator.state.calls({ effect: 'duplicate' })
  return { messages, repeatedCalls: calls.length, repeatedReceipts }
}

/** Every message exists once, and those of a conversation were accepted in the order in which they were sent. */
export function expectOnceInOrder(fleet: Fleet, sent: Sent): void {
  const created = new Map<string, string[]>()
  for (const message of fleet.simulator.state.messages()) {
    expect(message.state).toBe('created')
    const ids = created.get(String(message.external_conversation_id))
    if (ids === undefined) created.set(String(message.external_conversation_id), [String(message.external_message_id)])
    else ids.push(String(message.external_message_id))
  }
  expect(new Set(created.keys())).toEqual(new Set(sent.keys()))
  for (const [conversation, ids] of sent) expect(created.get(conversation)).toEqual(ids)
}

/** A message is first sent only once the one before it in its conversation has been answered (L2). */
export function expectOneAtATime(calls: Call[]): void {
  type Turn = { id: string; answeredMs: number }
  const seen = new Set<string>()
  const turns = new Map<string, Turn>()
  const answered = new Map<string, number>()
  for (const { external_message_id: id, status, ended_ms } of calls) {
    if (id === null || status !== 200 || ended_ms === null) continue
    answered.set(id, Math.min(answered.get(id) ?? Number.POSITIVE_INFINITY, ended_ms))
  }
  const early: string[] = []
  for (const call of calls) {
    const { external_message_id: id, external_conversation_id: conversation } = call
    if (id === null || conversation === null || seen.has(id)) continue
    seen.add(id)
    const before = turns.get(conversation)
    if (before !== undefined && call.at_ms < before.answeredMs - closeLagMs) {
      early.push(`${id} ${Math.round(before.answeredMs - call.at_ms)} ms before the answer to ${before.id}`)
    }
    turns.set(conversation, { id, answeredMs: answered.get(id) ?? Number.POSITIVE_INFINITY })
  }
  expect(early).toEqual([])
}

/** Each message has its receipt, and nothing else has one. @returns how many receipts came more than once */
export async function expectReceipts(fleet: Fleet, sent: Sent): Promise<number> {
  const reads = await fleet.kafka.readAll(fleet.topics.names.receipts, fleet.topics.group(`reader-${Math.random()}`))
  const receipts = reads.map(json)
  const accepted = receipts.filter(({ status }) => status === 'accepted').map((one) => String(one.external_message_id))
  expect(receipts.filter(({ status }) => status !== 'accepted' && status !== 'duplicate')).toEqual([])
  expect(new Set(accepted)).toEqual(new Set([...sent.values()].flat()))
  return accepted.length - new Set(accepted).size
}

/** No 60 seconds, wherever they begin, saw more calls of an organization than its limit, and Partoo never had to refuse one. */
export function expectLimitKept(fleet: Fleet, limitPerMinute: number, orgId = 1): void {
  const { state } = fleet.simulator
  expect(state.calls({ status: 429, org_id: orgId })).toHaveLength(0)
  expect(state.mostInWindow(60_000, orgId).most).toBeLessThanOrEqual(limitPerMinute)
}

export function total(sent: Sent): number {
  let count = 0
  for (const ids of sent.values()) count += ids.length
  return count
}
