// What the ingestor is measured against: the loop that a user would write by hand. kafkajs's `eachMessage`, all partitions at
// once, one call a message over connections that stay open, and the same message again until it is accepted. It has no order
// but the partition's, no rate limit, no receipts, no dead letters, and logs nothing but failures.
//
// Variables: BROKERS, GROUP, TOPIC, PARTITIONS, BASE_URL.

import { setTimeout as pause } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { Pool } from 'undici'

const { BROKERS = '', GROUP = '', TOPIC = '', PARTITIONS = '1', BASE_URL = '' } = process.env

const base = new URL(BASE_URL)
const pool = new Pool(base.origin, { connections: 64 })
const kafka = new Kafka({ clientId: 'plain-loop', brokers: BROKERS.split(','), logLevel: logLevel.ERROR })
const consumer = kafka.consumer({ groupId: GROUP })

async function send(value: Buffer): Promise<void> {
  const { channel_id = 'chat', ...message } = JSON.parse(value.toString())
  for (;;) {
    const { statusCode, headers, body } = await pool.request({
      method: 'POST',
      path: `${base.pathname}/custom-channels/${channel_id}/messages`,
      headers: { 'x-APIKey': 'key', 'content-type': 'application/json' },
      body: JSON.stringify(message),
    })
    await body.text()
    if (statusCode === 200) return
    console.error(`${message.external_message_id}: ${statusCode}`)
    await pause(Number(headers['retry-after'] ?? 1) * 1_000)
  }
}

process.on('SIGTERM', async () => {
  await consumer.disconnect()
  process.exit(0)
})
await consumer.connect()
await consumer.subscribe({ topic: TOPIC, fromBeginning: true })
await consumer.run({
  partitionsConsumedConcurrently: Number(PARTITIONS),
  eachMessage: async ({ message }) => {
    if (message.value !== null) await send(message.value)
  },
})
