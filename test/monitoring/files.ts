// Owns the reading of what is under deploy/prometheus and deploy/grafana, as far as tests judge it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const deploy = join(import.meta.dirname, '../../deploy')
export const alertsFile = join(deploy, 'prometheus/alerts.yml')
const dashboardsFolder = join(deploy, 'grafana/dashboards')

export type Alert = {
  alert: string
  expr: string
  for?: string
  labels: { severity: string }
  annotations: { summary: string; runbook: string }
}

export type Dashboard = {
  panels: {
    id: number
    type: string
    title: string
    description?: string
    datasource?: unknown
    gridPos: { x: number; y: number; w: number; h: number }
    fieldConfig?: { defaults?: { unit?: string } }
    targets?: { expr: string; legendFormat: string }[]
  }[]
}

export function readAlerts(): Alert[] {
  const { groups } = parse(readFileSync(alertsFile, 'utf8')) as { groups: { rules: Alert[] }[] }
  return groups.flatMap(({ rules }) => rules)
}

/** The dashboards, with queries as Grafana sends them where Prometheus scrapes every 15 s, and of all namespaces. */
export function readDashboards(): Dashboard[] {
  const texts = readdirSync(dashboardsFolder).map((name) => readFileSync(join(dashboardsFolder, name), 'utf8'))
  return texts.map(
    (text) => JSON.parse(text.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*')) as Dashboard,
  )
}

/** The metrics that a query selects, and the labels by which it does. */
export function selectors(expr: string): { selector: string; name: string; labels: string[] }[] {
  const found = [...expr.matchAll(/\b(up|(?:partoo|process|nodejs)_\w+)(\{[^}]*\})?/g)]
  return found.map(([selector, name = '', braces = '']) => ({
    selector,
    name,
    labels: [...braces.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }))
}
