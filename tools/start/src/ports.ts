// Owns which ports a start uses: the usual ones, or the next free ones, and who has the usual ones.

import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isPortFree } from '@bridge/local-kafka/ports'
import { claim } from './claims.ts'

/** What each port is for, in the words of the line that says it is taken; and the usual one. */
export const portUses = {
  kafka: { what: 'Kafka', usual: 9092 },
  simulator: { what: 'the Partoo simulator', usual: 8090 },
  webhook: { what: 'the webhook gateway', usual: 8080 },
  ingestorAdmin: { what: "the ingestor's metrics", usual: 9464 },
  gatewayAdmin: { what: "the gateway's metrics", usual: 9465 },
} as const

export type PortUse = keyof typeof portUses
/** The ports of what a start always runs; Kafka may be somewhere else altogether. */
export type Ports = Record<Exclude<PortUse, 'kafka'>, number>
export const servicePorts = ['simulator', 'webhook', 'ingestorAdmin', 'gatewayAdmin'] as const

/** How far above the usual port a free one is looked for. */
const searchMax = 200
const commandMax = 40

export type ChosenPorts<Use extends PortUse> = { ports: Record<Use, number>; release(): void }

/**
 * Chooses a port for each use and claims it, so that another start does not choose it before it is listened on.
 * @param say told one line for each usual port that is taken: by whom, and what is used instead
 * @param usual other ports to begin with, for tests
 */
export async function choosePorts<const Use extends PortUse>(
  uses: readonly Use[],
  say: (line: string) => void,
  usual: Partial<Record<Use, number>> = {},
): Promise<ChosenPorts<Use>> {
  const releases: (() => void)[] = []
  const chosen: Partial<Record<Use, number>> = {}
  for (const use of uses) {
    const { what } = portUses[use]
    const wanted = usual[use] ?? portUses[use].usual
    const taken = new Set(Object.values(chosen))
    for (let port: number = wanted; chosen[use] === undefined; port += 1) {
      if (port > wanted + searchMax) throw new Error(`no free port from ${wanted} to ${port}`)
      if (taken.has(port) || !(await isPortFree(port))) continue
      const claimed = claim(claimFile(port))
      if (claimed.kind === 'held') continue
      releases.push(claimed.release)
      chosen[use] = port
    }
    const port = chosen[use]
    if (port !== undefined && port !== wanted && !taken.has(wanted)) {
      say(`Port ${wanted} is taken${byWhom(await findHolder(wanted))}; using ${port} for ${what}.`)
    }
  }
  return {
    ports: chosen as Record<Use, number>,
    release: () => {
      for (const release of releases) release()
    },
  }
}

export type Holder = { command: string; pid: number }

function byWhom(holder: Holder | undefined): string {
  return holder ? ` by ${holder.command} (process ${holder.pid})` : ''
}

/** Answers the process that listens on `port` or has claimed it, where that can be told. */
async function findHolder(port: number): Promise<Holder | undefined> {
  const claimed = claim(claimFile(port))
  if (claimed.kind === 'held') return { command: 'another npm start', pid: claimed.pid }
  claimed.release()
  const lsof = await output('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fp'])
  const pid = parseLsof(lsof ?? '') ?? parseSs((await output('ss', ['-ltnpH', `sport = :${port}`])) ?? '')
  if (pid === undefined) return undefined
  const command = await output('ps', ['-o', 'args=', '-p', String(pid)])
  return { command: shortCommand(command?.trim() || 'a process'), pid }
}

/** Reads `lsof -Fp`: a line p<process id>. */
export function parseLsof(printed: string): number | undefined {
  const pid = /^p(\d+)$/m.exec(printed)?.[1]
  return pid ? Number(pid) : undefined
}

/** Reads `ss -ltnpH`: … users:(("node",pid=123,fd=20)) */
export function parseSs(printed: string): number | undefined {
  const pid = /users:\(\("[^"]+",pid=(\d+)/.exec(printed)?.[1]
  return pid ? Number(pid) : undefined
}

/** Answers a command line cut for one line of text, without the folder of its program. */
export function shortCommand(command: string): string {
  const text = command.replace(/^\S*\//, '')
  return text.length <= commandMax ? text : `${text.slice(0, commandMax - 1)}…`
}

function claimFile(port: number): string {
  return join(tmpdir(), `partoo-bridge-port-${port}`)
}

/** What a command prints; undefined where it is missing or finds nothing. */
async function output(command: string, args: string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, args, { timeout: 3_000 })).stdout
  } catch {
    return undefined
  }
}
