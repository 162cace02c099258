// How a run of a tool begins, what its `--help` tells of variables, and the codes that it ends with.

import type { ConfigRead, Variable } from './config.ts'
import type { Output } from './tool-output.ts'

/** Exit codes; 64 and 78 are those of sysexits.h, 130 is a shell's for Ctrl-C. */
export const exits = { done: 0, failed: 1, usage: 64, configuration: 78, interrupted: 130 } as const

/** What the arguments ask for. */
export type ArgumentsRead<Order> = { kind: 'help' } | { kind: 'wrong'; why: string } | { kind: 'order'; order: Order }

export type Tool<Order, Settings> = {
  /** As in `npm run <name>`. */
  name: string
  help: string
  readArguments: (args: string[]) => ArgumentsRead<Order>
  readSettings: (env: NodeJS.ProcessEnv, order: Order) => ConfigRead<Settings>
  perform: (order: Order, settings: Settings) => Promise<number>
}

/** Reads what is asked for and the settings, and does it. @returns the exit code */
export async function runTool<Order, Settings>(
  { name, help, readArguments, readSettings, perform }: Tool<Order, Settings>,
  { args, env, output }: { args: string[]; env: NodeJS.ProcessEnv; output: Output },
): Promise<number> {
  const read = readArguments(args)
  if (read.kind === 'help') {
    output.line(help.trimEnd())
    return exits.done
  }
  if (read.kind === 'wrong') return wrongUsage(name, output, read.why)
  const settings = readSettings(env, read.order)
  if (settings.kind === 'read') return perform(read.order, settings.config)
  output.error(`The configuration is wrong (${settings.problems.length}):`)
  for (const problem of settings.problems) output.error(`  ${problem}`)
  return exits.configuration
}

/** Tells what is wrong with the arguments. @returns the exit code */
export function wrongUsage(name: string, output: Output, why: string): number {
  output.error(`${why}\nnpm run ${name} -- --help tells what there is.`)
  return exits.usage
}

/** What is wrong with arguments that `parseArgs` refuses, without its advice on `--`. */
export function argumentsError(error: unknown): string {
  return error instanceof Error ? (error.message.split(/\.? To specify/)[0] ?? '') : 'cannot be read'
}

/** The variables as `--help` lists them. */
export function variableRows(declared: Record<string, Variable<unknown>>): string {
  const rows = Object.entries(declared).map(([name, { about, required, fallback, secret }]) => {
    const note = required ? 'required' : (fallback ?? 'none')
    return `  ${name}${secret ? `, ${name}_FILE` : ''}\n      ${about} [${note}]`
  })
  return rows.join('\n')
}
