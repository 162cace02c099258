// Real: Kafka, a schema registry, both services as processes of their own, and clients that this project did not write, in the very
// programs of examples/. Doubled: Partoo, by the simulator: its record of calls is the oracle, its webhooks make replies.
// Failure: a message that does not arrive, arrives twice or otherwise than it was meant, out of order in its conversation, with its
// key placed elsewhere than Java places it, or compressed otherwise than asked; a receipt or reply that a client reads otherwise than
// it was published, or twice.
// A client whose toolchain is not on this machine is skipped, and says why. Run whole, it writes the matrix into docs/interop.md.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bringUpRegistry, type RegistryBroughtUp } from '@bridge/local-registry/local-registry'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { json } from '../support/kafka.ts'
import { until } from '../support/wait.ts'
import { readWithCodecs } from './batch-codecs.ts'
import {
  type Cell,
  type Client,
  cellName,
  clients,
  codecs,
  type Example,
  type Format,
  type Order,
  outputFormats,
  type Problems,
} from './clients.ts'
import { Matrix } from './matrix.ts'
import { type Meant, messagesOf } from './messages.ts'
import { type Evidence, judge } from './oracle.ts'
import { OutputWorld } from './output-world.ts'
import { register, type SchemaType } from './registry.ts'
import { ownSchemas, type Prepared, root, schemas } from './toolchains.ts'

const brokers = inject('kafkaBrokers')
const prepareDeadlineMs = 15 * 60_000
const settledDeadlineMs = 90_000
const consumeDeadlineMs = 60_000
const partitions = 6

/** What producers find in the registry; undefined: plain JSON needs none. */
const registered: Record<Format, { type: SchemaType; file: string } | undefined> = {
  json: undefined,
  avro: { type: 'AVRO', file: join(schemas, 'outbound-message.v1.avsc') },
  'avro-own': { type: 'AVRO', file: join(ownSchemas, 'outbound-message.v1.avsc') },
  'json-schema': { type: 'JSON', file: join(schemas, 'outbound-message.v1.schema.json') },
  protobuf: { type: 'PROTOBUF', file: join(schemas, 'outbound-message.v1.proto') },
  'protobuf-own': { type: 'PROTOBUF', file: join(ownSchemas, 'outbound-message.v1.proto') },
}

const matrix = new Matrix(clients)
const examples = new Map<Client, Prepared<Example>>()
let registry: RegistryBroughtUp
let fleet: Fleet

beforeAll(async () => {
  registry = await bringUpRegistry()
  // One after the other: each uses all processors, and some of them download.
  for (const client of clients) examples.set(client, await client.prepare())
  const url = registryUrl()
  fleet = await Fleet.start({ brokers, partitions, env: url === undefined ? {} : { SCHEMA_REGISTRY_URL: url } })
  for (const [format, schema] of Object.entries(registered)) {
    if (schema === undefined || url === undefined) continue
    await register(url, subjectOf(format as Format), schema.type, await readFile(schema.file, 'utf8'))
  }
  await fleet.addReady(1)
}, prepareDeadlineMs)

afterAll(async () => {
  await fleet?.close()
  if (registry?.kind === 'up') await registry.registry.stop()
  console.log(`\n${matrix.text}\n`)
  if (matrix.complete) await matrix.write(join(root, 'docs/interop.md'))
}, 60_000)

/** undefined where none can be had. */
function registryUrl(): string | undefined {
  return registry.kind === 'up' ? registry.registry.url : undefined
}

/** The example, ready to run; skips the test where its toolchain is missing, or the registry that its format needs. */
function exampleOf(client: Client, format: Format, skip: (why: string) => never, cells: string[]): Example {
  const prepared = examples.get(client)
  if (registry.kind === 'unavailable' && format !== 'json') {
    for (const cell of cells) matrix.set(cell, 'skipped')
    skip(registry.reason)
  }
  if (prepared?.kind === 'ready') return prepared.with
  const why = prepared?.why ?? 'not prepared'
  for (const cell of cells) matrix.set(cell, prepared?.kind === 'missing' ? 'skipped' : 'failed')
  if (prepared?.kind === 'missing') skip(`${client.name}: ${why}`)
  throw new Error(`${client.name}: ${why}`)
}

const subjectOf = (format: Format) => `${fleet.outbound}-${format}-value`

function cellsOf(client: Client, format?: Format): Cell[] {
  const some = format === undefined ? client.formats : [format]
  return some.flatMap((each) => codecs.map((codec) => ({ client: client.name, format: each, codec })))
}

/** Every cell has ids of its own. */
const meantOf = new Map<string, Meant[]>(
  clients
    .flatMap((client) => cellsOf(client).map((cell) => ({ client, cell })))
    .map(({ client, cell }, index) => {
      const own = cell.format.endsWith('-own')
      const some = cell.format === 'json-schema' || (cell.format === 'json' && client.integers)
      const isLargest = cell.format === 'json' && cell.codec === 'gzip'
      return [cellName(cell), messagesOf(cellName(cell), index, isLargest, own ? 'only' : some ? 'some' : 'none')]
    }),
)

