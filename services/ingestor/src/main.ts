// The ingestor: outbound-messages in Kafka → conversations in Partoo. Read from top to bottom, this is the way of a message:
//
//   Kafka ─► consumer ─► driver ─► decode ─► core (lanes, turns, limiter) ─► client ─► Partoo
//                          ▲                   │
//                          └── what came of it ┴─► producer ─► receipts, dead letters ─► settled ─► committed

import { PartooClient } from '@bridge/partoo/client'
import { notReadyWhileStopping, startAdminServer } from '@bridge/runtime/admin-server'
import { encodingProducer } from '@bridge/runtime/encoding-producer'
import { type Lifecycle, runService } from '@bridge/runtime/lifecycle'
import type { Log } from '@bridge/runtime/log'
import { SafeProducer } from '@bridge/runtime/safe-producer'
import { keepYoungGeneration } from '@bridge/runtime/young-generation'
import type { SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import { Registry } from '@bridge/schemas/registry'
import { help, type IngestorConfig, readConfig, shownBesideVariables, variables } from './config.ts'
import { Dispatcher } from './core/dispatcher.ts'
import { seededRandom } from './core/retry.ts'
import { Driver } from './driver.ts'
import { GroupConsumer, membershipMsMax } from './kafka/consumer.ts'
import { createMetrics } from './metrics.ts'
import { assignmentSettings } from './organizations.ts'
import { tellStuckPartitions } from './stuck.ts'

await runService({
  name: 'ingestor',
  what: 'Carries messages from a Kafka topic into Partoo conversations: in order, within the rate limit, without loss.',
  variables,
  help,
  shown: shownBesideVariables,
  read: readConfig,
  start,
})

/** Every step registers what ends it. */
async function start(config: IngestorConfig, log: Log, life: Lifecycle): Promise<void> {
  if (config.benchmarkWithoutReceipts) {
    log.error(
      { BENCHMARK_WITHOUT_RECEIPTS: true },
      'no receipts are published: messages may be lost, for measuring only',
    )
  }
  // What waits is what takes memory here: ADMITTED_BYTES_MAX.
  keepYoungGeneration()
  const { outbound, bulk, receipts, dlq } = config.topics
  const topics = bulk === null ? [outbound] : [outbound, bulk]

  // The core decides; it knows nothing of Kafka or HTTP.
  const core = new Dispatcher({
    organizations: config.organizations,
    bulkTopic: bulk,
    burst: config.burst,
    inFlightMax: config.inFlightMax,
    admittedMax: config.admittedMax,
    admittedBytesMax: config.admittedBytesMax,
    spanMax: 65_536,
    // What Kafka takes in a fifth of a second at 20,000 receipts a second: enough to keep it busy, little to hold.
    reportingMax: 4_096,
    // What a crash repeats is what was answered since the last commit, and what was in flight.
    commitIntervalMs: 100,
    rememberedIdsMax: 65_536,
    retry: config.retry,
    membershipMsMax,
    random: seededRandom(Math.floor(Math.random() * 2 ** 32)),
  })

  // The schemas that producers name, where they use a registry.
  const schemaRegistry = config.schemaRegistry === undefined ? null : new Registry(config.schemaRegistry)
  const schemas = schemaRegistry === null ? null : await readersOf(schemaRegistry)

  // Out to Partoo, and out to Kafka with what came of it.
  const client = new PartooClient({ ...config, connectionsMax: config.inFlightMax })
  const safeProducer = new SafeProducer({
    connection: config.kafka,
    log,
    connectionTimeoutMs: 3_000,
    requestTimeoutMs: 5_000,
    waitingMax: config.admittedMax + config.inFlightMax,
    paceMs: 40,
  })
  const encoding = await encodingProducer(
    config.output,
    { [receipts]: 'receipt' },
    { producer: safeProducer, registry: schemaRegistry, log },
  )
  const producer = encoding ?? safeProducer

  // The driver performs what the core decides; the consumer brings it the records.
  const metrics = createMetrics({
    channels: config.channels.byId,
    view: () => core.view(performance.now()),
    highWatermark: (topic, partition) => consumer.highWatermark(topic, partition),
    disagrees: () => consumer.disagrees,
    registryWaiting: () => driver.decoding.waiting,
  })
  const driver = new Driver({ core, config, client, producer, schemas, metrics, log })
  const consumer = new GroupConsumer({
    connection: config.kafka,
    groupId: config.groupId,
    topics,
    topicsNeeded: [receipts, dlq],
    assignment: config.assignment,
    settings: assignmentSettings({ ...config, topics }),
    log,
    cursor: (generation, name) => core.cursor(generation, name),
    submit: (fact) => driver.submit(fact),
    rebalanced: () => metrics.rebalances.inc(),
  })
  driver.attach(consumer)

  // Closed in reverse order: drain, leave the group, then what the last calls and receipts went through.
  const admin = await startAdminServer({
    ...config.admin,
    registry: metrics.registry,
    readiness: () => {
      if (life.stopping) return notReadyWhileStopping
      const [unpublished] = encoding?.problems ?? []
      return unpublished === undefined
        ? driver.decoding.beside(consumer.readiness())
        : { ready: false, because: unpublished }
    },
  })
  life.onStop('admin server', () => admin.close())
  if (schemaRegistry !== null) life.onStop('schema registry', () => schemaRegistry.close())
  life.onStop('Partoo client', () => client.close())
  life.onStop('producer', () => producer.close())
  consumer.start()
  life.onStop('consumer', () => consumer.stop())
  life.onStop('calls in flight', () => driver.drain(config.stopDeadlineMs * 0.6))
  const stuck = tellStuckPartitions(() => core.view(performance.now()), log)
  life.onStop('stuck partitions', () => stuck.stop())
  log.info(
    {
      group: config.groupId,
      topics: config.topics,
      baseUrl: config.baseUrl,
      proxy: config.way?.proxy ?? undefined,
      schemaRegistry: config.schemaRegistry?.url,
      schemaRegistryProxy: config.schemaRegistry?.way?.proxy ?? undefined,
      assignment: config.assignment,
      organizations: config.organizations.map(({ apiKey: _, ...shown }) => shown),
      adminPort: admin.port,
    },
    'ingestor configured',
  )
}

/** What reads the schemas' languages is loaded only where there is a registry: it would take memory for nothing. */
async function readersOf(registry: Registry): Promise<SchemaReaders> {
  const { SchemaReaders } = await import('@bridge/schemas/decoding/schema-readers')
  return new SchemaReaders(registry)
}
