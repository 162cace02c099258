// What a row of the benchmark works with: a Kafka, the API server, topics of its own, and the processes under measurement.
// Whatever a row opens is closed when the row is over, however it ends.

import { freePort } from '@bridge/local-kafka/ports'
import { createTopics, removeWithPrefix, type TopicNames } from '@bridge/local-kafka/topics'
import type { Api, Counts } from './api.ts'
import type { CallReport } from './call-record.ts'
import type { RowResult } from './figures.ts'
import { Load } from './load.ts'
import { partitionCount } from './messages.ts'
import { waitFor } from './waiting.ts'
import { hurriedStopDeadlineMs, Worker } from './worker.ts'

/** A row of the benchmark. */
export type Row = {
  readonly name: string
  /** What is done, in one line. */
  readonly work: string
  run(stage: Stage): Promise<RowResult>
}

export type StageParts = {
  brokers: string
  /** The Kafka goes on when the benchmark has ended: what a row made in it is removed, however the row ends. */
  keepsKafka: boolean
  api: Api
  /** Less work, one run. */
  quick: boolean
  /** Where the output of processes goes. */
  folder: string
  profileFolder: string | null
  signal: AbortSignal
  /** Says how far the row is. */
  progress: (text: string) => void
}

/** Topics of a row, under a prefix of their own. */
export type StageTopics = { prefix: string; names: TopicNames }

export type IngestorOptions = { group: string; env?: Record<string, string>; name?: string }

const readyDeadlineMs = 60_000
let prefixes = 0

export class Stage {
  /** A client of the row's own: kafkajs asks for every topic it was ever given, and stumbles over one that was deleted. */
  readonly load: Load
  readonly #parts: StageParts
  readonly #workers: Worker[] = []
  readonly #prefixes: string[] = []

  static async open(parts: StageParts): Promise<Stage> {
    return new Stage(parts, await Load.connect(parts.brokers))
  }

  private constructor(parts: StageParts, load: Load) {
    this.#parts = parts
    this.load = load
  }

  get api(): Api {
    return this.#parts.api
  }

  get signal(): AbortSignal {
    return this.#parts.signal
  }

  get quick(): boolean {
    return this.#parts.quick
  }

  /** How often a measurement is repeated, its median being the figure. */
  get runs(): number {
    return this.#parts.quick ? 1 : 3
  }

  progress(text: string): void {
    this.#parts.progress(text)
  }

  /** Creates topics for this row alone. */
  async topics(): Promise<StageTopics> {
    prefixes += 1
    const prefix = `bench-${process.pid}-${prefixes}-`
    this.#prefixes.push(prefix)
    return { prefix, names: await createTopics(this.#parts.brokers, prefix) }
  }

  /** Starts an ingestor as an operator would, at its defaults but for a limit (none) and what `env` says. */
  async startIngestor({ names }: StageTopics, options: IngestorOptions): Promise<Ingestor> {
    const adminPort = await freePort()
    const env = {
      KAFKA_BROKERS: this.#parts.brokers,
      OUTBOUND_TOPIC: names.outbound,
      DLQ_TOPIC: names.dlq,
      RECEIPTS_TOPIC: names.receipts,
      INGESTOR_GROUP_ID: options.group,
      PARTOO_BASE_URL: this.api.baseUrl,
      PARTOO_API_KEY: 'key',
      PARTOO_CHANNEL_ID: 'chat',
      PARTOO_ORG_ID: '1',
      PARTOO_RATE_LIMIT_PER_MINUTE: '0',
      ADMIN_HOST: '127.0.0.1',
      ADMIN_PORT: String(adminPort),
      ...options.env,
    }
    const worker = await this.#start(options.name ?? 'ingestor', 'services/ingestor/src/main.ts', env)
    return new Ingestor(worker, `http://127.0.0.1:${adminPort}`, this.signal)
  }

  /** Starts the plain loop on a topic. */
  startPlainLoop({ names }: StageTopics, group: string): Promise<Worker> {
    return this.#start('plain loop', 'test/bench/plain-loop.ts', {
      BROKERS: this.#parts.brokers,
      GROUP: group,
      TOPIC: names.outbound,
      PARTITIONS: String(partitionCount),
      BASE_URL: this.api.baseUrl,
    })
  }

