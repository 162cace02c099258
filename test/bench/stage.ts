// What a row of any suite works with: a Kafka, topics of its own, and the processes under measurement. Whatever a row opens is
// closed when the row is over, however it ends.

import { createTopics, removeWithPrefix, type TopicNames } from '@bridge/local-kafka/topics'
import { Load } from './load.ts'
import { hurriedStopDeadlineMs, lastLines, Worker, type WorkerSpec } from './worker.ts'

export type StageParts = {
  brokers: string
  /** The Kafka goes on when the benchmark has ended: what a row made in it is removed, however the row ends. */
  keepsKafka: boolean
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

  get brokers(): string {
    return this.#parts.brokers
  }

  get folder(): string {
    return this.#parts.folder
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

  /** Starts a process under measurement. */
  async start(spec: Omit<WorkerSpec, 'nodeOptions'>): Promise<Worker> {
    const { folder, profileFolder, signal } = this.#parts
    const profile = profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
    const nodeOptions = ['--disable-warning=TimeoutNegativeWarning', ...profile]
    const worker = await Worker.start({ ...spec, nodeOptions }, folder, signal)
    this.#workers.push(worker)
    return worker
  }

  /** Throws where a process under measurement has ended by itself. */
  throwIfEnded(): void {
    for (const worker of this.#workers) {
      if (worker.ended) throw new Error(`the ${worker.name} ended:\n${lastLines(worker.output())}`)
    }
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
}
