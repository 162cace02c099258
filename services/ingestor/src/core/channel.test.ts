// Real: one channel and its suspensions. Doubled: the organization, as a list of what began and ended. Failure: a message put
// away for a fault that is not its own, or a channel that is held for a fault of one message or business.

import { expect, test } from 'vitest'
import { answers, laneWith, organizationWith } from '../../../../test/support/core-examples.ts'
import { Channel, refusedHeads, refuses } from './channel.ts'
import { Suspension, type SuspensionOf } from './suspension.ts'

const minuteMs = 60_000

function world() {
  const told: string[] = []
  const say =
    (verb: string) =>
    ({ of }: Suspension) => {
      told.push(`${verb} ${of.scope}${of.businessId === null ? '' : ` ${of.businessId}`}: ${of.cause}`)
    }
  const channel = new Channel('channel', 'org', { begin: say('begin'), end: say('end') })
  /** Rejects as many messages, of so many conversations in turns; answers the last verdict. */
  const reject = (count: number, conversations: number, nowMs = 0) => {
    let verdict: string | undefined
    for (let i = 0; i < count; i += 1) verdict = channel.rejected(`c${i % conversations}`, 'A', 400, nowMs)
    return verdict
  }
  return { channel, reject, told }
}

test('a rejected message is put away; the 20th in a row, over 5 conversations, is kept and suspends the channel', () => {
  const { channel, reject, told } = world()
  expect(reject(19, 5)).toBe('putAway')
  expect([told, channel.suspensionOf('A')]).toEqual([[], undefined])
  expect(reject(1, 5)).toBe('keep')
  expect(told).toEqual(['begin channel: rejected'])
  expect(channel.suspensionOf('any')?.of).toMatchObject({ scope: 'channel', channelId: 'channel', status: 400 })
})

test('20 of 4 conversations are their own fault', () => {
  const { reject, told } = world()
  expect(reject(100, 4)).toBe('putAway')
  expect(told).toEqual([])
})

test('one acceptance between, and it begins anew', () => {
  const { channel, reject, told } = world()
  reject(19, 5)
  channel.accepted('A', 0)
  expect(reject(19, 5)).toBe('putAway')
  expect(told).toEqual([])
})

test('while suspended they are kept; the 20th more, after 15 min, is put away with all that was refused', () => {
  const { reject } = world()
  reject(20, 5)
  expect(reject(30, 5, 15 * minuteMs - 1)).toBe('keep')
  expect(reject(1, 5, 15 * minuteMs)).toBe('release')
})

test('fewer than 20 more are kept, however long it takes; after each release it is 20 more over 15 min again', () => {
  const { reject } = world()
  reject(20, 5)
  expect(reject(19, 5, 60 * minuteMs)).toBe('keep')
  expect(reject(1, 5, 60 * minuteMs)).toBe('release')
  expect(reject(25, 5, 75 * minuteMs - 1)).toBe('keep')
  expect(reject(1, 5, 75 * minuteMs)).toBe('release')
})

test('an acceptance ends the suspension of the channel', () => {
  const { channel, reject, told } = world()
  reject(20, 5)
  channel.accepted('A', 1_000)
  expect([told, channel.suspensionOf('A')]).toEqual([['begin channel: rejected', 'end channel: rejected'], undefined])
  expect(reject(1, 5, 2_000)).toBe('putAway')
})

test('403 suspends that business on that channel, and nobody else; its acceptance ends it', () => {
  const { channel, told } = world()
  channel.forbidden('c1', 'A', 403, 0)
  channel.forbidden('c2', 'A', 403, 0)
  channel.forbidden('c3', 'A', 403, 0)
  expect([channel.suspensionOf('A')?.of.scope, channel.suspensionOf('B')]).toEqual(['business', undefined])
  channel.accepted('A', 1_000)
  expect(told).toEqual(['begin business A: forbidden', 'end business A: forbidden'])
})

