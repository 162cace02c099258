// Owns the faults a person or a test has ordered, and chooses which of them befall a request. Pure: time comes in as
// `nowMs`, chance from a generator seeded per fault.

import { z } from 'zod'
import { timerMsMax } from './options.ts'
import { seededRandom } from './random.ts'

const faultsMax = 10_000

const when = z.enum(['before', 'after'])
const ms = z.number().min(0).max(timerMsMax)

const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'no value of an HTTP header')
const headers = z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'no name of an HTTP header'), headerValue)

export const faultEffectSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('answer'),
    status: z.int().min(200).max(599),
    headers: headers.optional(),
    body: z.unknown().optional(),
    content_type: headerValue.optional(),
  }),
  z.strictObject({ kind: z.literal('latency'), ms }),
  z.strictObject({ kind: z.literal('reset'), when }),
  z.strictObject({ kind: z.literal('hang'), when, ms: ms.optional() }),
  z.strictObject({ kind: z.literal('lose-creation') }),
  z.strictObject({ kind: z.literal('break-off') }),
])

export const faultSchema = z.strictObject({
  match: z
    .strictObject({
      org_id: z.int().optional(),
      channel_id: z.string().optional(),
      business_id: z.string().optional(),
      external_conversation_id: z.string().optional(),
    })
    .default({}),
  probability: z.number().min(0).max(1).optional(),
  count: z.int().min(1).optional(),
  for_ms: z.number().min(0).optional(),
  effect: faultEffectSchema,
})

export type FaultEffect = z.infer<typeof faultEffectSchema>

/**
 * An order for faults. `match`: every given id must be the request's. `probability` 0..1 (default 1), `count`: at most
 * so many requests, `for_ms`: only so long from now. Effects:
 *   answer         this answer, before the request has any effect; not counted against the rate limit
 *   latency        so many milliseconds, then the request is served (latencies add up)
 *   reset          the connection is reset (RST), before the request took effect or after it was accepted
 *   hang           no answer; after `ms` (default 10 minutes) the connection is destroyed
 *   lose-creation  answered 200, never created (ingestion only)
 *   break-off      accepted, but the answer breaks off in its body
 */
export type FaultOrder = z.input<typeof faultSchema>

export type Fault = z.infer<typeof faultSchema> & {
  id: string
  /** How many requests it has befallen. */
  applied: number
  /** On the monotonic clock; null: no end. */
  expires_ms: number | null
}

export type FaultTarget = {
  org_id: number | null
  channel_id: string | null
  business_id: string | null
  external_conversation_id: string | null
  /** Is this the ingestion of a message? Only that can lose a creation. */
  ingestion: boolean
}

/** What befalls one request: added latency, and at most one other fault. */
export type FaultChoice = { latencyMs: number; latencies: Fault[]; fault: Fault | null }

export class Faults {
  readonly #seed: number
  #numberLast = 0
  readonly #faults = new Map<string, { fault: Fault; random: () => number }>()

  constructor(seed: number) {
    this.#seed = seed
  }

  /** @returns the fault as it was taken in, or null when there are too many */
  add(order: z.output<typeof faultSchema>, nowMs: number): Fault | null {
    if (this.#faults.size >= faultsMax) this.#expire(nowMs)
    if (this.#faults.size >= faultsMax) return null
    this.#numberLast += 1
    const id = `fault-${this.#numberLast}`
    const fault: Fault = {
      ...order,
      id,
      applied: 0,
      expires_ms: order.for_ms === undefined ? null : nowMs + order.for_ms,
    }
    this.#faults.set(id, { fault, random: seededRandom(this.#seed * 7_919 + this.#numberLast) })
    return fault
  }

  /** Those that can still befall a request, in the order they were ordered. */
  list(nowMs: number): Fault[] {
    this.#expire(nowMs)
    return [...this.#faults.values()].map((entry) => entry.fault)
  }

  find(id: string, nowMs: number): Fault | null {
    this.#expire(nowMs)
    return this.#faults.get(id)?.fault ?? null
  }

  remove(id: string): boolean {
    return this.#faults.delete(id)
  }

  /** Removes all. Ids go on: one in the record of calls names the same fault for ever. */
  clear(): void {
    this.#faults.clear()
  }

  /** As new: ids, and with them what chance draws, begin again. */
  restart(): void {
    this.clear()
    this.#numberLast = 0
  }

  /** Chooses for one request: the first other fault that matches and is drawn wins, latencies add up. Uses them up. */
  choose(target: FaultTarget, nowMs: number): FaultChoice {
    const choice: FaultChoice = { latencyMs: 0, latencies: [], fault: null }
    if (this.#faults.size === 0) return choice
    this.#expire(nowMs)
    for (const { fault, random } of this.#faults.values()) {
      const { effect } = fault
      if (effect.kind !== 'latency' && choice.fault !== null) continue
      if (!matches(fault, target)) continue
      if (fault.probability !== undefined && random() >= fault.probability) continue
      fault.applied += 1
      if (effect.kind === 'latency') {
        choice.latencyMs = Math.min(timerMsMax, choice.latencyMs + effect.ms)
        choice.latencies.push(fault)
      } else {
        choice.fault = fault
      }
    }
    return choice
  }

  #expire(nowMs: number): void {
    for (const [id, { fault }] of this.#faults) {
      const usedUp = fault.count !== undefined && fault.applied >= fault.count
      const over = fault.expires_ms !== null && nowMs >= fault.expires_ms
      if (usedUp || over) this.#faults.delete(id)
    }
  }
}

function matches(fault: Fault, target: FaultTarget): boolean {
  const { match, effect } = fault
  if (effect.kind === 'lose-creation' && !target.ingestion) return false
  if (match.org_id !== undefined && match.org_id !== target.org_id) return false
  if (match.channel_id !== undefined && match.channel_id !== target.channel_id) return false
  if (match.business_id !== undefined && match.business_id !== target.business_id) return false
  return (
    match.external_conversation_id === undefined || match.external_conversation_id === target.external_conversation_id
  )
}

export type FaultBeforeEffect = Fault & {
  effect: { kind: 'answer' } | { kind: 'reset'; when: 'before' } | { kind: 'hang'; when: 'before' }
}

/** Does it end the request before the request has any effect? Such a request is not counted against the rate limit. */
export function isBeforeEffect(fault: Fault | null): fault is FaultBeforeEffect {
  if (fault === null) return false
  const { effect } = fault
  return effect.kind === 'answer' || ((effect.kind === 'reset' || effect.kind === 'hang') && effect.when === 'before')
}
