// The simulation from the command line: thousands of seeds on all cores, or one seed with every fact and effect. The first
// seed that breaks a law ends it, and is named, as it repeats it. Says what it does on standard error: a trace is clean.

import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { simulateProducer } from './producer-simulation.ts'
import { simulate } from './simulation.ts'

const usage = `Runs the ingestor's core in simulated worlds, in virtual time, and judges it by the laws of DESIGN.md;
the producer of receipts and dead letters too.

  npm run sim                        1,000 seeds
  npm run sim -- --seeds 10000       more of them
  npm run sim -- --from 5001         beginning with another one than 1
  npm run sim -- --seed 123          one seed, with every fact and effect on standard output

  --workers N   threads, as many as there are cores where it is not given

Exit code 1 if a law was broken, 130 after Ctrl-C.
`

/** What a worker answers for the seeds that it was given: what they were, or the first failure. */
export type WorkerAnswer = { kind: 'ran'; seeds: number; steps: number; virtualMs: number; calls: number } | Failed
type Failed = { kind: 'failed'; message: string }

const seedsAtOnce = 8
const progressMs = process.stderr.isTTY ? 200 : 5_000

class Run {
  readonly #lastSeed: number
  readonly #startedMs = performance.now()
  readonly #workers: Worker[] = []
  readonly #total = { seeds: 0, steps: 0, virtualMs: 0, calls: 0 }
  #nextSeed: number
  #end: Failed | { kind: 'held' } | { kind: 'stopped' } | undefined
  #progress: NodeJS.Timeout | undefined

  constructor(firstSeed: number, seeds: number) {
    this.#nextSeed = firstSeed
    this.#lastSeed = firstSeed + seeds - 1
  }

  /** @returns the exit code */
  async run(workers: number): Promise<number> {
    process.once('SIGINT', () => this.#stop({ kind: 'stopped' }))
    process.once('SIGTERM', () => this.#stop({ kind: 'stopped' }))
    this.#progress = setInterval(() => this.#tellProgress(), progressMs)
    await Promise.all(Array.from({ length: workers }, () => this.#work()))
    clearInterval(this.#progress)
    this.#end ??= { kind: 'held' }
    this.#clearLine()
    switch (this.#end.kind) {
      case 'failed':
        process.stderr.write(`${this.#end.message}\n${this.#summary()}\n`)
        return 1
      case 'stopped':
        process.stderr.write(`stopped: ${this.#summary()}\n`)
        return 130
      case 'held':
        process.stderr.write(`every law held: ${this.#summary()}\n`)
        return 0
    }
  }

  async #work(): Promise<void> {
    const worker = new Worker(new URL('./worker.ts', import.meta.url))
    this.#workers.push(worker)
    const ended = once(worker, 'exit')
    worker.on('error', (error) => this.#stop({ kind: 'failed', message: String(error) }))
    worker.on('message', (answer: WorkerAnswer) => {
      if (answer.kind === 'failed') return this.#stop(answer)
      this.#total.seeds += answer.seeds
      this.#total.steps += answer.steps
      this.#total.virtualMs += answer.virtualMs
      this.#total.calls += answer.calls
      this.#give(worker)
    })
    this.#give(worker)
    await ended
  }

  #give(worker: Worker): void {
    const from = this.#nextSeed
    const to = Math.min(this.#lastSeed, from + seedsAtOnce - 1)
    if (this.#end !== undefined || from > to) return void worker.terminate()
    this.#nextSeed = to + 1
    worker.postMessage({ from, to })
  }

  /** The first reason to stop counts. */
  #stop(end: Failed | { kind: 'stopped' }): void {
    this.#end ??= end
    for (const worker of this.#workers) void worker.terminate()
  }

  #tellProgress(): void {
    const line = this.#summary()
    if (!process.stderr.isTTY) process.stderr.write(`${line}\n`)
    else process.stderr.write(`\r\u001b[2K${line}`)
  }

  #clearLine(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K')
  }

  #summary(): string {
    const { seeds, steps, virtualMs, calls } = this.#total
    const seconds = (performance.now() - this.#startedMs) / 1_000
    const number = (value: number) => Math.round(value).toLocaleString('en-US')
    const what = `${number(seeds)} seeds, ${number(steps)} events, ${number(calls)} calls`
    return `${what}, ${number(virtualMs / 3_600_000)} virtual hours in ${seconds.toFixed(1)} s`
  }
}

/** One seed, told in full. @returns the exit code */
async function replay(seed: number): Promise<number> {
  try {
    const seen = simulate(seed, (line) => process.stdout.write(`${line}\n`))
    const producer = await simulateProducer(seed)
    process.stderr.write(`every law held: ${JSON.stringify({ ...seen, producer })}\n`)
    return 0
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    return 1
  }
}

function wrong(text: string): never {
  process.stderr.write(`${text}\n\n${usage}`)
  process.exit(2)
}

function readOptions() {
  const text = { type: 'string' } as const
  const options = { seeds: text, seed: text, from: text, workers: text, help: { type: 'boolean' } } as const
  try {
    return parseArgs({ options }).values
  } catch (error) {
    return wrong((error as Error).message)
  }
}

function count(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  return /^[1-9]\d{0,8}$/.test(value) ? Number(value) : wrong(`--${name} is a number from 1 on, not ${value}`)
}

const { seeds, seed, from, workers, help } = readOptions()
// A reader that has seen enough, as `| head` does, is no failure.
process.stdout.on('error', () => process.exit(0))
if (help) process.stdout.write(usage)
else if (seed !== undefined) process.exitCode = await replay(count('seed', seed, 1))
else {
  const run = new Run(count('from', from, 1), count('seeds', seeds, 1_000))
  process.exitCode = await run.run(count('workers', workers, availableParallelism()))
}
