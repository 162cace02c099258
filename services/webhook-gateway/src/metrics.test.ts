// Real: the registry. Doubled: nothing. Failure: a series that is missing before it first counts.

import { expect, test } from 'vitest'
import { answers, createMetrics } from './metrics.ts'

test('every series is there from the start, at 0', async () => {
  const text = await createMetrics().registry.metrics()
  for (const answer of answers) expect(text).toContain(`partoo_webhook_requests_total{answer="${answer}"} 0`)
  for (const destination of ['replies', 'receipts', 'events']) {
    expect(text).toContain(`partoo_webhook_events_total{destination="${destination}"} 0`)
  }
  for (const kind of ['reply', 'receipt', 'event']) {
    expect(text).toContain(`partoo_webhook_durable_seconds_count{kind="${kind}"} 0`)
  }
  expect(text).toContain('partoo_foreign_events_total 0')
  expect(text).toContain('process_cpu_seconds_total')
})

test('what was made durable is counted by what it is, and foreign events beside', async () => {
  const metrics = createMetrics()
  metrics.durable({ kind: 'reply', foreign: false }, 0.02)
  metrics.durable({ kind: 'event', foreign: true }, 0.02)
  metrics.answered('200')
  const text = await metrics.registry.metrics()
  expect(text).toContain('partoo_webhook_events_total{destination="replies"} 1')
  expect(text).toContain('partoo_webhook_events_total{destination="events"} 1')
  expect(text).toContain('partoo_webhook_durable_seconds_count{kind="reply"} 1')
  expect(text).toContain('partoo_foreign_events_total 1')
  expect(text).toContain('partoo_webhook_requests_total{answer="200"} 1')
})
