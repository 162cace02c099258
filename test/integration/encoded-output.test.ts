// Real: Kafka, a schema registry (Docker's, or on this machine's Java; skipped where there is none), both services as processes,
// and a decoder that is not ours (@kafkajs/confluent-schema-registry). Doubled: Partoo, by the simulator.
// Failure: a receipt or a reply that it cannot decode, or decodes otherwise than as JSON; one that is lost while the registry is
// away or does not have the schema.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@bridge/local-kafka/ports'
import { bringUpRegistry } from '@bridge/local-registry/local-registry'
import { encoderOf } from '@bridge/schemas/encoding'
import { Registry } from '@bridge/schemas/registry'
import confluent from '@kafkajs/confluent-schema-registry'
import { afterAll, afterEach, beforeAll, expect, inject, type TestContext, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { Gateways, webhookBody } from '../support/gateway.ts'
import type { Read } from '../support/kafka.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
/** The first time it is brought: 109 MB. */
const bringDeadlineMs = 600_000

let brought: Awaited<ReturnType<typeof bringUpRegistry>>
const endings: (() => Promise<unknown> | unknown)[] = []

beforeAll(async () => {
  brought = await bringUpRegistry()
}, bringDeadlineMs)

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

afterAll(async () => {
  if (brought?.kind === 'up') await brought.registry.stop()
})

function registryUrl(context: TestContext): string {
  if (brought.kind === 'up') return brought.registry.url
  return context.skip(brought.reason)
}

/** A way to the registry that is not there yet. */
async function absentWay(url: string): Promise<{ url: string; open: () => Promise<void> }> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    const onwards = connect(Number(target.port), target.hostname)
    for (const one of [socket, onwards]) sockets.add(one.on('error', () => {}))
    socket.pipe(onwards).pipe(socket)
  })
  const port = await freePort()
  endings.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    open: () => new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve())),
  }
}

async function decoded(url: string, reads: readonly Read[]): Promise<unknown[]> {
  const decoder = new confluent.SchemaRegistry({ host: url })
  const values: unknown[] = []
  for (const { value } of reads) values.push(JSON.parse(JSON.stringify(await decoder.decode(value as Buffer))))
  return values
}

for (const format of ['avro', 'json-schema'] as const) {
  test(`${format}: replies and receipts of webhooks wait in the spool until the registry has their schemas`, async (context) => {
    const url = registryUrl(context)
    const way = await absentWay(url)
    const gateways = await Gateways.start(brokers)
    endings.push(() => gateways.close())
    const folder = mkdtempSync(join(tmpdir(), 'spool-'))
    endings.push(() => rmSync(folder, { recursive: true, force: true }))
    const { names } = gateways.topics
    const env = { OUTPUT_FORMAT: format, SCHEMA_REGISTRY_URL: way.url, WEBHOOK_SPOOL_DIR: folder }
    const { port, service } = await gateways.add(env)
    const body = webhookBody({ message: { id: 7, content: 'planted, né le 🎂' } })
    const echo = webhookBody({ message: { id: 8, sender_type: 'Consumer' } })
    expect((await gateways.post(port, body)).status).toBe(200)
    expect((await gateways.post(port, echo)).status).toBe(200)
    expect((await service.readiness()).text).toContain('schema registry')

    await way.open()
    const registry = new Registry({ url, username: undefined, password: undefined, timeoutMs: 5_000 })
    endings.push(() => registry.close())
    for (const [topic, contract] of [
      [names.replies, 'reply'],
      [names.receipts, 'receipt'],
    ] as const) {
      expect((await registry.register(`${topic}-value`, (await encoderOf(contract, format)).schema)).kind).toBe(
        'registered',
      )
    }
    const everything = await until('both are there', async () => {
      const found = await gateways.everything()
      return found.replies.length > 0 && found.receipts.length > 0 ? found : undefined
    })
    expect(await decoded(url, everything.replies)).toEqual([
      expect.objectContaining({ message_id: '7', content: 'planted, né le 🎂', event: body }),
    ])
    expect(await decoded(url, everything.receipts)).toEqual([
      expect.objectContaining({
        status: 'created',
        source: null,
        partoo: expect.objectContaining({ message_id: '8' }),
      }),
    ])
    const contentType = format === 'avro' ? 'application/avro' : 'application/json'
    expect(everything.replies[0]?.headers).toMatchObject({ 'content-type': contentType, ce_type: 'partoo.reply' })
  })

  test(`${format}: the ingestor's receipts, registered by itself where it is told to`, async (context) => {
    const url = registryUrl(context)
    const env = { OUTPUT_FORMAT: format, SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_AUTO_REGISTER: 'true' }
    const fleet = await Fleet.start({ brokers, env })
    endings.push(() => fleet.close())
    await fleet.add()
    const message = {
      business_id: '42',
      external_conversation_id: 'c',
      external_message_id: 'm',
      content: 'planted text',
    }
    await fleet.kafka.produce(fleet.outbound, [
      { key: 'c', value: JSON.stringify({ ...message, sender_type: 'Consumer' }) },
      { key: 'c', value: 'no JSON' },
    ])
    await until('both have their receipts', async () => (await fleet.lag()) === 0)
    const reads = await fleet.kafka.readAll(fleet.topics.names.receipts, fleet.topics.group('reader'))
    const receipts = await decoded(url, reads)
    expect(receipts).toHaveLength(2)
    expect(receipts).toContainEqual(
      expect.objectContaining({
        status: 'accepted',
        external_message_id: 'm',
        attempts: 1,
        http_status: 200,
        partoo: null,
      }),
    )
    expect(receipts).toContainEqual(
      expect.objectContaining({ status: 'rejected', reason: 'undecodable', external_message_id: null }),
    )
  })
}
