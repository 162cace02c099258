// Real: decoding, the readers, the registry's client, HTTP. Doubled: the registry behind it, a server that answers as Confluent's does
// and can be away, slow or wrong; the core (the results are kept). Failure: a record put away while the registry does not answer, an
// order that is lost, a schema asked for twice.

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '@bridge/runtime/log'
import { SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import { Registry } from '@bridge/schemas/registry'
import { writeFrame } from '@bridge/schemas/wire-format'
import avro from 'avsc'
import { afterEach, expect, test, vi } from 'vitest'
import type { Decoded } from './core/facts.ts'
import { Decoding } from './decoding.ts'

const message = {
  business_id: '42',
  external_conversation_id: 'c',
  external_message_id: 'm',
  content: 'planted',
  sender_type: 'User',
}
const sender = { type: 'enum', name: 'acme.Sender', symbols: ['Consumer', 'User'] }
const record = {
  type: 'record',
  name: 'acme.Message',
  fields: Object.keys(message).map((name) => ({ name, type: name === 'sender_type' ? 'acme.Sender' : 'string' })),
}
const proto = `syntax = "proto3"; import "sender.proto"; message Other {} message M { string business_id = 1;
  string external_conversation_id = 2; string external_message_id = 3; string content = 4; acme.Sender sender_type = 5; }`

const answers: Record<string, object> = {
  '/schemas/ids/1': { schema: JSON.stringify(record), references: [{ name: 'acme.Sender', subject: 's', version: 1 }] },
  '/subjects/s/versions/1': { schema: JSON.stringify(sender), id: 9, version: 1, subject: 's' },
  '/schemas/ids/2': { schemaType: 'JSON', schema: '{"$schema":"https://json-schema.org/draft/2020-12/schema"}' },
  '/schemas/ids/3': {
    schemaType: 'PROTOBUF',
    schema: proto,
    references: [{ name: 'sender.proto', subject: 'p', version: 2 }],
  },
  '/subjects/p/versions/2': { schemaType: 'PROTOBUF', schema: 'package acme; enum Sender { Consumer = 0; User = 1; }' },
}

const inAvro = writeFrame(1, avroPayload())
const inJsonSchema = writeFrame(2, Buffer.from(JSON.stringify(message)))
const inProtobuf = writeFrame(3, protobufPayload())

function avroPayload(): Buffer {
  const registry = {}
  avro.Type.forSchema(sender as avro.Schema, { registry })
  return avro.Type.forSchema(record as avro.Schema, { registry }).toBuffer(message)
}

/** The second message type of the file. */
function protobufPayload(): Buffer {
  const texts = [message.business_id, message.external_conversation_id, message.external_message_id, message.content]
  const fields = texts.map((text, i) => Buffer.from([(i + 1) * 8 + 2, text.length, ...Buffer.from(text)]))
  return Buffer.concat([Buffer.from([2, 2]), ...fields, Buffer.from([5 * 8, 1])])
}

type Mode = 'up' | 'failing' | 'silent' | 'a proxy'

async function world() {
  const asked: string[] = []
  let mode: Mode = 'up'
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    if (mode === 'up') respond(response, path)
    else if (mode === 'failing') response.writeHead(500).end('{"error_code":50001,"message":"planted"}')
    else if (mode === 'a proxy') response.writeHead(404).end('<html>no such host</html>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const registry = new Registry({ url, username: undefined, password: undefined, timeoutMs: 300 })
  const results: { token: number; decoded: Decoded }[] = []
  const warned: object[] = []
  const decoding = new Decoding({
    channels: { byId: new Map([['chat', { organization: 'o', name: null }]]), defaultChannelId: 'chat' },
    schemas: new SchemaReaders(registry),
    submit: (fact) => results.push(...fact.results),
    log: { info: () => {}, warn: (fields: object) => warned.push(fields) } as unknown as Log,
  })
  ends.push(async () => {
    decoding.stop()
    await registry.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    asked,
    results,
    warned,
    decoding,
    is(now: Mode) {
      mode = now
      // What was not answered so far never will be.
      server.closeAllConnections()
    },
    give(partition: number, values: Buffer[]) {
      decoding.decode(
        values.map((value, i) => ({
          token: partition * 100 + i,
          record: { topic: 't', partition, offset: i, timestampMs: 0, key: null, value, headers: [] },
        })),
      )
    },
  }
}

function respond(response: ServerResponse, path: string): void {
  const answer = answers[path]
  response.setHeader('content-type', 'application/vnd.schemaregistry.v1+json')
  if (answer === undefined) response.writeHead(404).end('{"error_code":40403,"message":"Schema not found"}')
  else response.end(JSON.stringify(answer))
}

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

test('every format in one partition, schemas with references, each asked for once', async () => {
  const { give, results, asked } = await world()
  const plain = Buffer.from(JSON.stringify(message))
  const values = [plain, inAvro, inJsonSchema, inProtobuf, plain, inAvro, inProtobuf]
  give(0, values)
  await vi.waitFor(() => expect(results).toHaveLength(values.length))
  expect(results.map(({ token }) => token)).toEqual(values.map((_, i) => i))
  for (const { decoded } of results) expect(decoded).toMatchObject({ kind: 'work', message })
  expect(new Set(results.map(({ decoded }) => (decoded.kind === 'work' ? decoded.digest : ''))).size).toBe(1)
  expect(asked.toSorted()).toEqual(Object.keys(answers).toSorted())
})

test.for<Mode>(['failing', 'silent', 'a proxy'])(
  'while the registry is %s its partitions wait, others go on',
  async (how) => {
    const { give, is, results, warned, decoding } = await world()
    is(how)
    give(0, [inAvro, Buffer.from('{}'), inProtobuf])
    give(1, [Buffer.from(JSON.stringify(message))])
    await vi.waitFor(() => expect(warned).toHaveLength(1), { timeout: 5_000 })
    expect(JSON.stringify(warned)).not.toContain('password')
    expect(results.map(({ token }) => token)).toEqual([100])
    expect(decoding.waiting).toEqual([{ topic: 't', partition: 0, records: 3 }])
    expect(decoding.beside({ ready: true })).toMatchObject({ detail: expect.stringContaining('t/0 wait') })
    is('up')
    await vi.waitFor(() => expect(results).toHaveLength(4), { timeout: 5_000 })
    expect(results.map(({ token, decoded }) => [token, decoded.kind])).toEqual([
      [100, 'work'],
      [0, 'work'],
      [1, 'poison'],
      [2, 'work'],
    ])
  },
)

test('an id that the registry does not know is undecodable', async () => {
  const { give, results, warned } = await world()
  give(0, [writeFrame(77, Buffer.from('x')), inAvro])
  await vi.waitFor(() => expect(results).toHaveLength(2), { timeout: 5_000 })
  expect(results[0]?.decoded).toMatchObject({
    reason: 'undecodable',
    detail: 'the schema registry does not know its schema id 77',
  })
  expect(results[1]?.decoded.kind).toBe('work')
  expect(warned).toEqual([])
})
