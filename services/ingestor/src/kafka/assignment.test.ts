// Real: the decision of who reads what. Doubled: the group, as members that join, leave, hang and come back.
// Failure: a partition with two owners or none, one owned by a member that does not read its topic, more moves than needed, a
// present owner that is replaced, a zombie that wins, an answer that hangs on the order of the members.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PartitionName } from '../core/facts.ts'
import { type Assignment, assign as assignAt, type Member, type Mode, shareOf } from './assignment.ts'

/** Long ago, where a test does not say: then epochs count 1, 2, 3. */
function assign(members: Member[], names: PartitionName[], timeS = 1): Assignment {
  return assignAt(members, names, timeS)
}

function partitions(topic: string, count: number): PartitionName[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

function member(id: string, mode: Mode = 'single', more: Partial<Member> = {}): Member {
  return { id, topics: ['normal'], wish: { mode, settings: 'x' }, claim: undefined, ...more }
}

/** The members as they join the next time, after they got this. */
function after(assignment: Assignment, members: Member[]): Member[] {
  return members.map((one) => ({
    ...one,
    claim: { decision: assignment.decision, owned: assignment.owned.get(one.id) ?? [] },
  }))
}

function counts(assignment: Assignment): Record<string, number> {
  return Object.fromEntries([...assignment.owned].map(([id, owned]) => [id, owned.length]))
}

const normal = partitions('normal', 6)

test('single: all to one, the others stand by', () => {
  const { decision, owned } = assign([member('b'), member('a')], normal)
  expect(owned.get('a')).toEqual(normal)
  expect(owned.get('b')).toEqual([])
  expect(decision).toEqual({ epoch: 1, mode: 'single', settings: 'x', owner: 'a', partitions: 6 })
})

test('single: the owner stays when others join and leave, and nothing is decided anew', () => {
  const first = assign([member('m')], normal)
  const [m] = after(first, [member('m')]) as [Member]
  for (const others of [[], [member('a'), member('z')], [member('a')]]) {
    const next = assign([m, ...others], normal)
    expect(next.owned.get('m')).toEqual(normal)
    expect(next.decision).toEqual(first.decision)
  }
})

test('single: after the owner, one that stood by and is configured alike', () => {
  const members = [member('a'), member('b'), member('c', 'single', { wish: { mode: 'single', settings: 'y' } })]
  const [, b, c] = after(assign(members, normal), members) as [Member, Member, Member]
  const fresh = member('0')
  const next = assign([c, b, fresh], normal)
  expect(next.decision).toMatchObject({ epoch: 2, owner: 'b' })
})

test('single: a zombie with an older epoch does not win', () => {
  const both = [member('a'), member('b')]
  const [a, b] = after(assign(both, normal), both) as [Member, Member]
  const second = assign([b], normal)
  const [owner] = after(second, [b]) as [Member]
  const third = assign([a, owner], normal)
  expect(third.decision).toEqual(second.decision)
  expect(third.owned.get('b')).toEqual(normal)
  // Nor when the owner has left: one that stood by is there.
  const [, standby] = after(second, [b, member('c')]) as [Member, Member]
  expect(assign([a, standby], normal).decision.owner).toBe('c')
})

test('single: a zombie does not win from a group that began anew without it', () => {
  const [zombie] = after(assign([member('a')], normal, 1_000), [member('a')]) as [Member]
  const second = assign([member('b')], normal, 1_060)
  const [owner] = after(second, [member('b')]) as [Member]
  expect(second.decision.epoch).toBe(1_060)
  expect(assign([zombie, owner], normal, 1_120).decision).toEqual(second.decision)
})

test('single: an owner stays that missed what was decided about it last, as the others know', () => {
  const members = [member('a'), member('b')]
  const [a, b] = after(assign(members, normal), members) as [Member, Member]
  const grown = partitions('normal', 8)
  const next = assign([a, b], grown)
  const [, informed] = after(next, [a, b]) as [Member, Member]
  expect(assign([a, informed], grown).decision.owner).toBe('a')
})

test('single: while a topic is added replica by replica, one member still owns all', () => {
  const all = [...normal, ...partitions('bulk', 2)]
  const [a] = after(assign([member('a')], normal), [member('a')]) as [Member]
  const both = member('b', 'single', { topics: ['bulk', 'normal'] })
  const { owned, decision } = assign([a, both], all)
  expect(owned.get('b')).toHaveLength(8)
  expect(decision.owner).toBe('b')
})

test('single: where none can read all, each topic has one owner and the shares add up to 1', () => {
  const members = [member('a'), member('b', 'single', { topics: ['bulk'] })]
  const { owned, decision } = assign(members, [...normal, ...partitions('bulk', 2)])
  expect(counts({ owned, decision })).toEqual({ a: 6, b: 2 })
  expect(shareOf(6, decision.partitions) + shareOf(2, decision.partitions)).toBe(1)
})

test('spread: balanced over all topics together, with as few moves as possible', () => {
  const both = (id: string) => member(id, 'spread', { topics: ['normal', 'bulk'] })
  const all = [...normal, ...partitions('bulk', 2)]
  const first = assign([both('a'), both('b')], all)
  expect(counts(first)).toEqual({ a: 4, b: 4 })
  const [a, b] = after(first, [both('a'), both('b')]) as [Member, Member]
  const second = assign([a, b, both('c')], all)
  expect(Object.values(counts(second)).sort()).toEqual([2, 3, 3])
  expect(moves(first, second)).toBe(2)
  const left = after(second, [a, b, both('c')]).slice(1)
  const third = assign(left, all)
  expect(counts(third)).toEqual({ b: 4, c: 4 })
  expect(moves(second, third)).toBe(second.owned.get('a')?.length)
})

test('spread: where a direct move would not help, others make room', () => {
  const a = member('a', 'spread', { topics: ['normal'] })
  const b = member('b', 'spread', { topics: ['normal', 'bulk'] })
  const c = member('c', 'spread', { topics: ['bulk'] })
  const held = after(assign([a, b], [...normal, ...partitions('bulk', 6)]), [a, b])
  expect(counts(assign([...held, c], [...normal, ...partitions('bulk', 6)]))).toEqual({ a: 4, b: 4, c: 4 })
})

test('the mode that all want; while they differ, what was', () => {
  expect(assign([member('a', 'spread')], normal).decision.mode).toBe('spread')
  expect(assign([member('a', 'spread'), member('b', 'single')], normal).decision.mode).toBe('single')
  const members = [member('a', 'spread'), member('b', 'spread')]
  const first = assign(members, normal)
  const [a, b] = after(first, members) as [Member, Member]
  const mixed = assign([a, b, member('c', 'single')], normal)
  expect(mixed.decision.mode).toBe('spread')
  expect(assign([{ ...a, wish: { mode: 'single', settings: 'x' } }], normal).decision.mode).toBe('single')
})

test('spread: differing settings leave those in force, as long as anyone has them', () => {
  const wanting = (id: string, settings: string) => member(id, 'spread', { wish: { mode: 'spread', settings } })
  const members = [wanting('a', 'old'), wanting('b', 'old')]
  const [a] = after(assign(members, normal), members) as [Member]
  expect(assign([a, wanting('b', 'new'), wanting('c', 'new')], normal).decision.settings).toBe('old')
  expect(assign([wanting('b', 'new'), wanting('c', 'new')], normal).decision.settings).toBe('new')
})

test('a member that tells nothing that can be read gets its part all the same', () => {
  const silent = member('silent', 'spread', { wish: undefined })
  expect(counts(assign([member('a', 'spread'), silent], normal))).toEqual({ a: 3, silent: 3 })
  expect(assign([silent], normal).decision).toMatchObject({ mode: 'single', settings: '', owner: 'silent' })
})

// ── Any group, through any changes ───────────────────────────────────────────────────────────────────────────────────

type Step =
  | { kind: 'join'; id: number; topics: string[]; mode: Mode }
  | { kind: 'leave' | 'hang' | 'return' | 'miss'; id: number }
  | { kind: 'grow'; topic: string }

const ids = fc.integer({ min: 0, max: 6 })
const mode = fc.constantFrom<Mode>('single', 'spread')
const topics = fc.subarray(['bulk', 'normal'], { minLength: 0 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('join' as const), id: ids, topics, mode }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('leave', 'hang', 'return', 'miss'), id: ids }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const), topic: fc.constantFrom('bulk', 'normal') }) },
)

