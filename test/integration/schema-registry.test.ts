// Real: Kafka, the ingestor as a process of its own, HTTP. Doubled: Partoo, by the simulator; the schema registry, by a server that
// answers as Confluent's does and can fail. Failure: a record that is put away or overtaken in its partition while the registry does
// not answer, another partition that waits too, an end that is held up, a message created twice or never.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFrame } from '@bridge/schemas/wire-format'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
let fleet: Fleet
let registry: Server
let isAway = true
let asked: string[] = []

beforeEach(async () => {
  isAway = true
  asked = []
  registry = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    if (isAway) response.writeHead(503).end()
    else if (path === '/schemas/ids/7') response.end('{"schemaType":"JSON","schema":"{}"}')
    else response.writeHead(404).end('{"error_code":40403,"message":"Schema not found"}')
  })
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', () => resolve()))
  const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
  fleet = await Fleet.start({ brokers, partitions: 2, env: { SCHEMA_REGISTRY_URL: url } })
})

afterEach(async () => {
  await fleet.close()
  registry.closeAllConnections()
  await new Promise((resolve) => registry.close(resolve))
})

function message(id: string): Buffer {
  const text = { business_id: '42', external_conversation_id: 'c', external_message_id: id, content: 'planted' }
  return Buffer.from(JSON.stringify({ ...text, sender_type: 'User' }))
}

function accepted(): string[] {
  return fleet.simulator.state
    .calls({ effect: 'accepted' })
    .map(({ external_message_id }) => String(external_message_id))
}

test('a registry that is away holds up its partitions, in order, over a restart too, and nothing else', async () => {
  const first = await fleet.add()
  await first.ready()
  await fleet.kafka.produce(fleet.outbound, [
    { partition: 0, value: writeFrame(7, message('framed')) },
    { partition: 0, value: message('behind') },
    { partition: 0, value: writeFrame(8, message('unknown')) },
    { partition: 1, value: message('other') },
  ])
  await until('the other partition', () => accepted().includes('other'))
  await until('the registry asked again', () => asked.length > 2)
  const { status, text } = await first.readiness()
  expect(status).toBe(200)
  expect(text).toContain(`the schema registry is away (HTTP 503): ${fleet.outbound}/0 wait for a schema`)
  const labels = `topic="${fleet.outbound}",partition="0"`
  expect(await fleet.gauge(first, 'partoo_registry_waiting', labels)).toBe(3)
  expect(await first.metrics()).toContain(`partoo_partition_stuck_seconds{${labels},cause="schema-registry"}`)
  expect(first.log.filter(({ msg }) => String(msg).startsWith('schema registry away'))).toHaveLength(1)

  const beforeMs = performance.now()
  expect(await first.end()).toBe(0)
  expect(performance.now() - beforeMs).toBeLessThan(8_000)
  expect(accepted()).toEqual(['other'])

  const second = await fleet.add()
  await second.ready()
  isAway = false
  await until('all settled', async () => (await fleet.lag()) === 0)
  expect(accepted()).toEqual(['other', 'framed', 'behind'])
  const letters = await fleet.kafka.readAll(fleet.topics.names.dlq, fleet.topics.group('reader-dlq'))
  expect(letters.map(({ headers }) => [headers['partoo-dlq-reason'], headers['partoo-dlq-detail']])).toEqual([
    ['undecodable', 'the schema registry does not know its schema id 8'],
  ])
  expect(letters[0]?.value).toEqual(writeFrame(8, message('unknown')))
})
