// The gateway's metrics. Every label has a closed set of values, and every series is there from the start, at 0, so that a
// rate over the first occurrence is seen.

import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/**
 * What a request was answered, by status code. `none`: the sender left before there was an answer. 400 and 431 are what
 * is no HTTP, or has too long headers.
 */
export const answers = ['200', '400', '401', '404', '405', '413', '431', '503', 'none'] as const
export type AnswerLabel = (typeof answers)[number]

/** What a webhook was found to be, and so which topic it goes to. */
export const factKinds = ['reply', 'receipt', 'event'] as const
export type FactKind = (typeof factKinds)[number]

export const destinations = { reply: 'replies', receipt: 'receipts', event: 'events' } as const satisfies Record<
  FactKind,
  string
>

const durableSecondsBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export type Metrics = ReturnType<typeof createMetrics>

/** Metrics of one gateway, in a registry of its own. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const requests = new Counter({
    name: 'partoo_webhook_requests_total',
    help: 'Requests to the public port by the status they were answered with',
    labelNames: ['answer'],
    registers,
  })
  const durableSeconds = new Histogram({
    name: 'partoo_webhook_durable_seconds',
    help: 'From the arrival of a webhook until it was durable, by what it was found to be',
    labelNames: ['kind'],
    buckets: durableSecondsBuckets,
    registers,
  })
  const events = new Counter({
    name: 'partoo_webhook_events_total',
    help: 'Webhooks made durable, by the topic they went to',
    labelNames: ['destination'],
    registers,
  })
  const foreignEvents = new Counter({
    name: 'partoo_foreign_events_total',
    help: 'Validly signed webhooks of organizations that are not configured',
    registers,
  })
  for (const answer of answers) requests.inc({ answer }, 0)
  for (const kind of factKinds) {
    durableSeconds.zero({ kind })
    events.inc({ destination: destinations[kind] }, 0)
  }
  return {
    registry,
    answered: (answer: AnswerLabel) => requests.inc({ answer }),
    durable(fact: { kind: FactKind; foreign: boolean }, seconds: number) {
      durableSeconds.observe({ kind: fact.kind }, seconds)
      events.inc({ destination: destinations[fact.kind] })
      if (fact.foreign) foreignEvents.inc()
    },
  }
}
