// Real: the registry. Doubled: nothing. Failure: a series that is missing before it first counts.

import { expect, test } from 'vitest'
import { type EventFields, messageEvent } from '../../../test/support/webhooks.ts'
import { answers, createMetrics, proofFailures } from './metrics.ts'
import { type Delivery, toFact } from './records.ts'
import { Verified } from './verify.ts'

test('every series is there from the start, at 0', async () => {
  const text = await createMetrics().registry.metrics()
  for (const answer of answers) expect(text).toContain(`partoo_webhook_requests_total{answer="${answer}"} 0`)
  for (const destination of ['replies', 'receipts', 'events']) {
    expect(text).toContain(`partoo_webhook_events_total{destination="${destination}"} 0`)
  }
  for (const kind of ['kafka', 'spool', 'repeat']) {
    expect(text).toContain(`partoo_webhook_durable_seconds_count{kind="${kind}"} 0`)
  }
  for (const cause of ['refused', 'failed', 'late', 'no-room', 'bug'])
    expect(text).toContain(`partoo_webhook_not_durable_total{cause="${cause}"} 0`)
  for (const cause of proofFailures) expect(text).toContain(`partoo_webhook_unproven_total{cause="${cause}"} 0`)
  for (const name of ['foreign_events_total', 'repeats_dropped_total', 'quarantined_total', 'webhook_tryouts_total']) {
    expect(text).toContain(`partoo_${name} 0`)
  }
  for (const name of ['events', 'bytes', 'oldest_age_seconds', 'quarantined']) {
    expect(text).toContain(`partoo_spool_${name} 0`)
  }
  expect(text).toContain('process_cpu_seconds_total')
})

const topics = { replies: 'replies', receipts: 'receipts', events: 'events' }

function factOf(fields: EventFields, more: Partial<Delivery> = {}) {
  const verified = Verified.fromSpool(Buffer.from(JSON.stringify(messageEvent(fields))))
  const delivery = { tryout: false, traceparent: undefined, receivedAt: '2026-11-22T12:00:00.000Z', ...more }
  return toFact(verified, delivery, { orgIds: new Set(['42']), topics })
}

test('what was made durable is counted by what that rests on, by destination and type; foreign and tryout beside', async () => {
  const metrics = createMetrics()
  metrics.durable(factOf({}), 'kafka', 0.02)
  metrics.durable(factOf({ payload: { org_id: 43 } }), 'spool', 0.02)
  metrics.durable(factOf({ type: 'something_new' }, { tryout: true }), 'kafka', 0.02)
  metrics.durable(factOf({}), 'repeat', 0.02)
  metrics.answered('200')
  metrics.unproven('secret')
  const text = await metrics.registry.metrics()
  expect(text).toContain('partoo_webhook_events_total{destination="replies"} 1')
  expect(text).toContain('partoo_webhook_events_total{destination="events"} 2')
  expect(text).toContain('partoo_webhook_types_total{type="message_created",destination="replies"} 1')
  expect(text).toContain('partoo_webhook_types_total{type="other",destination="events"} 1')
  expect(text).toContain('partoo_webhook_durable_seconds_count{kind="kafka"} 2')
  expect(text).toContain('partoo_webhook_durable_seconds_count{kind="spool"} 1')
  expect(text).toContain('partoo_repeats_dropped_total 1')
  expect(text).toContain('partoo_foreign_events_total 1')
  expect(text).toContain('partoo_webhook_tryouts_total 1')
  expect(text).toContain('partoo_webhook_unproven_total{cause="secret"} 1')
  expect(text).toContain('partoo_webhook_requests_total{answer="200"} 1')
})

test('the spool as it is at the scrape', async () => {
  const view = { events: 3, bytes: 4_000, oldestReceivedAtMs: Date.now() - 90_000, quarantined: 1 }
  const text = await createMetrics(() => view).registry.metrics()
  expect(text).toContain('partoo_spool_events 3')
  expect(text).toContain('partoo_spool_bytes 4000')
  expect(text).toMatch(/partoo_spool_oldest_age_seconds 9\d/)
  expect(text).toContain('partoo_spool_quarantined 1')
})
