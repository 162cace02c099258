// Owns what must be true when a fault is over, judged from outside alone: Partoo's record, and what is in the topics.

import { busiestWindow, type Call } from '@bridge/partoo-simulator/calls'
import confluent from '@kafkajs/confluent-schema-registry'
import { json, type Read } from '../support/kafka.ts'
import type { Sent } from '../support/load.ts'
import { until } from '../support/wait.ts'
import type { World } from './world.ts'

export type Judgement = {
  /** Outbound messages that were sent, and webhooks that Partoo had to deliver. */
  messages: number
  webhooks: number
  /** Neither created at Partoo nor among the dead letters; webhooks that are in no topic, or were given up by Partoo. */
  lost: number
  webhooksLost: number
  /** Messages that are fine and were put away all the same. */
  deadLetters: number
  createdTwice: number
  /** Created before one that was sent earlier in the conversation, or first called before that one was answered. */
  outOfOrder: number
  /** Accepted messages whose receipt is missing. */
  receiptsMissing: number
  /** Most requests of the services in any 60 s, wherever they begin; what Partoo allows. */
  most: number
  limitPerMinute: number
  /** Answered 429. */
  refused: number
  /** Calls for messages that Partoo had accepted already. */
  repeated: number
  /** The longest time in which nothing was created. */
  standstillMs: number
  /** From the end of the fault until messages are created at the rate of before: the worst of all its turns; null: never. */
  recoveryMs: number | null
  /** From the end of the load until the last message was created. */
  drainMs: number
}

export type Expected = {
  /** Partoo refuses calls because somebody else makes some too. */
  refusals?: boolean
  /** Nothing to compare the rate with. */
  noRecovery?: boolean
  drainDeadlineMs?: number
}

const drainDeadlineMsDefault = 120_000
const settleDeadlineMs = 60_000
/** The simulator notes the end of an answer a moment after the client has it. */
const closeLagMs = 20

/** Ends the load, waits until all is through or cannot be, and judges all of it. */
export async function judge(world: World, expected: Expected = {}): Promise<Judgement> {
  const { witness, state, fleet } = world
  await world.stopLoad()
  const loadEndMs = performance.now()
  const { sent } = world.load
  const present = without(sent, world.takenAway)
  const messages = count(present)
  world.progress(`${messages} messages to be through`)
  const deadlineMs = expected.drainDeadlineMs ?? drainDeadlineMsDefault
  const drained = await settled(world, 'all messages created', deadlineMs, () => distinct(witness.created) >= messages)
  const drainMs = Math.max(0, witness.lastMs - loadEndMs)
  world.progress('the rest to be committed and delivered')
  if (drained)
    await settled(world, 'a lag of 0', settleDeadlineMs, async () => (await fleet.lag().catch(() => 1)) === 0)
  await settled(world, 'all webhooks delivered', settleDeadlineMs, () => state.snapshot().webhooks_pending === 0)
  await settled(world, 'an empty spool', settleDeadlineMs, async () => {
    const metrics = await world.gateway.metrics().catch(() => '')
    return /^partoo_spool_events 0$/m.test(metrics)
  })

  const { names } = fleet.topics
  const decode = decoder(world.options.registryUrl)
  const read = async (topic: string) => {
    const reads = await fleet.kafka.readAll(topic, fleet.topics.group(`judge-${Math.random()}`))
    const values: Record<string, unknown>[] = []
    for (const one of reads) values.push(await decode(one))
    return values
  }
  const receipts = await read(names.receipts)
  const replies = await read(names.replies)
  const deadLetters = await fleet.kafka.readAll(names.dlq, fleet.topics.group(`judge-${Math.random()}`))
  const idsWith = (status: string) =>
    new Set(receipts.filter((one) => one.status === status).map((one) => String(one.external_message_id)))
  const accepted = idsWith('accepted')
  const echoed = idsWith('created')
  const replied = new Set(replies.map(({ message_id }) => String(message_id)))
  const createdIds = new Set([...witness.created.values()].flat())

  const calls = state.calls().filter(({ external_conversation_id }) => external_conversation_id !== null)
  const own = calls.filter(({ external_conversation_id: id }) => present.has(id ?? '') || sent.has(id ?? ''))
  const recoveries = world.phases.map((phase, i) => world.recoveryMs(phase, world.phases[i + 1]?.startMs ?? loadEndMs))
  const deliveredEchoesLost = [...witness.deliveredEchoes].filter((id) => !echoed.has(id)).length
  const deliveredRepliesLost = [...witness.deliveredReplies].filter((id) => !replied.has(id)).length
  return {
    messages,
    webhooks: createdIds.size + world.repliesSent,
    // One in the dead letters is kept, and counted there.
    lost: Math.max(0, [...present.values()].flat().filter((id) => !createdIds.has(id)).length - deadLetters.length),
    webhooksLost: witness.webhooksLost + deliveredEchoesLost + deliveredRepliesLost,
    deadLetters: deadLetters.length,
    createdTwice: [...witness.created.values()].reduce((sum, ids) => sum + ids.length - new Set(ids).size, 0),
    outOfOrder: inverted(witness.created, sent) + early(own),
    receiptsMissing: [...createdIds].filter((id) => !accepted.has(id)).length,
    most: busiestWindow(
      own.map(({ at_ms }) => at_ms),
      60_000,
    ).most,
    limitPerMinute: world.options.limitPerMinute,
    refused: calls.filter(({ status }) => status === 429).length,
    repeated: own.filter(({ effect }) => effect === 'duplicate').length,
    standstillMs: witness.standstillMs(world.startedMs, loadEndMs),
    recoveryMs: recoveries.reduce<number | null>(
      (worst, one) => (worst === null || one === null ? null : Math.max(worst, one)),
      0,
    ),
    drainMs,
  }
}

