// Owns how the services' processes fare over a long time: memory, open handles, delay of the event loop, sampled for each process
// from its beginning to its end.

import { readdirSync } from 'node:fs'
import { memoryOf } from '../bench/process-usage.ts'
import type { ServiceProcess } from '../support/service.ts'

const sampleEveryMs = 5_000
/** A process has its working size after so long: what it grows by from there on is judged. */
const grownUpMs = 120_000
/** Judged where it was seen for so long after that. */
const judgedMs = 180_000
const answerDeadlineMs = 3_000

/** What a process may come to: resident memory, its growth, open handles and theirs, once it is grown up. */
const residentMbMax = 300
const growthMbMax = 60
const handlesGrowthMax = 40

type Sample = { atMs: number; residentMb: number; handles: number | null; loopDelayMs: number | null }
export type Seen = { name: string; samples: Sample[] }

export class Health {
  readonly #processes: () => { name: string; process: ServiceProcess }[]
  readonly #seen = new Map<ServiceProcess, Seen>()
  readonly #timer: NodeJS.Timeout
  #sampling = false

  /** Begins to sample. @param processes those that there are; ended ones are passed over */
  constructor(processes: () => { name: string; process: ServiceProcess }[]) {
    this.#processes = processes
    this.#timer = setInterval(() => void this.#sample(), sampleEveryMs)
  }

  /** One line of what is now, for a person. */
  line(): string {
    const now = this.#processes().flatMap(({ name, process }) => {
      const last = this.#seen.get(process)?.samples.at(-1)
      return process.running && last !== undefined
        ? [`${name} ${last.residentMb} MB, ${last.handles ?? '?'} handles`]
        : []
    })
    return now.join('; ')
  }

  /** What it came to, and what of it must not be. */
  verdict(): { told: string[]; wrong: string[] } {
    return verdictOf([...this.#seen.values()])
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #sample(): Promise<void> {
    if (this.#sampling) return
    this.#sampling = true
    for (const { name, process } of this.#processes()) {
      if (!process.running) continue
      try {
        const sample = await sampleOf(process)
        const seen = this.#seen.get(process)
        if (seen === undefined) this.#seen.set(process, { name, samples: [sample] })
        else seen.samples.push(sample)
      } catch {
        // It ended a moment ago.
      }
    }
    this.#sampling = false
  }
}

export function verdictOf(seen: readonly Seen[]): { told: string[]; wrong: string[] } {
  const told: string[] = []
  const wrong: string[] = []
  for (const name of new Set(seen.map((one) => one.name))) {
    const all = seen.filter((one) => one.name === name)
    const samples = all.flatMap((one) => one.samples)
    const residentMb = Math.max(...samples.map((one) => one.residentMb))
    const handles = Math.max(...samples.map((one) => one.handles ?? 0))
    const delays = samples
      .flatMap(({ loopDelayMs }) => (loopDelayMs === null ? [] : [loopDelayMs]))
      .sort((a, b) => a - b)
    const delayMs = delays[Math.floor(delays.length * 0.99)] ?? 0
    const growths = all.flatMap(growthOf)
    const growth =
      growths.length === 0
        ? 'none lived long enough to tell growth'
        : `growth at most ${most(growths, 'residentMb')} MB and ${most(growths, 'handles')} handles`
    told.push(
      `${name}: ${all.length} processes, at most ${residentMb} MB resident and ${handles} handles; ${growth} after ` +
        `${grownUpMs / 60_000} minutes; event loop delay ${Math.round(delayMs)} ms at the 99th percentile`,
    )
    if (residentMb > residentMbMax) wrong.push(`${name}: ${residentMb} MB resident, more than ${residentMbMax}`)
    if (most(growths, 'residentMb') > growthMbMax)
      wrong.push(`${name}: memory grew by ${most(growths, 'residentMb')} MB`)
    if (most(growths, 'handles') > handlesGrowthMax) wrong.push(`${name}: handles grew by ${most(growths, 'handles')}`)
  }
  return { told, wrong }
}

type Growth = { residentMb: number; handles: number }

function most(growths: readonly Growth[], what: keyof Growth): number {
  return Math.max(0, ...growths.map((one) => one[what]))
}

/** From its first minute as a grown-up to its last, by their medians: peaks do not count. */
function growthOf({ samples }: Seen): Growth[] {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined) return []
  const fromMs = first.atMs + grownUpMs
  if (last.atMs - fromMs < judgedMs) return []
  const early = samples.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + 60_000)
  const late = samples.filter(({ atMs }) => atMs > last.atMs - 60_000)
  return [
    {
      residentMb: median(late.map((one) => one.residentMb)) - median(early.map((one) => one.residentMb)),
      handles: median(late.map((one) => one.handles ?? 0)) - median(early.map((one) => one.handles ?? 0)),
    },
  ]
}

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}

async function sampleOf(process: ServiceProcess): Promise<Sample> {
  const residentMb = Math.round(memoryOf(process.pid).residentBytes / 1_048_576)
  return {
    atMs: performance.now(),
    residentMb,
    handles: handlesOf(process.pid),
    loopDelayMs: await loopDelayOf(process),
  }
}

function handlesOf(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return null
  }
}

/** The 99th percentile since the scrape before; null where the process does not answer, being stopped for a fault. */
async function loopDelayOf({ adminUrl }: ServiceProcess): Promise<number | null> {
  try {
    const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(answerDeadlineMs) })
    const seconds = /^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(await response.text())?.[1]
    return seconds === undefined ? null : Number(seconds) * 1_000
  } catch {
    return null
  }
}
