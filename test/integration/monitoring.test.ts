// Real: Prometheus with the repository's alerts, Kafka, both services as processes, webhooks over HTTP. Doubled: Partoo, by the simulator.
// Failure: a query of an alert or of the dashboard that Prometheus refuses, that asks for what no service tells, whose legend names a
// label that is not there; an alert that does not fire though its cause is there, or fires though all is well; a metric of the pages that
// the guide does not explain.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import { freePort } from '@bridge/local-kafka/ports'
import type { FaultOrder } from '@bridge/partoo-simulator/faults'
import { errorLine } from '@bridge/runtime/log'
import { expect, inject, onTestFinished, test } from 'vitest'
import { alertsFile, readAlerts, readDashboards, selectors } from '../monitoring/files.ts'
import { Fleet } from '../support/fleet.ts'
import { type Gateway, Gateways, webhookPath } from '../support/gateway.ts'
import type { TestRecord } from '../support/kafka.ts'
import { messageValue, waitingMessages } from '../support/load.ts'
import { atOnce, hurried, Prometheus } from '../support/prometheus.ts'
import type { ServiceProcess } from '../support/service.ts'
import { until } from '../support/wait.ts'
import { messageEvent } from '../support/webhooks.ts'

const brokers = inject('kafkaBrokers')
const isInstalled = Prometheus.isInstalled()
const guide = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
const reason = isInstalled ? '' : ' (prometheus is not installed)'

test.skipIf(!isInstalled)(`no alert while all is well; alerts for what befalls both services${reason}`, async () => {
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
    atOnce(readFileSync(alertsFile, 'utf8')),
  )
  onTestFinished(() => prometheus.close())
  // What grows is seen only from a value before.
  for (const metric of ['partoo_dead_letters_total', 'partoo_foreign_events_total', 'partoo_webhook_unproven_total']) {
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
})

