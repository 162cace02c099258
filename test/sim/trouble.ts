// What is wrong with Partoo, or on the way to it, and since when: phases that begin and end by chance, one mean time each.

import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import type { Mix } from './mix.ts'
import type { WorldRecord } from './world.ts'

/** What a call is of: all that trouble may depend on. */
export type CallOf = { organization: string; channelId: string; business: string; conversation: string }

export class Trouble {
  readonly #mix: Mix
  readonly #chance: Chance
  readonly #agenda: Agenda
  readonly #unauthorized = new Set<string>()
  readonly #out = new Set<string>()
  readonly #storms = new Set<string>()
  readonly #proxied = new Set<string>()
  /** Channels, and businesses on channels. */
  readonly #forbidden = new Set<string>()
  readonly #hanging = new Set<string>()
  isOn = true

  constructor(mix: Mix, chance: Chance, agenda: Agenda) {
    this.#mix = mix
    this.#chance = chance
    this.#agenda = agenda
    this.#schedule()
  }

  /** From now on everything works. */
  end(): void {
    this.isOn = false
    for (const all of [this.#unauthorized, this.#out, this.#storms, this.#proxied, this.#forbidden, this.#hanging])
      all.clear()
  }

  hangs({ conversation }: CallOf): boolean {
    return this.#hanging.has(conversation) || (this.isOn && this.#chance.happens(this.#mix.faults.hang))
  }

  isReset(): boolean {
    return this.isOn && this.#chance.happens(this.#mix.faults.reset)
  }

  /** Whether Partoo answers 429 without regard to the limit. */
  isStorm({ organization }: CallOf): boolean {
    return this.#storms.has(organization)
  }

  isUnauthorized({ organization }: CallOf): boolean {
    return this.#unauthorized.has(organization)
  }

  isProxied({ channelId }: CallOf): boolean {
    return this.#proxied.has(channelId)
  }

  isForbidden({ channelId, business }: CallOf): boolean {
    return this.#forbidden.has(channelId) || this.#forbidden.has(`${channelId}/${business}`)
  }

  /** Whether a call fails before anything happened. */
  fails({ organization }: CallOf): boolean {
    return this.#out.has(organization) || (this.isOn && this.#chance.happens(this.#mix.faults.serverError))
  }

  /** Whether a call fails after everything happened. */
  failsLate(): boolean {
    return this.isOn && this.#chance.happens(this.#mix.faults.serverError / 4)
  }

  #schedule(): void {
    const { faults, organizations, conversations } = this.#mix
    const chance = this.#chance
    const names = organizations.map(({ name }) => name)
    for (const { name, channels } of organizations) {
      this.#phases(faults.unauthorizedEveryMs, this.#unauthorized, () => [name])
      this.#phases(faults.stormEveryMs, this.#storms, () => [name])
      for (const { id } of channels) {
        this.#phases(faults.proxyEveryMs, this.#proxied, () => [id])
        this.#phases(faults.forbiddenEveryMs, this.#forbidden, () => [id])
      }
      for (const { id, businesses } of channels.slice(0, faults.forbiddenBusinesses)) {
        const business = `${id}/business-${chance.int(0, businesses - 1)}`
        this.#forbidden.add(business)
        if (chance.happens(0.5))
          this.#agenda.after(chance.between(1_000, 200_000), () => this.#forbidden.delete(business))
      }
    }
    this.#phases(faults.outageEveryMs, this.#out, () => (chance.happens(0.5) ? names : [chance.pick(names)]))
    this.#phases(faults.hangingEveryMs, this.#hanging, () =>
      Array.from({ length: chance.int(1, 5) }, () => `conversation-${chance.int(0, conversations - 1)}`),
    )
  }

  /** Something comes over some names now and then, for a while: mostly short, sometimes for minutes. */
  #phases(everyMs: number, afflicted: Set<string>, draw: () => string[]): void {
    if (everyMs === 0) return
    this.#agenda.after(this.#chance.between(0, 2 * everyMs), () => {
      if (!this.isOn) return
      const names = draw()
      for (const name of names) afflicted.add(name)
      this.#agenda.after(this.#chance.between(1_000, this.#chance.happens(0.2) ? 400_000 : 40_000), () => {
        for (const name of names) afflicted.delete(name)
        if (this.isOn) this.#phases(everyMs, afflicted, draw)
      })
    })
  }
}

/** @param record of work */
export function callOf({ decoded }: WorldRecord): CallOf {
  if (decoded.kind !== 'work') throw new Error(`a ${decoded.kind} is not called`)
  const { organization, channelId, message } = decoded
  return { organization, channelId, business: message.business_id, conversation: message.external_conversation_id }
}
