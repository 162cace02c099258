// Real: the faults. Doubled: time, which is a literal. Failure: a fault befalls a request that it does not match, too
// often or too long, or chance is not the same for the same seed.

import { expect, test } from 'vitest'
import { type FaultOrder, Faults, type FaultTarget, faultSchema } from './faults.ts'

const target: FaultTarget = {
  org_id: 1,
  channel_id: 'ch',
  business_id: 'b',
  external_conversation_id: 'c',
  ingestion: true,
}

function faultsOf(orders: FaultOrder[], seed = 1): Faults {
  const faults = new Faults(seed)
  for (const order of orders) faults.add(faultSchema.parse(order), 0)
  return faults
}

const reset = { kind: 'reset', when: 'before' } as const

test('a fault befalls only requests that match every given id', () => {
  for (const [field, wrong] of Object.entries({
    org_id: 2,
    channel_id: 'other',
    business_id: 'other',
    external_conversation_id: 'other',
  })) {
    const faults = faultsOf([{ match: { [field]: target[field as 'org_id'] }, effect: reset }])
    expect(faults.choose(target, 0).fault).not.toBeNull()
    expect(faults.choose({ ...target, [field]: wrong }, 0).fault).toBeNull()
    expect(faults.choose({ ...target, [field]: null }, 0).fault).toBeNull()
  }
  const both = faultsOf([{ match: { org_id: 1, channel_id: 'other' }, effect: reset }])
  expect(both.choose(target, 0).fault).toBeNull()
})

test('a count is used up exactly, and a request that does not match uses nothing', () => {
  const faults = faultsOf([{ match: { channel_id: 'ch' }, count: 2, effect: reset }])
  const fault = (one: FaultTarget) => faults.choose(one, 0).fault?.id ?? null
  expect([target, { ...target, channel_id: 'x' }, target, target].map(fault)).toEqual([
    'fault-1',
    null,
    'fault-1',
    null,
  ])
  expect(faults.list(0)).toEqual([])
})

test('for_ms ends it, to the millisecond', () => {
  const faults = faultsOf([{ for_ms: 100, effect: reset }])
  expect(faults.choose(target, 99.9).fault).not.toBeNull()
  expect(faults.choose(target, 100).fault).toBeNull()
  expect(faults.find('fault-1', 100)).toBeNull()
})

test('probability is drawn from the seed: the same faults for the same seed, others for another, about as many as asked', () => {
  const draw = (seed: number) => {
    const faults = faultsOf([{ probability: 0.3, effect: reset }], seed)
    return Array.from({ length: 1_000 }, () => (faults.choose(target, 0).fault === null ? 0 : 1) as number)
  }
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  const befallen = draw(7).reduce((sum, each) => sum + each, 0)
  expect(befallen).toBeGreaterThan(240)
  expect(befallen).toBeLessThan(360)
  const never = faultsOf([{ probability: 0, effect: reset }])
  expect(never.choose(target, 0).fault).toBeNull()
})

test('latencies add up and go together with one other fault, the first that was ordered', () => {
  const faults = faultsOf([
    { effect: { kind: 'latency', ms: 10 } },
    { effect: { kind: 'answer', status: 503 } },
    { effect: reset },
    { effect: { kind: 'latency', ms: 5 } },
  ])
  const choice = faults.choose(target, 0)
  expect(choice.latencyMs).toBe(15)
  expect(choice.latencies.map((each) => each.id)).toEqual(['fault-1', 'fault-4'])
  expect(choice.fault?.id).toBe('fault-2')
  expect(faults.list(0).map((each) => each.applied)).toEqual([1, 1, 0, 1])
})

test('a lost creation befalls ingestions only', () => {
  const faults = faultsOf([{ effect: { kind: 'lose-creation' } }])
  expect(faults.choose({ ...target, ingestion: false }, 0).fault).toBeNull()
  expect(faults.choose(target, 0).fault).not.toBeNull()
})

test('an id names one fault only, also after all were removed', () => {
  const faults = faultsOf([{ effect: reset }])
  faults.clear()
  expect(faults.add(faultSchema.parse({ effect: reset }), 0)?.id).toBe('fault-2')
  faults.restart()
  expect(faults.add(faultSchema.parse({ effect: reset }), 0)?.id).toBe('fault-1')
})

test('there is a bound, and what has ended makes room', () => {
  const faults = new Faults(1)
  const order = faultSchema.parse({ for_ms: 10, effect: reset })
  for (let n = 0; n < 10_000; n += 1) expect(faults.add(order, 0)).not.toBeNull()
  expect(faults.add(order, 9)).toBeNull()
  expect(faults.add(order, 10)).not.toBeNull()
})

test('orders that cannot work are not well-formed', () => {
  const wrong: unknown[] = [
    {},
    { effect: { kind: 'explode' } },
    { effect: { kind: 'answer' } },
    { effect: { kind: 'answer', status: 99 } },
    { effect: { kind: 'answer', status: 600 } },
    { effect: { kind: 'answer', status: 503, headers: { 'not a name': 'x' } } },
    { effect: { kind: 'answer', status: 503, headers: { 'X-Fine': 'two\nlines' } } },
    { effect: { kind: 'answer', status: 503, content_type: 'two\nlines' } },
    { effect: { kind: 'reset' } },
    { effect: { kind: 'latency', ms: -1 } },
    { effect: { kind: 'latency', ms: 2 ** 31 } },
    { effect: reset, probability: 1.1 },
    { effect: reset, count: 0 },
    { effect: reset, match: { organisation: 1 } },
    { effect: reset, extra: true },
  ]
  for (const order of wrong) expect(faultSchema.safeParse(order).success, JSON.stringify(order)).toBe(false)
})
