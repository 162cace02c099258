// Real: three brokers on Java with their replication, two replicas of the ingestor, HTTP.
// Doubled: Partoo, by the simulator; its record is the oracle.
// Failure: a message lost, created twice, accepted out of the order of its conversation, without a receipt; a lag that stays;
// a standstill. Leaders that move mid-fetch bring batches of an earlier join late, which must not count: one broker cannot
// show that.

import { KafkaCluster } from '@bridge/local-kafka/kafka-cluster'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { Load } from '../support/load.ts'
import { expectAllThrough } from '../support/oracle.ts'
import { until } from '../support/wait.ts'

let cluster: KafkaCluster

beforeAll(async () => {
  const started = await KafkaCluster.start('kafka-cluster')
  if (started.kind === 'unavailable') throw new Error(started.why)
  cluster = started.cluster
})

afterAll(() => cluster?.stop())

/** Two replicas under load. `data`: the topics that they read and write. */
async function start(assignment: 'single' | 'spread'): Promise<{ fleet: Fleet; load: Load; data: string[] }> {
  // Stale batches need many partitions, whose batches queue, many records under way, and arrivals in bursts: without the
  // consumer's pause and its check of the offset, dozens of them get through here.
  const env = { PARTOO_MAX_IN_FLIGHT: '256', INGESTOR_ASSIGNMENT: assignment }
  const fleet = await Fleet.start({ brokers: cluster.brokers, partitions: 48, env })
  onTestFinished(() => fleet.close())
  fleet.simulator.state.addFault({ match: {}, effect: { kind: 'latency', ms: 300 } })
  await fleet.addReady(2)
  const load = new Load({
    brokers: cluster.brokers,
    topic: fleet.outbound,
    conversations: 60,
    perSecond: 200,
    waveMs: 200,
  })
  onTestFinished(async () => void (await load.stop().catch(() => {})))
  await moreCreated(fleet, 200)
  const { receipts, dlq } = fleet.topics.names
  return { fleet, load, data: [fleet.outbound, receipts, dlq] }
}

async function moreCreated(fleet: Fleet, count: number): Promise<void> {
  const goal = fleet.created + count
  await until(`${count} more messages created`, () => fleet.created >= goal, 40_000)
}

test('leaders are moved again and again, the group’s coordinator too', async () => {
  const { fleet, load, data } = await start('single')
  for (let move = 1; move <= 9; move += 1) {
    await cluster.moveLeaders(move % 3 === 0 ? [...data, '__consumer_offsets'] : data)
    await moreCreated(fleet, 100)
  }
  console.log('leaders moved 9 times:', await expectAllThrough(fleet, await load.stop(), 60_000))
})

test('leaders are moved while replicas join and leave', async () => {
  const { fleet, load, data } = await start('spread')
  for (let turn = 1; turn <= 4; turn += 1) {
    const moving = cluster.moveLeaders(data)
    const leaving = fleet.replicas[0]?.end('SIGTERM')
    await (await fleet.add()).ready()
    expect(await leaving).toBe(0)
    await moving
    await moreCreated(fleet, 100)
  }
  console.log('moved and restarted 4 times:', await expectAllThrough(fleet, await load.stop(), 60_000))
})

test('brokers are rolled one after the other, and one is killed', async () => {
  const { fleet, load } = await start('single')
  await cluster.roll()
  await moreCreated(fleet, 100)
  const killed = cluster.ids[Math.floor(Math.random() * cluster.ids.length)] ?? 1
  await cluster.end(killed, 'SIGKILL')
  await moreCreated(fleet, 100)
  await cluster.begin(killed)
  await moreCreated(fleet, 100)
  console.log('rolled, and one killed:', await expectAllThrough(fleet, await load.stop(), 60_000))
})