/** What of a judgement must not be, each in a few words. */
export function faultsOf(judgement: Judgement, expected: Expected = {}): string[] {
  const { lost, webhooksLost, deadLetters, createdTwice, outOfOrder, receiptsMissing } = judgement
  const { most, limitPerMinute, refused, recoveryMs } = judgement
  const wrong: string[] = []
  const none = (found: number, what: string) => {
    if (found > 0) wrong.push(`${found} ${what}`)
  }
  none(lost, 'messages lost')
  none(webhooksLost, 'webhooks lost')
  none(deadLetters, 'messages put away that are fine')
  none(createdTwice, 'messages created twice')
  none(outOfOrder, 'messages out of order')
  none(receiptsMissing, 'receipts missing')
  if (most > limitPerMinute) wrong.push(`${most} requests in 60 s, where ${limitPerMinute} are allowed`)
  if (expected.refusals !== true) none(refused, 'calls refused with 429')
  if (expected.noRecovery !== true && recoveryMs === null) wrong.push('never at the rate of before again')
  return wrong
}

/** Reads what the services publish: JSON, or with a registry what a decoder that is not ours makes of it. */
function decoder(registryUrl: string | undefined): (read: Read) => Promise<Record<string, unknown>> {
  if (registryUrl === undefined) return async (read) => json(read)
  const registry = new confluent.SchemaRegistry({ host: registryUrl })
  return async ({ value }) => (await registry.decode(value ?? Buffer.alloc(0))) as Record<string, unknown>
}

/** Waits for a condition; what is not reached is told as wrong, not thrown: the judgement says what it came to. */
async function settled(
  world: World,
  what: string,
  deadlineMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  try {
    await until(what, async () => world.signal.aborted || (await condition()), deadlineMs)
    return true
  } catch {
    world.wrong.push(`not within ${Math.round(deadlineMs / 1_000)} s: ${what}`)
    return false
  }
}

function without(sent: Sent, ids: ReadonlySet<string>): Sent {
  if (ids.size === 0) return sent
  return new Map([...sent].map(([conversation, all]) => [conversation, all.filter((id) => !ids.has(id))]))
}

function count(sent: Sent): number {
  return [...sent.values()].reduce((sum, ids) => sum + ids.length, 0)
}

function distinct(created: ReadonlyMap<string, readonly string[]>): number {
  let sum = 0
  for (const ids of created.values()) sum += new Set(ids).size
  return sum
}

/** Messages that were created after one that was sent later in their conversation. */
function inverted(created: ReadonlyMap<string, readonly string[]>, sent: Sent): number {
  let found = 0
  for (const [conversation, ids] of created) {
    const places = new Map((sent.get(conversation) ?? []).map((id, place) => [id, place]))
    let highest = -1
    for (const id of ids) {
      const place = places.get(id) ?? -1
      if (place < highest) found += 1
      highest = Math.max(highest, place)
    }
  }
  return found
}

/** Messages that were first called before the one before them in their conversation was answered 200. */
function early(calls: readonly Call[]): number {
  const answeredMs = new Map<string, number>()
  for (const { external_message_id: id, status, ended_ms } of calls) {
    if (id === null || status !== 200 || ended_ms === null) continue
    answeredMs.set(id, Math.min(answeredMs.get(id) ?? Number.POSITIVE_INFINITY, ended_ms))
  }
  const seen = new Set<string>()
  const before = new Map<string, string>()
  let found = 0
  for (const { external_message_id: id, external_conversation_id: conversation, at_ms } of calls) {
    if (id === null || conversation === null || seen.has(id)) continue
    seen.add(id)
    const last = before.get(conversation)
    if (last !== undefined && at_ms < (answeredMs.get(last) ?? Number.POSITIVE_INFINITY) - closeLagMs) found += 1
    before.set(conversation, id)
  }
  return found
}
