// What one replica knows of ids: which messages it was told to be accepted, under which (channel, external_message_id). A
// repetition that it can know costs no call; another message under a known id is called, and its receipt says so.

import type { ReceiptDraft } from '@bridge/ingestor/core/facts'
import { fail } from './failure.ts'
import { nameOf } from './partoo-model.ts'
import type { World, WorldRecord } from './world.ts'

/** `digests` of what was accepted under an id, with the last time: a count of what was accepted or told a duplicate. */
type Known = { digests: Set<string>; records: Set<WorldRecord>; last: number }

export class IdWatch {
  readonly #name: string
  readonly #world: World
  /** So many of the last acceptances are remembered surely: half of the bound. */
  readonly #sure: number
  readonly #known = new Map<string, Known>()
  readonly #reused = new Map<WorldRecord, 'yes' | 'no' | 'maybe'>()
  readonly #repeated = new Set<WorldRecord>()
  #count = 0

  constructor(name: string, world: World, rememberedIdsMax: number) {
    this.#name = name
    this.#world = world
    this.#sure = rememberedIdsMax / 2
  }

  /** Law L5: a message that is known to be accepted, in another record, is not called. */
  judgeCall(record: WorldRecord): void {
    const known = this.#known.get(idOf(record))
    if (known === undefined || !this.#isSure(known) || known.records.has(record)) return
    if (known.digests.size === 1 && known.digests.has(digestOf(record)))
      fail('L5 idempotence', `${this.#name}: ${nameOf(record)} is called, though the same message was accepted before`)
  }

  accepted(record: WorldRecord): void {
    const id = idOf(record)
    const known = this.#known.get(id) ?? { digests: new Set(), records: new Set(), last: 0 }
    const hasOther = [...known.digests].some((digest) => digest !== digestOf(record))
    const isSure = this.#isSure(known) && !known.digests.has(digestOf(record))
    this.#reused.set(record, hasOther ? (isSure ? 'yes' : 'maybe') : 'no')
    this.#count += 1
    known.digests.add(digestOf(record))
    known.records.add(record)
    known.last = this.#count
    this.#known.set(id, known)
  }

  /** A receipt says that a message is a repetition, or that its id was used before: only where it is so. */
  judgeReceipt({ status, reason, attempts }: ReceiptDraft, record: WorldRecord, answered: number): void {
    const name = `${this.#name}: ${nameOf(record)}`
    if (status === 'duplicate') {
      if (!this.#world.wasAccepted(record)) fail('answers', `${name} is told a duplicate, which it is not`)
      if (attempts !== answered) fail('answers', `${name} is told a duplicate after ${attempts} attempts`)
      // What is seen again counts as seen lately; a receipt that is published again does not.
      if (!this.#repeated.has(record)) {
        this.#repeated.add(record)
        this.#count += 1
        const known = this.#known.get(idOf(record))
        if (known !== undefined) known.last = this.#count
      }
    }
    if (status === 'rejected') return
    const reused = status === 'accepted' ? (this.#reused.get(record) ?? 'maybe') : 'no'
    const isTold = reason === 'id-reused'
    if (reason !== null && !isTold) fail('answers', `${name} is ${status}, the reason of its receipt is ${reason}`)
    if (reused !== 'maybe' && isTold !== (reused === 'yes'))
      fail('answers', `${name}: its id was reused: ${reused}; its receipt says ${reason}`)
  }

  #isSure({ last }: Known): boolean {
    return last > 0 && this.#count - last < this.#sure
  }
}

function idOf({ decoded }: WorldRecord): string {
  return decoded.kind === 'work' ? `${decoded.channelId}/${decoded.message.external_message_id}` : ''
}

function digestOf({ decoded }: WorldRecord): string {
  return decoded.kind === 'work' ? decoded.digest : ''
}
