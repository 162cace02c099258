// Owns a Prometheus of a test: this machine's program, with the repository's alerts, scraping every second.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@bridge/local-kafka/ports'
import { until } from './wait.ts'

export type Series = Record<string, string>

/** An alert that is on. `pending`: not for long enough yet. */
export type ActiveAlert = { name: string; state: 'pending' | 'firing'; summary: string }

/** Alerts that fire at once, as nobody waits for minutes. */
export function atOnce(rules: string): string {
  return rules.replaceAll(/^ +for: .*\n/gm, '')
}

/**
 * Alerts to which a second is a minute: what they wait for and compare with (bounds of seconds are above 100). They look back three
 * times as far, as what the services try again does not hurry.
 */
export function hurried(rules: string): string {
  return rules
    .replaceAll(/^( +for: \d+)m$/gm, '$1s')
    .replaceAll(/\[(\d+)m\]/g, (_, minutes) => `[${minutes * 3}s]`)
    .replaceAll(/\[(\d+)h\]/g, (_, hours) => `[${hours * 3}m]`)
    .replaceAll(/([<>] )(\d{3,})\b/g, (_, sign, seconds) => `${sign}${seconds / 60}`)
}

export class Prometheus {
  readonly #child: ChildProcess
  readonly #url: string
  readonly #folder: string

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.#child = child
    this.#url = url
    this.#folder = folder
  }

  static isInstalled(): boolean {
    return spawnSync('prometheus', ['--version']).status === 0
  }

  /**
   * Starts it, and waits until it answers.
   *
   * @param jobs host:port of the targets by job
   * @param rules alerts as their file has them, or `atOnce` or `hurried`
   */
  static async start(jobs: Record<string, string[]>, rules: string): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-'))
    writeFileSync(join(folder, 'alerts.yml'), rules)
    const scrapes = Object.entries(jobs).map(([job_name, targets]) => ({ job_name, static_configs: [{ targets }] }))
    const global = { scrape_interval: '1s', evaluation_interval: '1s' }
    writeFileSync(
      join(folder, 'prometheus.yml'),
      JSON.stringify({ global, rule_files: ['alerts.yml'], scrape_configs: scrapes }),
    )
    const port = await freePort()
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    )
    const prometheus = new Prometheus(child, `http://127.0.0.1:${port}`, folder)
    await until(
      'Prometheus',
      async () => (await fetch(`${prometheus.#url}/-/ready`).catch(() => null))?.ok === true,
      30_000,
    )
    return prometheus
  }

  /** The value of a query now: labels of each series that it has. Throws with Prometheus's words where it is none. */
  async query(expr: string): Promise<Series[]> {
    const { result } = (await this.#ask('query', { query: expr })) as { result: { metric: Series }[] }
    return result.map(({ metric }) => metric)
  }

  /** Every series that a selector has had so far. */
  series(selector: string): Promise<Series[]> {
    return this.#ask('series', { 'match[]': selector }) as Promise<Series[]>
  }

  /** Names of the metrics on the pages that were scraped, those without a series too. */
  async metricNames(): Promise<string[]> {
    return Object.keys((await this.#ask('metadata', {})) as object)
  }

  /** The alerts that are on now. */
  async alerts(): Promise<ActiveAlert[]> {
    type Told = { state: 'pending' | 'firing'; labels: Series; annotations: Series }
    const { alerts } = (await this.#ask('alerts', {})) as { alerts: Told[] }
    return alerts.map(({ state, labels, annotations }) => ({
      name: labels.alertname ?? '',
      state,
      summary: annotations.summary ?? '',
    }))
  }

  /** Names of the alerts that fire now. */
  async firing(): Promise<string[]> {
    return (await this.alerts()).filter(({ state }) => state === 'firing').map(({ name }) => name)
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #ask(what: string, query: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${what}?${new URLSearchParams(query)}`)
    const answer = (await response.json()) as { status: string; error?: string; data: unknown }
    if (answer.status !== 'success') throw new Error(`${JSON.stringify(query)}: ${answer.error}`)
    return answer.data
  }
}
