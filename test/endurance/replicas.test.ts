// Real: Kafka, three replicas of the ingestor as processes of their own, killed and replaced; HTTP.
// Doubled: Partoo, by the simulator; its record is the oracle: with a limit it counts in sliding windows.
// Failure: a message lost, created twice, accepted out of the order of its conversation, without a receipt; a lag that stays;
// any 60 seconds with more calls than the limit; a 429; partitions that nobody serves for longer than a takeover may take.

import { afterEach, expect, inject, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { Load, waitingMessages } from '../support/load.ts'
import { expectAllThrough, expectLimitKept } from '../support/oracle.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const afterSigtermMsMax = 3_000
const afterSigkillMsMax = 12_000
let fleet: Fleet | undefined
let load: Load | undefined

afterEach(async () => {
  await load?.stop().catch(() => {})
  load = undefined
  await fleet?.close()
  fleet = undefined
})

test('one of three replicas is killed every 20 s and replaced, under 300 messages a second', async () => {
  fleet = await Fleet.start({ brokers })
  const { simulator } = fleet
  simulator.state.addFault({ match: {}, effect: { kind: 'latency', ms: 50 } })
  simulator.state.addFault({ match: {}, probability: 0.02, effect: { kind: 'answer', status: 503 } })
  await fleet.addReady(3)
  load = new Load({ brokers, topic: fleet.outbound, conversations: 60, perSecond: 300 })
  const kills: { owner: boolean; takeoverMs: number }[] = []
  for (let kill = 1; kill <= 3; kill += 1) {
    await until('20 s since the last one', () => load !== undefined && load.elapsedMs > kill * 20_000)
    const owner = await fleet.owner()
    // The first one is the owner, so that at least one is.
    const victim = kill === 1 ? owner : fleet.replicas[Math.floor(Math.random() * fleet.replicas.length)]
    if (victim === undefined) throw new Error('no replica is left')
    const mark = fleet.mark()
    victim.signal('SIGKILL')
    await victim.exit()
    await fleet.add()
    // Where a stand-by was killed the owner goes on as if nothing had been.
    const takeoverMs = await fleet.takeover(victim, mark, afterSigkillMsMax + 5_000)
    kills.push({ owner: victim === owner, takeoverMs })
  }
  const through = await expectAllThrough(fleet, await load.stop(), 60_000)
  console.log('a replica killed every 20 s:', { ...through, kills })
  for (const { owner, takeoverMs } of kills) expect(takeoverMs).toBeLessThan(owner ? afterSigkillMsMax : 1_000)
})

test('with a limit: rolling restart and a SIGKILL, and no 60 s see more calls than the limit', async () => {
  const limitPerMinute = 1_200
  const burst = 20
  const burstMs = burst / (limitPerMinute / 60_000)
  fleet = await Fleet.start({ brokers, limitPerMinute, env: { PARTOO_BURST: String(burst) } })
  fleet.simulator.state.addFault({ match: {}, effect: { kind: 'latency', ms: 50 } })
  const { records, sent } = waitingMessages(1_600, 60)
  await fleet.kafka.produce(fleet.outbound, records)
  const startedMs = performance.now()
  await fleet.addReady(3)
  const takeovers: { signal: string; ms: number }[] = []
  // The first takeover comes when the window is full: whoever forgets what was sent before cannot but exceed the limit.
  for (const [signal, atCreated] of [
    ['SIGTERM', 1_180],
    ['SIGTERM', 1_280],
    ['SIGTERM', 1_380],
    ['SIGKILL', 1_480],
  ] as const) {
    await until(`${atCreated} messages created`, () => (fleet?.created ?? 0) >= atCreated, 90_000)
    const owner = await fleet.owner()
    const mark = fleet.mark()
    owner.signal(signal)
    const ms = await fleet.takeover(owner, mark, afterSigkillMsMax + burstMs + 5_000)
    takeovers.push({ signal, ms })
    await owner.exit()
    await (await fleet.add()).ready()
  }
  const through = await expectAllThrough(fleet, sent, 120_000)
  const tookMs = Math.round(performance.now() - startedMs)
  const { most } = fleet.simulator.state.mostInWindow(60_000)
  console.log('with a limit:', { ...through, takeovers, tookMs, limitPerMinute, most })
  expectLimitKept(fleet, limitPerMinute)
  for (const { signal, ms } of takeovers) {
    expect(ms).toBeLessThan((signal === 'SIGTERM' ? afterSigtermMsMax : afterSigkillMsMax) + burstMs)
  }
})
