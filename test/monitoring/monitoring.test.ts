// Real: the alerts (by promtool, where it is installed), the dashboard, the operations guide, both services' metrics as they are
// registered. Doubled: nothing. Failure: a query on a metric or label that no service has, an alert that does not fire when it must or
// has no section in the guide, a metric that the guide does not explain.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMetrics as createIngestorMetrics } from '@bridge/ingestor/metrics'
import { createMetrics as createGatewayMetrics } from '@bridge/webhook-gateway/metrics'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Alert, alertsFile, readAlerts, readDashboards, selectors } from './files.ts'

const root = join(import.meta.dirname, '../..')
const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8')
const alerts = readAlerts()
const dashboards = readDashboards()
const panels = dashboards.flatMap((dashboard) => dashboard.panels).filter(({ type }) => type !== 'row')
const hasPromtool = spawnSync('promtool', ['--version']).status === 0

/** The metrics of a service, as on its page before anything happened: labels by name. */
function registered(service: 'ingestor' | 'gateway'): Map<string, string[]> {
  const { registry } =
    service === 'gateway'
      ? createGatewayMetrics()
      : createIngestorMetrics({
          channels: new Map(),
          view: () => {
            throw new Error('nothing is scraped here')
          },
          highWatermark: () => undefined,
          disagrees: () => false,
          registryWaiting: () => [],
        })
  const metrics = registry.getMetricsAsArray() as unknown as { name: string; labelNames?: string[] }[]
  const own = metrics.map(({ name, labelNames = [] }) => [name, [...labelNames].sort()] as const)
  // The admin server's.
  return new Map([...own, ['partoo_ready', []]])
}

const ingestor = registered('ingestor')
const gateway = registered('gateway')

test.skipIf(!hasPromtool)(
  `promtool takes the alerts, and each fires and does not fire${hasPromtool ? '' : ' (promtool is not installed)'}`,
  () => {
    const options = { cwd: join(alertsFile, '..'), encoding: 'utf8' } as const
    for (const command of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', command, options)
      expect(`${stdout}${stderr}${status}`).toMatch(/SUCCESS[\s\S]*0$/)
    }
  },
  60_000,
)

test('each alert has a case in which it fires and one in which it does not, and a section in the guide', () => {
  const { tests } = parse(readFileSync(join(alertsFile, '../alerts.test.yml'), 'utf8')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[]
  }
  const cases = tests.flatMap((one) => one.alert_rule_test)
  const anchors = [...operations.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  )
  for (const { alert, labels, annotations } of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert)
    expect([alert, own.some((one) => one.exp_alerts.length > 0)]).toEqual([alert, true])
    expect([alert, own.some((one) => one.exp_alerts.length === 0)]).toEqual([alert, true])
    expect(['critical', 'warning', 'info']).toContain(labels.severity)
    const [file, anchor] = annotations.runbook.split('#')
    expect(file).toBe('docs/operations.md')
    expect(anchors).toContain(anchor)
    expect(operations).toContain(`\`${alert}\``)
  }
  for (const [, name] of operations.matchAll(/`(Partoo[A-Z]\w+)`/g))
    expect(alerts.map(({ alert }) => alert)).toContain(name)
  for (const [, anchor] of operations.matchAll(/\]\(#([\w-]+)\)/g)) expect(anchors).toContain(anchor)
})

test('the guide explains each metric of each service with its labels, and no other', () => {
  const table = (heading: string) => {
    const rows =
      operations
        .slice(operations.indexOf(`| ${heading} `))
        .trim()
        .split('\n\n')[0]
        ?.split('\n')
        .slice(2) ?? []
    return new Map(
      rows.map((row) => {
        const [, name = '', labels = ''] = row.split('|').map((cell) => cell.trim())
        return [name.replaceAll('`', ''), [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort()]
      }),
    )
  }
  const own = (metrics: Map<string, string[]>) =>
    new Map([...metrics].filter(([name]) => name.startsWith('partoo_') && name !== 'partoo_ready'))
  expect(table('ingestor')).toEqual(own(ingestor))
  expect(table('webhook gateway')).toEqual(own(gateway))
})

const queries = [
  ...alerts.map(({ alert, expr }: Alert) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
]

test.each(queries)('every metric and label is one that a service has: %s', (_, expr) => {
  const found = selectors(expr)
  expect(found.length).toBeGreaterThan(0)
  for (const { name, labels } of found) {
    if (name === 'up') continue
    const base = name.replace(/_(bucket|sum|count)$/, '')
    const known = ingestor.get(name) ?? gateway.get(name) ?? ingestor.get(base) ?? gateway.get(base)
    expect([name, known !== undefined]).toEqual([name, true])
    for (const label of labels) expect([...(known ?? []), 'job', 'instance', 'namespace', 'le']).toContain(label)
  }
})

test('the dashboard: each panel has a title, a source, a unit, queries with a legend, and a place of its own', () => {
  expect(dashboards.length).toBeGreaterThan(0)
  for (const panel of panels) {
    expect(panel.title).not.toBe('')
    expect(panel.datasource).toEqual({ type: 'prometheus', uid: expect.stringContaining('{datasource}') })
    expect(panel.fieldConfig?.defaults?.unit, panel.title).toMatch(/./)
    expect(panel.targets?.length, panel.title).toBeGreaterThan(0)
    for (const target of panel.targets ?? []) expect(target.legendFormat, panel.title).toMatch(/./)
    const { x, y, w, h } = panel.gridPos
    expect(x + w).toBeLessThanOrEqual(24)
    for (const other of panels.filter((one) => one !== panel)) {
      const apart =
        x + w <= other.gridPos.x ||
        other.gridPos.x + other.gridPos.w <= x ||
        y + h <= other.gridPos.y ||
        other.gridPos.y + other.gridPos.h <= y
      expect([panel.title, other.title, apart]).toEqual([panel.title, other.title, true])
    }
  }
  const ids = dashboards.flatMap((dashboard) => dashboard.panels.map(({ id }) => id))
  expect(new Set(ids).size).toBe(ids.length)
})