test('another answer than 403 ends it too: 400 blames the message', () => {
  const { channel } = world()
  channel.forbidden('c1', 'A', 403, 0)
  expect(channel.rejected('c2', 'A', 400, 0)).toBe('putAway')
  expect(channel.suspensionOf('A')).toBeUndefined()
})

test('3 conversations of 2 businesses suspend the channel, which its businesses then wait for', () => {
  const { channel, told } = world()
  channel.forbidden('c1', 'A', 403, 0)
  channel.forbidden('c2', 'B', 403, 0)
  expect(channel.suspensionOf('C')).toBeUndefined()
  channel.forbidden('c3', 'A', 403, 0)
  expect(told.slice(2)).toEqual(['end business A: forbidden', 'end business B: forbidden', 'begin channel: forbidden'])
  expect(channel.suspensionOf('C')?.of.scope).toBe('channel')
})

test('with an acceptance between, 3 conversations of 2 businesses are faults of their businesses', () => {
  const { channel } = world()
  channel.forbidden('c1', 'A', 403, 0)
  channel.forbidden('c2', 'B', 403, 0)
  channel.accepted('C', 0)
  channel.forbidden('c3', 'A', 403, 0)
  expect(['A', 'B', 'C'].map((business) => channel.suspensionOf(business)?.of.scope)).toEqual([
    'business',
    'business',
    undefined,
  ])
})

test('another business is one that was accepted later than the first refusal', () => {
  const { channel } = world()
  channel.accepted('ours', 20)
  expect(channel.otherAcceptedSince('ours', 10)).toBe(false)
  channel.accepted('other', 30)
  channel.accepted('ours', 40)
  channel.accepted('ours', 50)
  expect(channel.otherAcceptedSince('ours', 29)).toBe(true)
  expect(channel.otherAcceptedSince('ours', 30)).toBe(false)
})

test('what an answer says about a suspension: again, otherwise, or nothing', () => {
  const suspended = (cause: SuspensionOf['cause']) =>
    new Suspension(
      { scope: 'channel', organization: 'org', channelId: 'channel', businessId: null, cause, status: 400 },
      0,
    )
  const said = (cause: SuspensionOf['cause']) =>
    Object.values(answers).map((answer) => refuses(suspended(cause), answer))
  //                              accepted, rejected, forbidden, misdirected, limited, unavailable, timeout
  expect(said('rejected')).toEqual([false, true, false, false, null, null, null])
  expect(said('forbidden')).toEqual([false, false, true, false, null, null, null])
  expect(said('misdirected')).toEqual([false, false, false, true, null, null, null])
  expect(said('unavailable')).toEqual([false, false, false, false, null, true, true])
})

test('refused heads are those that wait, refused in this suspension and not in one before', () => {
  const organization = organizationWith()
  const of = { scope: 'channel', organization: 'org', channelId: 'channel', businessId: null, status: 400 } as const
  const [before, now] = [
    new Suspension({ ...of, cause: 'rejected' }, 0),
    new Suspension({ ...of, cause: 'rejected' }, 9),
  ]
  before.hasEnded = true
  const refusedIn = (conversation: string, during: Suspension | undefined) => {
    const lane = laneWith(organization, { conversation })
    const endedAt = '2026-01-01T00:00:00.000Z'
    if (during !== undefined) lane.head.stage.refusal = { answer: answers.rejected, endedAt, during }
    return lane
  }
  const [waiting, calling, fresh] = [
    refusedIn('waiting', now),
    refusedIn('calling', now),
    refusedIn('fresh', undefined),
  ]
  const earlier = refusedIn('earlier', before)
  for (const lane of [waiting, fresh, earlier]) now.parked.park(lane, 'business', true)
  calling.state = { kind: 'calling', probes: [now] }
  expect(refusedHeads([waiting, calling, fresh, earlier])).toEqual([waiting.head])
})