test('any sequence of joins, leaves, hangs and missed answers', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), mode, (steps, isMixed, common) => {
      const present = new Map<number, Member>()
      const hanging = new Map<number, Member>()
      const sizes: Record<string, number> = { normal: 5, bulk: 2 }
      for (const [timeS, one] of steps.map((one, i) => [i + 1, one] as const)) {
        let missing = -1
        if (one.kind === 'grow') sizes[one.topic] = (sizes[one.topic] ?? 0) + 1
        else if (one.kind === 'join') {
          const { topics } = isMixed ? one : { topics: ['normal', 'bulk'] }
          if (!present.has(one.id) && !hanging.has(one.id))
            present.set(one.id, member(`m${one.id}`, isMixed ? one.mode : common, { topics }))
        } else if (one.kind === 'miss') missing = one.id
        else move(one, present, hanging)
        const members = [...present.values()]
        if (members.length === 0) continue
        const names = Object.entries(sizes).flatMap(([topic, size]) => partitions(topic, size))
        const assignment = assign(members, names, timeS)
        check(members, names, assignment, timeS)
        for (const [id, one] of present) if (id !== missing) present.set(id, after(assignment, [one])[0] as Member)
      }
    }),
    { numRuns: 400 },
  )
})

function move({ kind, id }: { kind: string; id: number }, present: Map<number, Member>, hanging: Map<number, Member>) {
  const from = kind === 'return' ? hanging : present
  const one = from.get(id)
  if (one === undefined) return
  from.delete(id)
  if (kind === 'hang') hanging.set(id, one)
  if (kind === 'return') present.set(id, one)
}

