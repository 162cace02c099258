// The table of DESIGN.md ("Answers and what they mean"), its first two columns, read backwards: given what one replica was
// told of a record, may it be put away, and may its receipt say what it says?

import type { CoreOptions } from '@bridge/ingestor/core/dispatcher'
import type { Effect } from '@bridge/ingestor/core/facts'
import type { Answer } from '@bridge/partoo/answer'
import { fail } from './failure.ts'
import { nameOf } from './partoo-model.ts'
import type { WorldRecord } from './world.ts'

/** An acceptance that this replica was told of. */
export type Acceptance = { organization: string; lane: string; channelId: string; business: string; atMs: number }

/** What one replica was told of a record, and of others. */
export type Told = {
  record: WorldRecord
  /** Calls answered otherwise than with 429, with the time. */
  answered: { answer: Answer; atMs: number }[]
  outcome: 'none' | 'accepted' | 'condemned'
  acceptances: Acceptance[]
  retry: CoreOptions['retry']
}

/** The table of answers: what may be put away, and why. */
export function judgeDeadLetter(
  { cause, record: original }: Extract<Effect, { kind: 'storeDeadLetter' }>,
  told: Told,
  replica: string,
): void {
  const { record, answered } = told
  const name = `${replica}: ${nameOf(record)}`
  if (original !== record.record) fail('L1 no loss', `the dead letter of ${name} holds another record`)
  if (record.decoded.kind === 'poison') {
    if (cause.reason !== record.decoded.reason || cause.attempts !== 0)
      fail('answers', `${name} is put away as ${cause.reason}`)
    return
  }
  if (cause.attempts !== answered.length) {
    fail('answers', `${name} is put away after ${cause.attempts} attempts, ${answered.length} were answered`)
  }
  const last = answered.at(-1)?.answer.kind
  if (cause.reason === 'rejected') {
    if (last === 'rejected') return
    if (last === 'forbidden' && mayRefuse(told)) return
  }
  if (cause.reason === 'retries-exhausted' && last === 'unavailable' && mayExhaust(told)) return
  fail(
    'answers',
    `${name} is put away as ${cause.reason} after ${answered.map(({ answer }) => answer.kind).join(', ')}`,
  )
}

/** 403 and 404: refused again after another business on the channel was accepted later than its first refusal. */
function mayRefuse({ record, answered, acceptances }: Told): boolean {
  const refusals = answered.filter(({ answer }) => answer.kind === 'forbidden')
  if (refusals.length < 2 || record.decoded.kind !== 'work') return false
  const { message, channelId } = record.decoded
  return acceptances.some(
    ({ channelId: channel, business, atMs }) =>
      channel === channelId &&
      business !== message.business_id &&
      atMs >= refusals[0]!.atMs &&
      atMs <= refusals.at(-1)!.atMs,
  )
}

/** Enough attempts that count, over enough time: one counts if another conversation succeeded since the one before. */
function mayExhaust({ record, answered, acceptances, retry }: Told): boolean {
  const { attemptsMax, ageMinMs } = retry
  if (record.decoded.kind !== 'work') return false
  const { organization } = record.decoded
  const counted = answered.filter(({ atMs }, index) => {
    const previous = answered[index - 1]
    if (previous === undefined) return true
    return acceptances.some(
      (other) =>
        other.organization === organization &&
        other.lane !== laneOf(record) &&
        other.atMs >= previous.atMs &&
        other.atMs <= atMs,
    )
  })
  // The first call's start is not seen in an answer: a call takes 30 s at most.
  return counted.length >= attemptsMax && answered.at(-1)!.atMs - answered[0]!.atMs + 30_000 >= ageMinMs
}

/** What a receipt may say. */
export function judgeReceipt(
  { receipt, source }: Extract<Effect, { kind: 'publishReceipt' }>,
  told: Told,
  replica: string,
): void {
  const { record, answered, outcome } = told
  const name = `${replica}: ${nameOf(record)}`
  const { topic, partition, offset } = record.record
  if (source !== record.record || JSON.stringify(receipt.source) !== JSON.stringify({ topic, partition, offset })) {
    fail('L1 no loss', `the receipt of ${name} names another record`)
  }
  if (receipt.status === 'duplicate') return
  if (receipt.status !== (outcome === 'accepted' ? 'accepted' : 'rejected') || outcome === 'none') {
    fail('answers', `${name} is ${outcome}, its receipt says ${receipt.status}`)
  }
  if (receipt.attempts !== answered.length) {
    fail('answers', `the receipt of ${name} says ${receipt.attempts} attempts, ${answered.length} were answered`)
  }
  const { decoded } = record
  const ids = decoded.kind === 'work' ? decoded.message : decoded.kind === 'poison' ? decoded.ids : null
  if (
    receipt.external_message_id !== ids?.external_message_id ||
    receipt.external_conversation_id !== ids?.external_conversation_id ||
    receipt.business_id !== ids?.business_id
  ) {
    fail('answers', `the receipt of ${name} has the ids of another`)
  }
}

export function laneOf({ record, decoded }: WorldRecord): string {
  if (decoded.kind !== 'work') return ''
  const { topic, partition } = record
  return JSON.stringify([topic, partition, decoded.channelId, decoded.message.external_conversation_id])
}
