// The webhook gateway: receives Partoo's signed webhooks and answers 200 once they are in Kafka.
// Reads top to bottom as the life of the process; what is opened here is closed in reverse order.

import { notReadyWhileStopping, startAdminServer } from '@bridge/runtime/admin-server'
import { type Lifecycle, runService } from '@bridge/runtime/lifecycle'
import type { Log } from '@bridge/runtime/log'
import { type GatewayConfig, readConfig, variables } from './config.ts'
import { createMetrics } from './metrics.ts'
import { gatewayProducer, KafkaPublisher } from './publisher.ts'
import { WebhookServer } from './server.ts'

/** From `not ready` to taking no more connections; at most a tenth of the time to stop. */
const stopGraceMs = 1_000

await runService({
  name: 'webhook-gateway',
  what: "Receives Partoo's signed webhooks and stores them in Kafka: replies, delivery receipts, and every other event.",
  variables,
  read: readConfig,
  start,
})

async function start(config: GatewayConfig, log: Log, life: Lifecycle): Promise<void> {
  warnWhereOpen(config, log)
  const metrics = createMetrics()

  let listening = false
  const admin = await startAdminServer({
    ...config.admin,
    registry: metrics.registry,
    readiness: () => {
      if (life.stopping) return notReadyWhileStopping
      return listening ? { ready: true } : { ready: false, because: 'starting' }
    },
  })
  life.onStop('admin server', () => admin.close())

  // Connects with the first webhook: the gateway is as ready without Kafka, and answers 503 until it is there.
  const publisher = new KafkaPublisher(gatewayProducer(config.kafka, log, config.webhook.deadlineMs))
  life.onStop('publisher', () => publisher.close())

  const server = await WebhookServer.start({ ...config, publisher, metrics, log })
  life.onStop('webhook server', () => server.close(Math.min(stopGraceMs, config.stopDeadlineMs / 10)))
  listening = true
  log.info({ port: server.port, adminPort: admin.port, topics: config.topics }, 'listening')
}

/** Partoo signs the webhooks of all its customers with one key: a signature alone does not prove that an event is ours. */
function warnWhereOpen(config: GatewayConfig, log: Log): void {
  if (config.orgIds.size > 0) return
  const consequence = 'every organization counts as ours: any customer of Partoo can have replies published here'
  if (config.proof.secret === undefined) {
    log.error({ set: ['PARTOO_ORG_ID', 'WEBHOOK_SECRET'] }, `no organization id and no webhook secret: ${consequence}`)
  } else {
    log.warn({ set: ['PARTOO_ORG_ID'] }, `no organization id: ${consequence} that knows the secret`)
  }
}
