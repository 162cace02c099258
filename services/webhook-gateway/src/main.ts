// The webhook gateway: receives Partoo's signed webhooks and answers 200 once they are in Kafka, or kept on disk for it.
// Read from top to bottom, this is the way of a webhook:
//
//   HTTP ─► server ─► verify ─► classify ─► records ─► publisher ─► Kafka
//                                                         ⇅
//                                                       spool

import { notReadyWhileStopping, startAdminServer } from '@bridge/runtime/admin-server'
import { encodingProducer } from '@bridge/runtime/encoding-producer'
import { type Lifecycle, runService } from '@bridge/runtime/lifecycle'
import type { Log } from '@bridge/runtime/log'
import { readTopicSizes } from '@bridge/runtime/topic-sizes'
import { Registry } from '@bridge/schemas/registry'
import { type GatewayConfig, readConfig, variables } from './config.ts'
import { createMetrics } from './metrics.ts'
import { gatewayProducer, KafkaPublisher } from './publisher.ts'
import { toFact } from './records.ts'
import { WebhookServer } from './server.ts'
import { Spool } from './spool.ts'
import { TopicCheck } from './topic-check.ts'
import { Verified } from './verify.ts'

/** From `not ready` to taking no more connections; at most a tenth of the time to stop. */
const stopGraceMs = 1_000
/** How much of the deadline Kafka has before the spool takes a webhook. */
const patienceShare = 1 / 5

await runService({
  name: 'webhook-gateway',
  what: "Receives Partoo's signed webhooks and stores them in Kafka: replies, delivery receipts, and every other event.",
  variables,
  read: readConfig,
  start,
})

async function start(config: GatewayConfig, log: Log, life: Lifecycle): Promise<void> {
  warnWhereOpen(config, log)
  let spool: Spool | undefined
  let starting: string | undefined = 'starting'
  const metrics = createMetrics(() => spool?.view, config.spool?.bytesMax)
  const admin = await startAdminServer({
    ...config.admin,
    registry: metrics.registry,
    readiness: () => {
      if (life.stopping) return notReadyWhileStopping
      if (starting !== undefined) return { ready: false, because: starting }
      const waiting = publisher.spooling.map((destination) => `${destination} wait in the spool for Kafka`)
      const detail = [...waiting, ...topicCheck.problems, ...(encoding?.problems ?? [])].join('; ')
      return detail === '' ? { ready: true } : { ready: true, detail }
    },
  })
  life.onStop('admin server', () => admin.close())

  if (config.spool !== undefined) {
    // It takes its time where much waits: whoever watches the process has to see that it lives.
    starting = 'starting: what waits in the spool is being checked'
    const opened = await openSpool(config.spool, log)
    life.onStop('spool', () => opened.close())
    void opened.failed.then((because) => life.fail(`the spool: ${because}`))
    spool = opened
  }

  // Out to Kafka, in the format that is asked for.
  const safeProducer = gatewayProducer(config.kafka, log, config.webhook.deadlineMs)
  const registry = config.schemaRegistry === undefined ? null : new Registry(config.schemaRegistry)
  if (registry !== null) life.onStop('schema registry', () => registry.close())
  const encoding = await encodingProducer(
    config.output,
    { [config.topics.replies]: 'reply', [config.topics.receipts]: 'receipt' },
    { producer: safeProducer, registry, log },
  )

  // The gateway is as ready without Kafka: webhooks wait in the spool, or are answered 503 where there is none.
  const publisher = new KafkaPublisher({
    producer: encoding ?? safeProducer,
    spool,
    remake: (kept) => toFact(Verified.fromSpool(kept.body), kept, config),
    patienceMs: config.webhook.deadlineMs * patienceShare,
    log,
    quarantined: () => metrics.quarantined(),
  })
  life.onStop('publisher', () => publisher.close())
  const topicCheck = new TopicCheck({
    topics: config.topics,
    bodyBytesMax: config.webhook.bodyBytesMax,
    read: (topics) => readTopicSizes(config.kafka, log, topics),
    log,
  })
  life.onStop('topic check', () => topicCheck.close())

  const server = await WebhookServer.start({ ...config, publisher, metrics, log })
  life.onStop('webhook server', () => server.close(Math.min(stopGraceMs, config.stopDeadlineMs / 10)))
  starting = undefined
  log.info(
    { port: server.port, adminPort: admin.port, topics: config.topics, spool: config.spool?.folder ?? null },
    'listening',
  )
}

/** Rejects with one line that says what to do: better no start than webhooks that are not published, or 200 for nothing. */
async function openSpool(options: NonNullable<GatewayConfig['spool']>, log: Log): Promise<Spool> {
  const opened = await Spool.open(options)
  if (opened.kind === 'refused') throw new Error(opened.because)
  const { events, oldestReceivedAtMs } = opened.spool.view
  if (events > 0 && oldestReceivedAtMs !== null) {
    log.info({ events, oldest: new Date(oldestReceivedAtMs).toISOString() }, 'webhooks wait in the spool')
  }
  return opened.spool
}

/** Partoo signs the webhooks of all its customers with one key: a signature alone does not prove that an event is ours. */
function warnWhereOpen(config: GatewayConfig, log: Log): void {
  if (config.orgIds.size > 0) return
  const consequence = 'every organization counts as ours: any customer of Partoo can have replies published here'
  if (config.proof.secrets === undefined) {
    log.error({ set: ['PARTOO_ORG_ID', 'WEBHOOK_SECRET'] }, `no organization id and no webhook secret: ${consequence}`)
  } else {
    log.warn({ set: ['PARTOO_ORG_ID'] }, `no organization id: ${consequence} that knows the secret`)
  }
}
