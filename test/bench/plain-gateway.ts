// What the webhook gateway is measured against: the handler that a user would write by hand. fastify with the raw body, the
// signature verified where it stands, and one awaited `producer.send` an event, keyed by its conversation. It has no spool, no
// deadline, no receipts, no place for what it does not understand, and logs nothing but failures.
//
// Variables: BROKERS, TOPIC, PUBLIC_KEY (PEM), WEBHOOK_PATH. It prints the port as one line of JSON.

import { createPublicKey, verify } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { Kafka, logLevel, Partitioners } from 'kafkajs'

const { BROKERS = '', TOPIC = '', PUBLIC_KEY = '', WEBHOOK_PATH = '/' } = process.env

const publicKey = createPublicKey(PUBLIC_KEY)
const kafka = new Kafka({ clientId: 'plain-gateway', brokers: BROKERS.split(','), logLevel: logLevel.ERROR })
const producer = kafka.producer({
  allowAutoTopicCreation: false,
  createPartitioner: Partitioners.DefaultPartitioner,
})

const app = fastify({ logger: false })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

app.post(WEBHOOK_PATH, async (request, reply) => {
  const body = request.body as Buffer
  const signature = Buffer.from(String(request.headers['x-partoo-signature-v1']), 'base64')
  if (!verify(null, body, publicKey, signature)) return reply.code(401).send('wrong signature')
  const event = JSON.parse(body.toString())
  const key = event.payload.message.custom_channel.external_conversation_id
  try {
    await producer.send({ topic: TOPIC, acks: -1, messages: [{ key, value: body }] })
  } catch (error) {
    console.error(error)
    return reply.code(503).send('not stored')
  }
  return 'stored'
})

process.on('SIGTERM', async () => {
  await app.close()
  await producer.disconnect()
  process.exit(0)
})
await producer.connect()
await app.listen({ host: '127.0.0.1', port: 0 })
console.log(JSON.stringify({ port: (app.server.address() as AddressInfo).port }))
