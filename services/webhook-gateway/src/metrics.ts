// The gateway's metrics. Every label has a closed set of values, and every series is there from the start, at 0, so that a
// rate over the first occurrence is seen.

import { webhookEventTypes } from '@bridge/partoo/webhook-event'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { destinations, eventType } from './classify.ts'
import { destinationNames } from './destination.ts'
import { notDurableCauses } from './pipeline.ts'
import type { Fact } from './records.ts'

/**
 * What a request was answered, by status code. `none`: the sender left before there was an answer. 400 and 431 are what
 * is no HTTP, or has too long headers.
 */
export const answers = ['200', '400', '401', '404', '405', '413', '431', '503', 'none'] as const
export type AnswerLabel = (typeof answers)[number]

/** Why a request is not proven to be Partoo's. `incomplete`: it did not arrive in time; `overload`: there was no room to look. */
export const proofFailures = [
  'secret',
  'signature-missing',
  'signature-malformed',
  'signature-wrong',
  'incomplete',
  'overload',
] as const
export type ProofFailure = (typeof proofFailures)[number]

/** Why a verified webhook was answered 503. */
const unstoredCauses = [...notDurableCauses, 'bug'] as const
export type NotDurableCause = (typeof unstoredCauses)[number]

/** What a 200 rests on. */
const durableKinds = ['kafka', 'spool', 'repeat'] as const
export type DurableKind = (typeof durableKinds)[number]

/** The types that Partoo names; any other it may add is counted as one. */
const otherType = 'other'

const durableSecondsBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export type Metrics = ReturnType<typeof createMetrics>

/** What of the spool is shown; without a spool nothing ever waits. */
export type SpoolView = { events: number; bytes: number; oldestReceivedAtMs: number | null; quarantined: number }

/**
 * Metrics of one gateway, in a registry of its own.
 *
 * @param spool what is in the spool, read once a scrape and gauge
 * @param spoolBytesMax what it takes at most; 0 without a spool
 */
export function createMetrics(spool: () => SpoolView | undefined = () => undefined, spoolBytesMax = 0) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers })
  const gauge = (name: string, help: string, read: (view: SpoolView) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const view = spool()
        this.set(view === undefined ? 0 : read(view))
      },
    })
  const requests = counter(
    'partoo_webhook_requests_total',
    'Requests to the public port by the status they were answered with',
    'answer',
  )
  const unproven = counter(
    'partoo_webhook_unproven_total',
    'Requests that are not proven to be Partoo’s, by what is missing or wrong',
    'cause',
  )
  const notDurable = counter(
    'partoo_webhook_not_durable_total',
    'Verified webhooks answered 503, by why neither Kafka nor the spool had them in time',
    'cause',
  )
  const durableSeconds = new Histogram({
    name: 'partoo_webhook_durable_seconds',
    help: 'From the arrival of a webhook until it could be answered 200, by what that rests on: repeat: it was durable before',
    labelNames: ['kind'],
    buckets: durableSecondsBuckets,
    registers,
  })
  const events = counter('partoo_webhook_events_total', 'Webhooks made durable, by the topic they go to', 'destination')
  const types = counter(
    'partoo_webhook_types_total',
    'Webhooks made durable, by Partoo’s event type',
    'type',
    'destination',
  )
  const foreignEvents = counter(
    'partoo_foreign_events_total',
    'Validly signed webhooks of organizations that are not configured',
  )
  const tryouts = counter('partoo_webhook_tryouts_total', 'Test deliveries, stored among the events')
  const repeats = counter(
    'partoo_repeats_dropped_total',
    'Repeats of a message_created that was durable already: answered 200 and not published',
  )
  const quarantined = counter(
    'partoo_quarantined_total',
    'Webhooks that their topic refuses, or whose copy in the spool is damaged: kept in the spool’s quarantine',
  )
  const connectionsRefused = counter(
    'partoo_webhook_connections_refused_total',
    'Connections closed unheard, as there were too many',
  )
  gauge('partoo_spool_events', 'Webhooks that wait in the spool for Kafka', ({ events }) => events)
  gauge(
    'partoo_spool_bytes',
    'Bytes of them and of the quarantine, at most partoo_spool_max_bytes',
    ({ bytes }) => bytes,
  )
  new Gauge({
    name: 'partoo_spool_max_bytes',
    help: 'WEBHOOK_SPOOL_MAX_BYTES: a full spool takes no more; 0 without a spool',
    registers,
  }).set(spoolBytesMax)
  gauge('partoo_spool_oldest_age_seconds', 'Age of the oldest webhook in the spool; 0 where none waits', (view) =>
    view.oldestReceivedAtMs === null ? 0 : Math.max(0, Date.now() - view.oldestReceivedAtMs) / 1000,
  )
  gauge('partoo_spool_quarantined', 'Webhooks in quarantine', (view) => view.quarantined)

  for (const answer of answers) requests.inc({ answer }, 0)
  for (const cause of proofFailures) unproven.inc({ cause }, 0)
  for (const cause of unstoredCauses) notDurable.inc({ cause }, 0)
  for (const kind of durableKinds) durableSeconds.zero({ kind })
  for (const destination of destinationNames) {
    events.inc({ destination }, 0)
    for (const type of [...webhookEventTypes, otherType]) types.inc({ type, destination }, 0)
  }
  return {
    registry,
    answered: (answer: AnswerLabel) => requests.inc({ answer }),
    unproven: (cause: ProofFailure) => unproven.inc({ cause }),
    notDurable: (cause: NotDurableCause) => notDurable.inc({ cause }),
    quarantined: () => quarantined.inc(),
    connectionRefused: () => connectionsRefused.inc(),
    /** A webhook could be answered 200. @param seconds since its arrival */
    durable({ classified, kept }: Pick<Fact, 'classified' | 'kept'>, kind: DurableKind, seconds: number) {
      durableSeconds.observe({ kind }, seconds)
      if (kind === 'repeat') {
        repeats.inc()
        return
      }
      const destination = destinations[classified.kind]
      const type = eventType(classified.event)
      events.inc({ destination })
      types.inc({ type: isKnown(type) ? type : otherType, destination })
      if (kept.tryout) tryouts.inc()
      if (classified.kind === 'event' && classified.foreign) foreignEvents.inc()
    },
  }
}

function isKnown(type: string): boolean {
  return (webhookEventTypes as readonly string[]).includes(type)
}
