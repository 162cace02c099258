// Real: the organization with its limiter and queues. Doubled: time, as an argument. Failure: a lane out of its turn, or
// before its time.

import { expect, test } from 'vitest'
import { Lane } from './lane.ts'
import { Organization } from './organization.ts'

const unlimited = () => new Organization('org', { limitPerMinute: 0, burst: 1 })
const lane = (name: string, organization = unlimited()) => new Lane(name, organization, 'channel', name)

test('lanes take turns in the order they became ready', () => {
  const organization = unlimited()
  const [a, b] = [lane('a'), lane('b')]
  organization.ready(a)
  organization.ready(b)
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: a })
  organization.ready(a)
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: b })
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: a })
  expect(organization.next(0)).toEqual({ kind: 'wait', untilMs: Number.POSITIVE_INFINITY })
})

test('a lane that backs off delays nobody', () => {
  const organization = unlimited()
  const [a, b] = [lane('a'), lane('b')]
  organization.backOff(a, 1_000)
  organization.ready(b)
  expect(organization.next(0)).toEqual({ kind: 'lane', lane: b })
  expect(organization.next(999)).toEqual({ kind: 'wait', untilMs: 1_000 })
  expect(organization.next(1_000)).toEqual({ kind: 'lane', lane: a })
})

test('a pause holds everybody; a shorter one does not end it', () => {
  const organization = unlimited()
  organization.ready(lane('a'))
  organization.pause(60_000)
  organization.pause(5_000)
  expect(organization.next(59_999)).toEqual({ kind: 'wait', untilMs: 60_000 })
  expect(organization.next(60_000).kind).toBe('lane')
})

test('the limit says when the next turn is', () => {
  const organization = new Organization('org', { limitPerMinute: 300, burst: 1 })
  organization.ready(lane('a'))
  organization.ready(lane('b'))
  expect(organization.next(0).kind).toBe('lane')
  organization.limiter.started(0)
  expect(organization.next(0)).toEqual({ kind: 'wait', untilMs: 200 })
})

test('another business is one that was accepted on the same channel since', () => {
  const organization = unlimited()
  organization.accepted('channel', 'ours', 20)
  expect(organization.otherAcceptedSince('channel', 'ours', 10)).toBe(false)
  organization.accepted('channel', 'other', 30)
  organization.accepted('channel', 'ours', 40)
  expect(organization.otherAcceptedSince('channel', 'ours', 10)).toBe(true)
  expect(organization.otherAcceptedSince('channel', 'ours', 30)).toBe(false)
  expect(organization.otherAcceptedSince('elsewhere', 'ours', 10)).toBe(false)
})
