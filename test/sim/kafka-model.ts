// The broker's side of what a replica writes: dead letters and receipts that may fail (and be stored all the same), and a
// dead-letter topic that refuses what is too large.

import type { Effect, Stored } from '@bridge/ingestor/core/facts'
import { deadLetter } from '@bridge/schemas/dead-letter'
import { recordBytes } from '@bridge/schemas/record'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { fail } from './failure.ts'
import type { Mix } from './mix.ts'
import { nameOf } from './partoo-model.ts'
import type { World } from './world.ts'

export type Publish = Extract<Effect, { kind: 'publishReceipt' | 'storeDeadLetter' }>

/** What the contract's own headers may add to the original's bytes. */
const headerBytes = 600

export class KafkaModel {
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda: Agenda
  readonly #world: World
  #faultsOn = true
  /** No broker answers anything. */
  away = false
  readonly seen = { receipts: 0, duplicates: 0, deadLetters: 0, failures: 0, refusals: 0 }

  constructor(mix: Mix, chance: Chance, agenda: Agenda, world: World) {
    this.#mix = mix
    this.#chance = chance
    this.#agenda = agenda
    this.#world = world
    this.#scheduleAbsences()
  }

  /** A replica publishes; `answer` comes once. */
  publish(
    publish: Publish,
    from: { readonly isAlive: boolean; readonly isCut: boolean },
    answer: (stored: Stored) => void,
  ): void {
    const chance = this.#chance
    const totalMs = chance.latencyMs(this.#mix.profile === 'anything' && chance.happens(0.05) ? 3_000 : 60)
    const isSent = !this.away && !from.isCut
    const fails = !isSent || (this.#faultsOn && chance.happens(this.#mix.faults.publishFails))
    const arrives = !fails || (isSent && chance.happens(0.5))
    let stored: Stored = 'failed'
    this.#agenda.after(totalMs * chance.random(), () => {
      if (arrives && (from.isAlive || chance.happens(0.5))) stored = this.#store(publish)
    })
    this.#agenda.after(fails ? totalMs + chance.between(0, 4_000) : totalMs, () => {
      const heard = fails || from.isCut ? 'failed' : stored
      if (heard === 'failed') this.seen.failures += 1
      answer(heard)
    })
  }

  heal(): void {
    this.#faultsOn = false
    this.away = false
  }

  #store(publish: Publish): Stored {
    if (publish.kind === 'publishReceipt') {
      const { source, receipt } = publish
      const record = this.#world.find(source)
      if (receipt.status === 'duplicate' && this.#world.wasAccepted(record)) record.accepted = true
      if (receipt.status === 'rejected' ? !record.deadLetterStored : !record.accepted) {
        fail('L1 no loss', `the receipt of ${nameOf(record)} says ${receipt.status}, which is not so`)
      }
      record.receiptStored = true
      this.seen.receipts += 1
      if (receipt.status === 'duplicate') this.seen.duplicates += 1
      return 'stored'
    }
    const written = deadLetter('dlq', publish.record, publish.cause, publish.truncation)
    if (recordBytes(written) > this.#mix.deadLetterBytesMax + headerBytes) {
      if (publish.truncation === 'value,key,headers') throw new Error('a dead letter of nothing is too large')
      this.seen.refusals += 1
      return 'refused'
    }
    this.#world.find(publish.record).deadLetterStored = true
    this.seen.deadLetters += 1
    return 'stored'
  }

  #scheduleAbsences(): void {
    const everyMs = this.#mix.faults.kafkaAwayEveryMs
    if (everyMs === 0) return
    this.#agenda.after(this.#chance.between(0, 2 * everyMs), () => {
      if (!this.#faultsOn) return
      this.away = true
      this.#agenda.after(this.#chance.between(500, 30_000), () => {
        if (!this.#faultsOn) return
        this.away = false
        this.#scheduleAbsences()
      })
    })
  }
}