test.skipIf(!isInstalled)(
  `each alert fires for what it tells of, a second taken for a minute; every query finds what the services tell${reason}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'spools-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const nowhere = `127.0.0.1:${await freePort()}`
    const channels = ['no-key', 'outage', 'chat', 'refused', 'closed']
    // A minute at the limit, and half of one that counts for half an hour; what is left over then.
    const perMinute = 240
    const beyondLimit = perMinute * 3
    const fleet = await Fleet.start({
      brokers,
      partitions: 3,
      organizations: [
        { orgId: 1, apiKey: 'planted-key-1', limitPerMinute: 1_200, channels: ['no-key'] },
        { orgId: 2, apiKey: 'planted-key-2', limitPerMinute: 1_200, channels: ['outage'] },
        { orgId: 3, apiKey: 'planted-key-3', limitPerMinute: 1_200, channels: channels.slice(2) },
        { orgId: 4, apiKey: 'planted-key-4', limitPerMinute: perMinute, channels: ['busy'] },
      ],
      env: { SCHEMA_REGISTRY_URL: `http://${nowhere}` },
    })
    onTestFinished(() => fleet.close())
    const gateways = await Gateways.start(brokers)
    onTestFinished(() => gateways.close())
    const small = (name: string) => `${fleet.topics.prefix}small-${name}`
    await fleet.kafka.createTopic(small('receipts'), { 'max.message.bytes': '100' })
    await fleet.kafka.createTopic(small('events'), { 'max.message.bytes': '2000' })

    const answer = (status: number, match: FaultOrder['match']) =>
      fleet.simulator.state.addFault({ match, effect: { kind: 'answer', status } })
    answer(401, { org_id: 1 })
    answer(503, { org_id: 2 })
    answer(503, { external_conversation_id: 'stuck' })
    answer(403, { channel_id: 'refused' })
    answer(403, { channel_id: 'closed' })
    const waiting = (channel: string, conversations: number, businesses = ['42']) =>
      waitingMessages(conversations, conversations, { name: channel, channel, businesses }).records
    const into = (partition: number, records: TestRecord[]) =>
      fleet.kafka.produce(
        fleet.outbound,
        records.map((record) => ({ ...record, partition })),
      )
    const noMessage = [{ key: 'c', value: 'no message' }]
    await into(2, [...noMessage, ...noMessage])
    await loseUnread(fleet, 2, 2)
    // The frame of a schema registry, and a schema that cannot be asked for.
    await into(2, [{ key: 'c', value: Buffer.from([0, 0, 0, 0, 7, 1]) }])
    await into(0, [{ key: 'stuck', value: messageValue('stuck', 'm', { channel_id: 'chat' }) }])
    await into(1, [...waiting('no-key', 2), ...waiting('outage', 24), ...waiting('chat', 2), ...noMessage])
    await into(1, [...waiting('refused', 6, ['1', '2', '3']), ...waiting('closed', 1)])
    await into(1, waitingMessages(beyondLimit, beyondLimit, { name: 'busy', channel: 'busy' }).records)

    const [gateway, cutOff] = await Promise.all([
      gateways.add({ WEBHOOK_SPOOL_DIR: join(folder, 'one'), EVENTS_TOPIC: small('events') }),
      gateways.add({
        WEBHOOK_SPOOL_DIR: join(folder, 'two'),
        WEBHOOK_SPOOL_MAX_BYTES: '1048576',
        KAFKA_BROKERS: nowhere,
      }),
    ])
    const variables = { RECEIPTS_TOPIC: small('receipts') }
    await (await fleet.add(variables)).ready()
    await fleet.add({ ...variables, INGESTOR_ASSIGNMENT: 'spread' })
    const unready = await fleet.add({ ...variables, KAFKA_BROKERS: nowhere })
    const post = async (to: Gateway, body: string, signed = body) =>
      (await gateways.post(to.port, body, gateways.signed(signed))).status
    const ofTheirs = JSON.stringify(messageEvent({ payload: { org_id: 43 } }))
    expect(await post(gateway, ofTheirs)).toBe(200)

    const addresses = (services: ServiceProcess[]) => services.map(({ adminUrl }) => new URL(adminUrl).host)
    const prometheus = await Prometheus.start(
      {
        'partoo-ingestor': addresses(fleet.started),
        'partoo-webhook-gateway': addresses([gateway.service, cutOff.service]),
      },
      hurried(readFileSync(alertsFile, 'utf8')),
    )
    onTestFinished(() => prometheus.close())
    const fired = new Map<string, string>()
    const take = async () => {
      for (const { name, state, summary } of await prometheus.alerts()) if (state === 'firing') fired.set(name, summary)
    }
    const toFire = (but: string[]) =>
      readAlerts()
        .map(({ alert }) => alert)
        .filter((name) => ![...but, ...fired.keys()].includes(name))
    const atTheEnd = ['PartooServiceDown', 'PartooServiceAbsent', 'PartooNoneReady']

    await until('both gateways scraped', async () => (await prometheus.query('partoo_spool_events')).length === 2)
    await until('the check of the topics', async () => (await gateway.service.readiness()).text.includes('2000 bytes'))
    const large = (bytes: number) => JSON.stringify({ type: 'lead_received', payload: { text: 'x'.repeat(bytes) } })
    expect(await post(gateway, large(5_000))).toBe(200)
    for (let i = 0; i < 25; i += 1) expect(await post(gateway, `{"n":${i}}`, 'else')).toBe(401)
    await into(0, noMessage)
    try {
      await until(
        'all alerts but of what ends',
        async () => {
          await post(cutOff, large(230_000))
          await take()
          return toFire(atTheEnd).length === 0
        },
        150_000,
      )
      await askAll(prometheus)
      expect((await prometheus.firing()).filter((name) => atTheEnd.includes(name))).toEqual([])
      // One ingestor is left, which cannot do its work.
      const ended = [gateway.service, cutOff.service, ...fleet.started.filter((one) => one !== unready)]
      await Promise.all(ended.map((service) => service.end('SIGKILL')))
      await until('the alerts of what ends', async () => {
        await take()
        const firing = await prometheus.firing()
        return atTheEnd.every((name) => firing.includes(name))
      })
    } catch (error) {
      throw new Error(`${toFire(atTheEnd)} has not fired yet: ${errorLine(error)}`, {
        cause: error,
      })
    }
    for (const [name, summary] of fired)
      expect([name, summary]).toEqual([name, expect.not.stringMatching(/<|error|: ?$/)])
    expect(fired.get('PartooPartitionStuck')).toMatch(
      /partition [012] has not moved for .*: (backoff|calling|kafka|schema-registry)$/,
    )
    // What waits for its receipts would wait for the end of the deadline.
    await Promise.all(fleet.replicas.map((replica) => replica.end('SIGKILL')))
  },
  300_000,
)

/** What retention does where no ingestor runs: the group was at the beginning, and so many records are gone. */
async function loseUnread(fleet: Fleet, partition: number, records: number): Promise<void> {
  const topic = fleet.outbound
  await withAdmin(kafkaClient(brokers), async (admin) => {
    await admin.setOffsets({ groupId: fleet.group, topic, partitions: [{ partition, offset: '0' }] })
    // kafkajs deletes only in a topic that it has looked up.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(records) }] })
  })
}

/** Asks all that the alerts and the dashboard ask. */
async function askAll(prometheus: Prometheus): Promise<void> {
  const known = await prometheus.metricNames()
  const panels = readDashboards().flatMap((dashboard) => dashboard.panels)
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
      // What is left out may be all that there is.
      const asked = /!=|!~/.test(selector) ? name : selector
      expect([asked, (await prometheus.series(asked)).length > 0]).toEqual([asked, true])
    }
  }
  const told = known.filter((name) => name.startsWith('partoo_')).sort()
  expect(told).toEqual([...new Set(guide.match(/(?<=^\| `)partoo_\w+(?=` )/gm))].sort())
}
