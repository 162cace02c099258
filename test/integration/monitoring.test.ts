// Real: Prometheus with the repository's alerts, Kafka, both services as processes, webhooks over HTTP. Doubled: Partoo, by the simulator.
// Failure: a query of an alert or of the dashboard that Prometheus refuses, that asks for what no service tells, whose legend names a
// label that is not there; an alert that does not fire though its cause is there.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@bridge/local-kafka/ports'
import { expect, inject, onTestFinished, test } from 'vitest'
import { alertsFile, type Dashboard, dashboardsFolder, readAlerts, selectors } from '../monitoring/files.ts'
import { Fleet } from '../support/fleet.ts'
import { Gateways, webhookPath } from '../support/gateway.ts'
import { messageValue } from '../support/load.ts'
import { Prometheus } from '../support/prometheus.ts'
import { until } from '../support/wait.ts'
import { messageEvent } from '../support/webhooks.ts'

const brokers = inject('kafkaBrokers')
const isInstalled = Prometheus.isInstalled()

/** What is there only while something waits that is not provoked here. */
const conditional = ['partoo_registry_waiting']

test.skipIf(!isInstalled)(
  `alerts fire for what befalls both services, and every query finds what they tell${isInstalled ? '' : ' (prometheus is not installed)'}`,
  async () => {
    const fleet = await Fleet.start({ brokers, limitPerMinute: 600 })
    onTestFinished(() => fleet.close())
    const gateways = await Gateways.start(brokers)
    onTestFinished(() => gateways.close())
    await fleet.addReady(1)
    const { service, port } = await gateways.add()
    const [ingestor] = fleet.replicas
    const absent = `127.0.0.1:${await freePort()}`
    const prometheus = await Prometheus.start(
      {
        'partoo-ingestor': [new URL(ingestor?.adminUrl ?? '').host, absent],
        'partoo-webhook-gateway': [new URL(service.adminUrl).host],
      },
      alertsFile,
    )
    onTestFinished(() => prometheus.close())
    // What grows is seen only from a value before.
    for (const metric of [
      'partoo_dead_letters_total',
      'partoo_foreign_events_total',
      'partoo_webhook_unproven_total',
    ]) {
      await until(`${metric} scraped`, async () => (await prometheus.query(metric)).length > 0, 30_000)
    }
    await until(
      'all well but for the absent one',
      async () => `${await prometheus.firing()}` === 'PartooServiceDown',
      30_000,
    )

    // A message that cannot be read; then a key that Partoo does not take.
    await fleet.kafka.produce(fleet.outbound, [{ key: 'c', value: 'no message' }])
    fleet.simulator.state.addFault({ effect: { kind: 'answer', status: 401, body: { detail: 'no' } } })
    await fleet.kafka.produce(fleet.outbound, [{ key: 'c', value: messageValue('c', 'm1') }])
    const send = (body: string, signature: string) =>
      fetch(`http://127.0.0.1:${port}${webhookPath}`, {
        method: 'POST',
        body,
        headers: { 'x-partoo-signature-v1': signature },
      })
    const foreign = JSON.stringify(messageEvent({ payload: { org_id: 43 } }))
    expect((await send(foreign, gateways.key.sign(foreign))).status).toBe(200)
    for (let i = 0; i < 25; i += 1) expect((await send(`{"n":${i}}`, gateways.key.sign('else'))).status).toBe(401)

    const expected = [
      'PartooServiceDown',
      'PartooDeadLetters',
      'PartooCredentialSuspended',
      'PartooForeignEvents',
      'PartooWebhooksUnproven',
    ]
    await until(
      `alerts ${expected.join(', ')}`,
      async () => {
        const firing = await prometheus.firing()
        return expected.every((name) => firing.includes(name))
      },
      30_000,
    )
    expect([...new Set(await prometheus.firing())].sort()).toEqual([...expected].sort())

    const known = await prometheus.metricNames()
    const panels = readdirSync(dashboardsFolder).flatMap(
      (name) => (JSON.parse(readFileSync(join(dashboardsFolder, name), 'utf8')) as Dashboard).panels,
    )
    const queries = [
      ...readAlerts().map(({ expr }) => ({ expr, legendFormat: '' })),
      ...panels.flatMap(({ targets = [] }) => targets),
    ]
    for (const { expr, legendFormat } of queries) {
      const found = await prometheus.query(expr)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        for (const series of found) expect([expr, Object.keys(series)]).toEqual([expr, expect.arrayContaining([label])])
      }
      for (const { selector, name } of selectors(expr)) {
        if (name !== 'up') expect(known).toContain(name.replace(/_(bucket|sum|count)$/, ''))
        if (conditional.includes(name)) continue
        // What is left out may be all that there is.
        const asked = /!=|!~/.test(selector) ? name : selector
        expect([asked, (await prometheus.series(asked)).length > 0]).toEqual([asked, true])
      }
    }
  },
)