function check(members: Member[], names: PartitionName[], assignment: Assignment, timeS: number): void {
  const { decision, owned } = assignment
  // Each partition that anyone can read has one owner, who can read it.
  const owners = new Map<string, string>()
  for (const { id, topics } of members) {
    for (const { topic, partition } of owned.get(id) ?? []) {
      expect(owners.has(`${topic}/${partition}`)).toBe(false)
      expect(topics).toContain(topic)
      owners.set(`${topic}/${partition}`, id)
    }
  }
  const readable = names.filter(({ topic }) => members.some(({ topics }) => topics.includes(topic)))
  expect(owners.size).toBe(readable.length)
  expect(owned.size).toBe(members.length)
  expect(decision.partitions).toBe(readable.length)
  const shares = [...owned.values()].reduce((sum, { length }) => sum + shareOf(length, decision.partitions), 0)
  expect(shares).toBeCloseTo(readable.length === 0 ? 0 : 1)
  // The order of members and partitions does not matter.
  expect(assign(members.toReversed(), names.toReversed(), timeS)).toEqual(assignment)
  // Asked again with what came of it, nothing changes.
  const again = assign(after(assignment, members), names, timeS + 1)
  expect(again.decision).toEqual(decision)
  for (const [id, has] of again.owned) expect(new Set(has)).toEqual(new Set(owned.get(id)))
  const epochMax = Math.max(0, ...members.map(({ claim }) => claim?.decision.epoch ?? 0))
  expect([epochMax, Math.max(epochMax + 1, timeS)]).toContain(decision.epoch)
  const alike = members.every(({ topics }) => topics.length === 2)
  if (decision.mode === 'spread') checkBalance(members, owned, alike)
  if (decision.mode === 'spread' && alike) checkFewMoves(members, names, owned)
  const before = members.find(({ claim }) => claim?.decision.epoch === epochMax)?.claim?.decision
  if (decision.mode === 'single' && alike && members.some(({ id }) => id === before?.owner)) {
    expect(decision.owner).toBe(before?.owner)
  }
}

function checkBalance(members: Member[], owned: Assignment['owned'], alike: boolean): void {
  for (const from of members) {
    for (const to of members) {
      const [has, had] = [owned.get(from.id) ?? [], owned.get(to.id) ?? []]
      if (alike || has.some(({ topic }) => to.topics.includes(topic))) {
        expect(has.length - had.length).toBeLessThanOrEqual(1)
      }
    }
  }
}

/** As many leave a claimant as it has too many, and no more; of several claimants the one with the highest epoch counts. */
function checkFewMoves(members: Member[], names: PartitionName[], owned: Assignment['owned']): void {
  const claimants = names.map(({ topic, partition }) => {
    const claims = members.filter(({ claim }) =>
      claim?.owned.some((name) => name.topic === topic && name.partition === partition),
    )
    return claims.toSorted((a, b) => (b.claim?.decision.epoch ?? 0) - (a.claim?.decision.epoch ?? 0))[0]
  })
  const claimed = members.map((one) => claimants.filter((claimant) => claimant === one).length).sort((a, b) => b - a)
  const least = Math.floor(names.length / members.length)
  const withOneMore = names.length % members.length
  const needed = claimed.reduce((sum, has, i) => sum + Math.max(0, has - least - (i < withOneMore ? 1 : 0)), 0)
  const moved = names.filter(({ topic, partition }, i) => {
    const claimant = claimants[i]
    if (claimant === undefined) return false
    return !owned.get(claimant.id)?.some((name) => name.topic === topic && name.partition === partition)
  })
  expect(moved.length).toBe(needed)
}

function moves(before: Assignment, now: Assignment): number {
  const ownerOf = ({ owned }: Assignment, name: PartitionName) =>
    [...owned].find(([, has]) => has.some((one) => one.topic === name.topic && one.partition === name.partition))?.[0]
  return [...before.owned.values()].flat().filter((name) => ownerOf(before, name) !== ownerOf(now, name)).length
}
