// Real: Kafka, three replicas of the ingestor as processes of their own, signals, HTTP.
// Doubled: Partoo, by the simulator; its record is the oracle.
// Failure: a message lost, created twice, accepted out of the order of its conversation, without a receipt; a lag that stays;
// a call repeated without need; partitions that nobody serves for longer than a takeover may take; a replica that calls after
// its partitions went to another.

import { afterEach, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import { type Attempt, Fleet } from '../support/fleet.ts'
import { KafkaProxy } from '../support/kafka-proxy.ts'
import { Load, waitingMessages } from '../support/load.ts'
import { expectAllThrough } from '../support/oracle.ts'
import type { ServiceProcess } from '../support/service.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const afterSigtermMsMax = 3_000
const afterSigkillMsMax = 12_000
let fleet: Fleet
let load: Load | undefined

beforeEach(async () => {
  fleet = await Fleet.start({ brokers })
})

afterEach(async () => {
  await load?.stop().catch(() => {})
  load = undefined
  await fleet.close()
})

/** Steady messages of 60 conversations. */
function startLoad(perSecond: number): Load {
  load = new Load({ brokers, topic: fleet.outbound, conversations: 60, perSecond })
  return load
}

function latency(ms: number): void {
  fleet.simulator.state.addFault({ match: {}, effect: { kind: 'latency', ms } })
}

async function moreCreated(count: number, deadlineMs = 20_000): Promise<void> {
  const goal = fleet.created + count
  await until(`${count} more messages created`, () => fleet.created >= goal, deadlineMs)
}

/** All calls that a replica told of. */
function callsBegun(replica: ServiceProcess): Attempt[] {
  return fleet.attempts(replica, { wallMs: 0, monotonicMs: 0, logged: new Map() })
}

test('rolling restarts under load, twice around: no call is repeated, stand-bys take over at once', async () => {
  latency(50)
  await fleet.addReady(3)
  const running = startLoad(300)
  await moreCreated(100)
  const takeoversMs: number[] = []
  for (let restart = 0; restart < 6; restart += 1) {
    const owner = await fleet.owner()
    const next = fleet.replicas[0]
    if (next === undefined) throw new Error('no replica is left')
    const mark = fleet.mark()
    next.signal('SIGTERM')
    if (next === owner) takeoversMs.push(await fleet.takeover(next, mark, afterSigtermMsMax + 2_000))
    expect(await next.exit()).toBe(0)
    await (await fleet.add()).ready()
    await moreCreated(100)
  }
  const through = await expectAllThrough(fleet, await running.stop(), 30_000)
  console.log('rolling restarts:', { ...through, takeoversMs })
  expect(takeoversMs.length).toBeGreaterThan(0)
  expect(Math.max(...takeoversMs)).toBeLessThan(afterSigtermMsMax)
  expect(through).toMatchObject({ repeatedCalls: 0, repeatedReceipts: 0 })
})

test('the owner is killed with SIGKILL: a stand-by takes over, and repeats no more than was under way', async () => {
  latency(50)
  await fleet.addReady(3)
  const running = startLoad(300)
  await moreCreated(300)
  const owner = await fleet.owner()
  const mark = fleet.mark()
  owner.signal('SIGKILL')
  const takeoverMs = await fleet.takeover(owner, mark, afterSigkillMsMax + 5_000)
  const through = await expectAllThrough(fleet, await running.stop(), 30_000)
  console.log('SIGKILL:', { ...through, takeoverMs })
  expect(takeoverMs).toBeLessThan(afterSigkillMsMax)
  // In flight, and answered in the last 250 ms.
  expect(through.repeatedCalls).toBeLessThanOrEqual(64 + 300 / 4)
})

test('the owner is stopped beyond its session and goes on: it has lost its partitions, and calls no more', async () => {
  latency(200)
  await fleet.addReady(2)
  const running = startLoad(150)
  await moreCreated(300)
  const owner = await fleet.owner()
  const stopped = fleet.mark()
  owner.signal('SIGSTOP')
  const stoppedAtMs = running.elapsedMs
  await until('10 s gone by', () => running.elapsedMs - stoppedAtMs > 10_000)
  const takeoverMs = await fleet.takeover(owner, stopped, 7_000)
  const continued = fleet.mark()
  owner.signal('SIGCONT')
  await owner.ready()
  await moreCreated(300)
  expect(await fleet.owner()).not.toBe(owner)
  const through = await expectAllThrough(fleet, await running.stop(), 30_000)
  console.log('SIGSTOP:', { ...through, takeoverMs })
  expect(takeoverMs).toBeLessThan(afterSigkillMsMax)
  expect(callsBegun(owner).filter(({ startMs }) => startMs > continued.wallMs)).toEqual([])
})

test('the owner is stopped for less than its session and goes on: it is still the owner', async () => {
  latency(200)
  await fleet.addReady(2)
  const running = startLoad(150)
  await moreCreated(300)
  const owner = await fleet.owner()
  owner.signal('SIGSTOP')
  const stoppedAtMs = running.elapsedMs
  await until('3 s gone by', () => running.elapsedMs - stoppedAtMs > 3_000)
  owner.signal('SIGCONT')
  await moreCreated(300)
  expect(await fleet.owner()).toBe(owner)
  const through = await expectAllThrough(fleet, await running.stop(), 30_000)
  expect(through).toMatchObject({ repeatedCalls: 0, repeatedReceipts: 0 })
})

test('the owner is cut off from Kafka, but not from Partoo: it calls no more before another one begins', async ({
  skip,
}) => {
  if (!KafkaProxy.isPossible(brokers)) skip('the broker is on another machine')
  latency(50)
  const proxy = await KafkaProxy.start(brokers)
  onTestFinished(() => proxy.close())
  const owner = await fleet.add({ KAFKA_BROKERS: proxy.address })
  await owner.ready()
  await fleet.addReady(1)
  // More than the owner gets through before it falls silent: 64 calls at once, half a second each.
  const { records, sent } = waitingMessages(2_000, 60)
  latency(450)
  await fleet.kafka.produce(fleet.outbound, records)
  await moreCreated(300)
  expect(await fleet.owner()).toBe(owner)
  const frozen = fleet.mark()
  await proxy.set('frozen')
  const takeoverMs = await fleet.takeover(owner, frozen, afterSigkillMsMax + 5_000)
  const took = frozen.wallMs + takeoverMs
  await proxy.set('open')
  const through = await expectAllThrough(fleet, sent, 90_000)
  const last = Math.max(
    ...callsBegun(owner)
      .filter(({ startMs }) => startMs < took)
      .map(({ startMs }) => startMs),
  )
  console.log('cut off:', { ...through, takeoverMs, silentMs: Math.round(took - last) })
  expect(callsBegun(owner).filter(({ startMs }) => startMs >= took)).toEqual([])
  expect(last - frozen.wallMs).toBeLessThan(4_500)
  expect(took - last).toBeGreaterThan(500)
})

test('SIGTERM of the owner while calls take 2 s: they end with it, and none is repeated', async () => {
  latency(2_000)
  await fleet.addReady(2)
  const running = startLoad(25)
  const owner = await fleet.owner()
  await until('calls under way', async () => (await fleet.gauge(owner, 'partoo_in_flight')) > 20)
  const mark = fleet.mark()
  owner.signal('SIGTERM')
  const takeoverMs = await fleet.takeover(owner, mark, 10_000)
  expect(await owner.exit()).toBe(0)
  await moreCreated(50)
  const through = await expectAllThrough(fleet, await running.stop(), 30_000)
  console.log('SIGTERM mid-call:', { ...through, takeoverMs })
  expect(through).toMatchObject({ repeatedCalls: 0, repeatedReceipts: 0 })
  expect(takeoverMs).toBeLessThan(2_000 + afterSigtermMsMax)
})

test('spread: all partitions are revoked while calls take 2 s, and half of them come back', async () => {
  latency(2_000)
  const first = await fleet.add({ INGESTOR_ASSIGNMENT: 'spread' })
  await first.ready()
  const running = startLoad(25)
  await until('calls under way', async () => (await fleet.gauge(first, 'partoo_in_flight')) > 20)
  const second = await fleet.add({ INGESTOR_ASSIGNMENT: 'spread' })
  await until('half of the partitions each', async () =>
    [...(await fleet.owned()).values()].every((owned) => owned === 3),
  )
  await moreCreated(50)
  await until('calls under way', async () => (await fleet.gauge(second, 'partoo_in_flight')) > 10)
  second.signal('SIGTERM')
  expect(await second.exit()).toBe(0)
  await moreCreated(50)
  const through = await expectAllThrough(fleet, await running.stop(), 30_000)
  console.log('spread:', through)
  // Those under way in the partitions that went to the second.
  expect(through.repeatedCalls).toBeLessThanOrEqual(64)
})
