// Owns what happened at Partoo while faults came and went, noted as the simulator tells it: what was created when and in which
// order, which webhooks arrived, how long nothing was created.

import type { PartooState } from '@bridge/partoo-simulator/simulator'

/** A fault's time, on the monotonic clock. */
export type Phase = { what: string; startMs: number; endMs: number }

/** What counts as having recovered: so much of the rate of before, over so long; and from then on no longer less than half of it. */
const recoveredShare = 0.8
const fallenShare = 0.5
const recoveredOverMs = 2_000
/** The rate of before is that of so long before. */
const rateBeforeMs = 5_000

export class Witness {
  /** External ids of a conversation, in the order in which they were created, repeats included. */
  readonly created = new Map<string, string[]>()
  /** Ids of messages whose webhook was answered 200: those written in Partoo, and the external ids of the others. */
  readonly deliveredReplies = new Set<string>()
  readonly deliveredEchoes = new Set<string>()
  /** Webhooks that Partoo has given up. */
  webhooksLost = 0
  readonly #createdAtMs: number[] = []
  readonly #externalIds = new Map<number, string | null>()
  readonly #isOurs: (conversation: string) => boolean
  readonly #forget: () => void

  /** @param isOurs whether a conversation is one of those that are judged */
  constructor(state: PartooState, isOurs: (conversation: string) => boolean) {
    this.#isOurs = isOurs
    this.#forget = state.subscribe((event) => {
      if (event.type === 'created') {
        const { external_conversation_id: conversation, external_message_id: id } = event.message
        this.#externalIds.set(event.message.id, id)
        if (conversation === null || id === null || !this.#isOurs(conversation)) return
        this.#createdAtMs.push(performance.now())
        const ids = this.created.get(conversation)
        if (ids === undefined) this.created.set(conversation, [id])
        else ids.push(id)
      }
      if (event.type === 'webhook-attempt') {
        const { outcome, message_id: messageId } = event.attempt
        if (outcome === 'lost') this.webhooksLost += 1
        if (outcome !== 'delivered' || messageId === null) return
        const externalId = this.#externalIds.get(messageId) ?? null
        if (externalId === null) this.deliveredReplies.add(String(messageId))
        else this.deliveredEchoes.add(externalId)
      }
    })
  }

  /** How many messages were created. */
  get count(): number {
    return this.#createdAtMs.length
  }

  /** When the last one was created, on the monotonic clock; -Infinity: none was. */
  get lastMs(): number {
    return this.#createdAtMs.at(-1) ?? Number.NEGATIVE_INFINITY
  }

  /** How many were created between two times. */
  between(fromMs: number, toMs: number): number {
    return lowerBound(this.#createdAtMs, toMs) - lowerBound(this.#createdAtMs, fromMs)
  }

  /**
   * How long after the end of a fault messages were created again at the rate of before, in milliseconds; null: never.
   * 0 where the rate never fell.
   *
   * @param mostPerMs the rate of before counts no higher than this
   * @param untilMs when the next fault began, or the load ended; undefined: not yet
   */
  recoveryMs({ startMs, endMs }: Phase, mostPerMs: number, untilMs?: number): number | null {
    const before = Math.min(mostPerMs, this.between(startMs - rateBeforeMs, startMs) / rateBeforeMs)
    const expected = before * recoveredOverMs
    const overMs = untilMs ?? Number.POSITIVE_INFINITY
    const from = lowerBound(this.#createdAtMs, endMs)
    const at = [endMs, ...this.#createdAtMs.slice(from, lowerBound(this.#createdAtMs, overMs))]
    const rate = (ms: number) => this.between(ms, ms + recoveredOverMs)
    let recovered = at.findIndex((ms) => rate(ms) >= expected * recoveredShare)
    if (recovered < 0) return null
    // A fault may strike a while after it came: a fall later on counts, as far as it was seen to its end.
    const seenMs = Math.min(overMs, this.lastMs)
    const seen = at.findLastIndex((ms) => ms + recoveredOverMs <= seenMs)
    const fallen = at.findLastIndex((ms, i) => i <= seen && rate(ms) < expected * fallenShare)
    if (fallen > recovered) {
      const again = at.findIndex((ms, i) => i > fallen && rate(ms) >= expected * recoveredShare)
      recovered = again < 0 ? fallen + 1 : again
    }
    return (at[recovered] ?? endMs) - endMs
  }

  /** The longest time between two creations that ended within the given time, in milliseconds. */
  standstillMs(fromMs: number, toMs: number): number {
    const first = Math.max(1, lowerBound(this.#createdAtMs, fromMs))
    let longest = 0
    for (let i = first; (this.#createdAtMs[i] ?? toMs) < toMs; i += 1) {
      longest = Math.max(longest, (this.#createdAtMs[i] ?? 0) - (this.#createdAtMs[i - 1] ?? 0))
    }
    return longest
  }

  close(): void {
    this.#forget()
  }
}

/** The first place whose time is not before the given one. */
function lowerBound(times: readonly number[], ms: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) < ms) low = middle + 1
    else high = middle
  }
  return low
}