const variables = (format: Format, codec: string) => ({
  KAFKA_BROKERS: brokers,
  OUTBOUND_TOPIC: fleet.outbound,
  FORMAT: format.replace('-own', ''),
  CODEC: codec,
  SCHEMA_REGISTRY_URL: registryUrl() ?? '',
  SUBJECT: subjectOf(format),
})

function orderOf(cell: Cell): Order {
  const environment = variables(cell.format, cell.codec)
  // What Python registers by itself is not what others find as the newest.
  if (cell.client === 'Python' && cell.format.startsWith('protobuf')) environment.SUBJECT += '-python'
  return { cell, lines: (meantOf.get(cellName(cell)) ?? []).map(({ line }) => line), environment }
}

describe.for(clients)('$name produces', (client) => {
  let produced: { problems: Problems; evidence: Evidence }

  beforeAll(async () => {
    const prepared = examples.get(client)
    if (prepared?.kind !== 'ready') return
    const cells = cellsOf(client).filter(({ format }) => format === 'json' || registry.kind === 'up')
    const problems = await prepared.with.produce(cells.map(orderOf))
    await until('every record settled', async () => (await fleet.lag()) === 0, settledDeadlineMs)
    const { kafka, outbound: topic, topics, simulator } = fleet
    const calls = simulator.state.calls({ effect: 'accepted' })
    const receipts = await kafka.readAll(topics.names.receipts, topics.group(`receipts-${client.name}`))
    const outbound = await readWithCodecs(kafka, topic, topics.group(`outbound-${client.name}`))
    produced = { problems, evidence: { calls, receipts, outbound, partitions, topic } }
  }, 300_000)

  test.for(client.formats)('%s with every codec', (format, { skip }) => {
    const cells = cellsOf(client, format)
    exampleOf(client, format, skip, cells.map(cellName))
    const problems = cells.flatMap((cell) => {
      const name = cellName(cell)
      const problem = produced.problems.get(name)
      const found = problem === undefined ? judge(cell, meantOf.get(name) ?? [], produced.evidence) : [problem]
      matrix.set(name, found.length === 0 ? 'passed' : 'failed')
      return found.map((line) => `${name}: ${line}`)
    })
    expect(problems).toEqual([])
  })
})

test('what cannot be sent is put away, and the detail names the field', async ({ skip }) => {
  // kcat passes on what it is given: JSON libraries put something else in its place, or refuse it.
  const client = clientNamed('kcat')
  const example = exampleOf(client, 'json', skip, [])
  const id = 'lone-surrogate'
  const message = `{"business_id":"1","external_conversation_id":"${id}","external_message_id":"${id}","sender_type":"User","content":"a \\ud83d b"}`
  const cell: Cell = { client: client.name, format: 'json', codec: 'none' }
  const lines = [{ key: id, headers: {}, value: message }]
  expect(await example.produce([{ cell, lines, environment: variables('json', 'none') }])).toEqual(new Map())
  await until('the record settled', async () => (await fleet.lag()) === 0, settledDeadlineMs)
  const letters = await fleet.kafka.readAll(fleet.topics.names.dlq, fleet.topics.group('letters'))
  const letter = letters.find(({ key }) => key === id)
  expect(letter?.value?.toString()).toBe(message)
  expect(letter?.headers).toMatchObject({ 'partoo-dlq-reason': 'invalid' })
  expect(letter?.headers['partoo-dlq-detail']).toContain('content')
})

function clientNamed(name: string): Client {
  const found = clients.find((client) => client.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

describe.for(outputFormats)('published as %s', (format) => {
  let world: OutputWorld

  beforeAll(async () => {
    if (registry.kind === 'unavailable' && format !== 'json') return
    world = await OutputWorld.start({ brokers, registryUrl: registryUrl(), format })
    await world.fill()
  }, 120_000)

  afterAll(() => world?.close(), 60_000)

  test.for(clients.filter((client) => client.outputFormats.includes(format)))(
    '$name reads it',
    async (client, context) => {
      const cell = `reads ${client.name}/${format}`
      const example = exampleOf(client, format, context.skip, [cell])
      matrix.set(cell, 'failed')
      const expected = world.expected
      const group = world.topics.group(`example-${client.name}`)
      const program = example.consume({ ...world.variables, FORMAT: format, GROUP_ID: group })
      try {
        await program.atLeast(expected.length, consumeDeadlineMs)
      } finally {
        const code = await program.end(example.ending.signal)
        if (example.ending.code !== null) expect(code).toBe(example.ending.code)
      }
      const facts = program.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      const byId = (fact: Record<string, unknown>) => (fact.headers as Record<string, string>).ce_id ?? ''
      expect(facts.sort((one, other) => (byId(one) < byId(other) ? -1 : 1))).toEqual(expected)
      if (example.ending.code !== null) {
        for (const topic of world.read) expect(await world.kafka.lag(topic, group), `${topic} is committed`).toBe(0)
      }
      matrix.set(cell, 'passed')
    },
  )
})

test('the receipts of everything that was sent are receipts', async () => {
  const receipts = await fleet.kafka.readAll(fleet.topics.names.receipts, fleet.topics.group('all-receipts'))
  const statuses = new Set(receipts.map((receipt) => json(receipt).status))
  expect([...statuses].sort()).toEqual(['accepted', 'rejected'])
})
