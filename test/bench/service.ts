// A service of the bridge under measurement, and what its admin port says.

import { freePort } from '@bridge/local-kafka/ports'
import type { Stage } from './stage.ts'
import { waitFor } from './waiting.ts'
import type { Worker, WorkerSpec } from './worker.ts'

const readyDeadlineMs = 60_000
const answerDeadlineMs = 5_000

export class Service {
  readonly worker: Worker
  readonly #stage: Stage
  readonly #adminUrl: string

  /** Starts it as an operator would, with an admin port of its own. */
  static async start(stage: Stage, spec: Pick<WorkerSpec, 'name' | 'entry' | 'env'>): Promise<Service> {
    const adminPort = await freePort()
    const admin = { ADMIN_HOST: '127.0.0.1', ADMIN_PORT: String(adminPort) }
    const worker = await stage.start({ ...spec, env: { ...admin, ...spec.env } })
    return new Service(stage, worker, `http://127.0.0.1:${adminPort}`)
  }

  private constructor(stage: Stage, worker: Worker, adminUrl: string) {
    this.#stage = stage
    this.worker = worker
    this.#adminUrl = adminUrl
  }

  /** Waits until it is ready, as its admin port says. */
  async ready(): Promise<void> {
    await waitFor(`${this.worker.name} to be ready`, readyDeadlineMs, this.#stage.signal, async () => {
      this.#stage.throwIfEnded()
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
      const response = await fetch(this.#adminUrl + path, { signal: AbortSignal.timeout(answerDeadlineMs) })
      const text = await response.text()
      return response.status === 200 ? text : undefined
    } catch {
      return undefined
    }
  }
}