  /** Waits until the server's counts are such, saying how far it is. Fails at once where a process has ended. */
  untilCounts(what: string, deadlineMs: number, isSuch: (counts: Counts) => boolean): Promise<Counts> {
    return waitFor(what, deadlineMs, this.signal, async () => {
      for (const worker of this.#workers) {
        if (worker.ended) throw new Error(`the ${worker.name} ended:\n${lastLines(worker.output())}`)
      }
      const counts = await this.api.counts()
      this.progress(`${what}: ${counts.accepted.toLocaleString('en-US')} accepted`)
      return isSuch(counts) && counts
    })
  }

  /** Ends a process: in order, so that it leaves its group, or at once. */
  async end(worker: Worker, how: 'stop' | 'kill' = 'stop'): Promise<void> {
    await (how === 'stop' ? worker.stop() : worker.kill())
    this.#workers.splice(this.#workers.indexOf(worker), 1)
  }

  /** Ends every process of the row and removes its topics. Twice is fine. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.stop(hurriedStopDeadlineMs)))
    await this.load.close()
    if (this.signal.aborted && !this.#parts.keepsKafka) return
    for (const prefix of this.#prefixes.splice(0)) await removeWithPrefix(this.#parts.brokers, prefix)
  }

  async #start(name: string, entry: string, env: Record<string, string>): Promise<Worker> {
    const { folder, profileFolder, signal } = this.#parts
    const profile = profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
    const nodeOptions = ['--disable-warning=TimeoutNegativeWarning', ...profile]
    const worker = await Worker.start({ name, entry, env, nodeOptions }, folder, signal)
    this.#workers.push(worker)
    return worker
  }
}

/** An ingestor that was started, and its admin port. */
export class Ingestor {
  readonly worker: Worker
  readonly #adminUrl: string
  readonly #signal: AbortSignal

  constructor(worker: Worker, adminUrl: string, signal: AbortSignal) {
    this.worker = worker
    this.#adminUrl = adminUrl
    this.#signal = signal
  }

  /** Waits until it is ready, as its admin port says. */
  async ready(): Promise<void> {
    await waitFor('an ingestor that is ready', readyDeadlineMs, this.#signal, async () => {
      if (this.worker.ended) throw new Error(`the ingestor ended:\n${lastLines(this.worker.output())}`)
      return (await this.#get('/readyz')) !== undefined
    })
  }

  /** A metric without labels, as a scrape tells it; undefined where there is none of the name. */
  async metric(name: string): Promise<number | undefined> {
    const text = await this.#get('/metrics')
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text ?? '')?.[1]
    return value === undefined ? undefined : Number(value)
  }

  async #get(path: string): Promise<string | undefined> {
    try {
      const response = await fetch(this.#adminUrl + path, { signal: AbortSignal.timeout(5_000) })
      const text = await response.text()
      return response.status === 200 ? text : undefined
    } catch {
      return undefined
    }
  }
}

/** What a report shows that must never be, one line each. @param count messages that there were */
export function wrongIn(report: CallReport, count: number): string[] {
  const wrong: string[] = []
  if (report.created < count) wrong.push(`${count - report.created} of ${count} messages were not created`)
  if (report.outOfOrder > 0) wrong.push(`${report.outOfOrder} first calls out of their conversation's order`)
  if (report.createdTwice > 0) wrong.push(`${report.createdTwice} messages created twice`)
  return wrong
}

function lastLines(output: string): string {
  return output
    .trimEnd()
    .split('\n')
    .slice(-5)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n')
}
