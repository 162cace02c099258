// Real: Kafka with a million records, the ingestor as a process of its own, its memory as the system tells it, HTTP.
// Doubled: Partoo, by the simulator.
// Failure: memory that grows with what waits; membership lost while it waits; a limit not used or not kept; a conversation
// that fails for good and stops its partition too early, or without a metric that says so, or for longer than it fails.

import { readFileSync } from 'node:fs'
import kafkajs from 'kafkajs'
import { afterEach, expect, inject, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { messageValue } from '../support/load.ts'
import { expectLimitKept } from '../support/oracle.ts'
import type { ServiceProcess } from '../support/service.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
let fleet: Fleet | undefined

afterEach(async () => {
  await fleet?.close()
  fleet = undefined
})

/** Produces records by batches; `valueOf` makes the value of the n-th, `keyOf` its key. */
async function produceMany(topic: string, count: number, conversationOf: (n: number) => string): Promise<void> {
  const kafka = new kafkajs.Kafka({
    clientId: 'backlog',
    brokers: brokers.split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    for (let from = 0; from < count; from += 3_000) {
      const size = Math.min(3_000, count - from)
      const messages = Array.from({ length: size }, (_, i) => {
        const conversation = conversationOf(from + i)
        return { key: conversation, value: messageValue(conversation, `${conversation}/${from + i}`) }
      })
      await producer.send({ topic, messages })
    }
  } finally {
    await producer.disconnect()
  }
}

/** Resident memory of a process in MB, now and at its highest; the highest is 0 where the system does not tell it. */
async function memoryMb(replica: ServiceProcess): Promise<{ residentMb: number; highestMb: number }> {
  if (process.platform === 'linux') {
    const status = readFileSync(`/proc/${replica.pid}/status`, 'utf8')
    const read = (name: string) =>
      Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1_024)
    return { residentMb: read('VmRSS'), highestMb: read('VmHWM') }
  }
  const bytes = /^process_resident_memory_bytes (\S+)/m.exec(await replica.metrics())?.[1]
  return { residentMb: Math.round(Number(bytes) / 1_048_576), highestMb: 0 }
}

test('a million records wait for 300 calls a minute: at most 250 MB, and never out of the group', async () => {
  const limitPerMinute = 300
  fleet = await Fleet.start({ brokers, limitPerMinute })
  const { simulator, outbound } = fleet
  await produceMany(outbound, 1_000_000, (n) => `conversation-${n % 2_000}`)
  const replica = await fleet.add()
  await replica.ready()
  let held = -1
  let heldSinceMs = 0
  const filledAt = await until('as many records held as may be', async () => {
    const now = (await fleet?.gauge(replica, 'partoo_admitted_records')) ?? 0
    // Calls let a few go and others come in.
    if (now > held + 100) {
      held = now
      heldSinceMs = performance.now()
    }
    return held > 10_000 && performance.now() - heldSinceMs > 2_000 && { held, ...(await memoryMb(replica)) }
  })
  const logged = replica.output.length
  const endMs = performance.now() + 65_000
  let residentMbMax = 0
  await until(
    '65 s gone by',
    async () => {
      residentMbMax = Math.max(residentMbMax, (await memoryMb(replica)).residentMb)
      return performance.now() > endMs
    },
    90_000,
  )
  const { highestMb } = await memoryMb(replica)
  const { most } = simulator.state.mostInWindow(60_000)
  console.log('a million records wait:', { filledAt, residentMbMax, highestMb, most })
  expect(residentMbMax).toBeLessThanOrEqual(250)
  expectLimitKept(fleet, limitPerMinute)
  expect(most).toBeGreaterThanOrEqual(limitPerMinute * 0.97)
  // No join since, and what it commits is taken: it is a member still.
  const unwanted = replica.output.slice(logged).match(/"(partitions assigned|not reading|commit failed)"/g)
  expect(unwanted).toBeNull()
  expect(await fleet.gauge(replica, 'partoo_rebalances_total')).toBe(1)
  const lag = await until('commits', async () => {
    const now = await fleet?.kafka.lag(outbound, fleet.group)
    return now !== undefined && now < 1_000_000 - 200 && now
  })
  expect(lag).toBeGreaterThan(1_000_000 - 800)
})

test('a conversation fails for good: 20,000 records of its partition get past it, then it waits, and metrics tell', async () => {
  fleet = await Fleet.start({ brokers, env: { PARTOO_MAX_IN_FLIGHT: '256', LOG_LEVEL: 'warn' } })
  const { simulator, kafka, topics, group } = fleet
  const topic = `${topics.prefix}one-partition`
  await kafka.createTopic(topic)
  // One in a hundred is of the conversation that fails.
  const records = 60_000
  await produceMany(topic, records, (n) => (n % 100 === 50 ? 'stuck' : `conversation-${n % 500}`))
  const match = { external_conversation_id: 'stuck' }
  const fault = simulator.state.addFault({ match, effect: { kind: 'answer', status: 503 } })
  const replica = await fleet.add({ OUTBOUND_TOPIC: topic })
  await replica.ready()
  let created = -1
  let createdSinceMs = 0
  const past = await until(
    'a standstill',
    () => {
      const now = fleet?.created ?? 0
      if (now > created) {
        created = now
        createdSinceMs = performance.now()
      }
      return created > 0 && performance.now() - createdSinceMs > 4_000 && created
    },
    90_000,
  )
  const stuckSeconds = await fleet.gauge(replica, 'partoo_partition_stuck_seconds', 'cause="backoff"')
  const memory = await memoryMb(replica)
  console.log('a conversation fails for good:', { past, stuckSeconds, ...memory })
  expect(past).toBeGreaterThanOrEqual(20_000)
  expect(past).toBeLessThan(records * 0.99)
  expect(stuckSeconds).toBeGreaterThan(10)
  expect(await fleet.gauge(replica, 'partoo_partition_paused')).toBe(1)
  expect(await kafka.lag(topic, group)).toBe(records - 50)

  // A restart knows what is settled past it, and calls nothing of that again.
  expect(await replica.end('SIGTERM')).toBe(0)
  const again = await fleet.add({ OUTBOUND_TOPIC: topic })
  await again.ready()
  simulator.state.removeFault(fault.id)
  await until('all created', () => (fleet?.created ?? 0) === records, 90_000)
  await until('a lag of 0', async () => (await kafka.lag(topic, group)) === 0)
  expect(simulator.state.calls({ effect: 'duplicate' })).toHaveLength(0)
  const order = simulator.state.calls({ ...match, effect: 'accepted' }).map((call) => call.external_message_id)
  expect(order).toEqual(Array.from({ length: records / 100 }, (_, i) => `stuck/${i * 100 + 50}`))
})
