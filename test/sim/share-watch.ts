// Law L3 for the calls in flight of one replica: no organization has more than three quarters of them where there are
// several, and conversations whose last call timed out have at most a quarter of what their organization may have.

import { laneOf } from './answer-table.ts'
import { fail } from './failure.ts'
import type { Mix } from './mix.ts'
import { nameOf } from './partoo-model.ts'
import type { WorldRecord } from './world.ts'

export class ShareWatch {
  readonly #name: string
  readonly #organizationMax: number
  readonly #slowMax: number
  readonly #inFlight = new Map<string, number>()
  readonly #slowInFlight = new Map<string, number>()
  /** Lanes whose head timed out when it was called last. */
  readonly #slow = new Set<string>()
  readonly #calledSlow = new Set<WorldRecord>()

  constructor(name: string, { core, organizations }: Mix) {
    this.#name = name
    const isShared = organizations.length > 1
    this.#organizationMax = Math.max(1, isShared ? Math.floor(core.inFlightMax * 0.75) : core.inFlightMax)
    this.#slowMax = Math.max(1, Math.floor(this.#organizationMax / 4))
  }

  inFlightOf(organization: string): number {
    return this.#inFlight.get(organization) ?? 0
  }

  isFull(organization: string): boolean {
    return this.inFlightOf(organization) >= this.#organizationMax
  }

  started(record: WorldRecord, organization: string): void {
    const calls = add(this.#inFlight, organization, 1)
    if (calls > this.#organizationMax)
      fail('L3 isolation', `${this.#name}: ${nameOf(record)} is call ${calls} of ${organization} in flight`)
    if (!this.#slow.has(laneOf(record))) return
    this.#calledSlow.add(record)
    const slow = add(this.#slowInFlight, organization, 1)
    if (slow > this.#slowMax)
      fail('L3 isolation', `${this.#name}: ${nameOf(record)} is call ${slow} of a slow conversation in flight`)
  }

  ended(record: WorldRecord, organization: string, timedOut: boolean): void {
    add(this.#inFlight, organization, -1)
    if (this.#calledSlow.delete(record)) add(this.#slowInFlight, organization, -1)
    if (timedOut) this.#slow.add(laneOf(record))
    else this.#slow.delete(laneOf(record))
  }

  /** A message has its outcome, or is begun anew: what is known of its conversation may be forgotten. */
  forget(record: WorldRecord): void {
    this.#slow.delete(laneOf(record))
  }
}

function add(counts: Map<string, number>, name: string, by: number): number {
  const count = (counts.get(name) ?? 0) + by
  counts.set(name, count)
  return count
}
