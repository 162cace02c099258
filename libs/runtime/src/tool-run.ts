// How a run of a tool begins, what its `--help` tells of variables, and the codes that it ends with.

import { type ParseArgsConfig, parseArgs } from 'node:util'
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

/** The variables as `--help` lists them. */
export function variableRows(declared: Record<string, Variable<unknown>>): string {
  const rows = Object.entries(declared).map(([name, { about, required, fallback, secret }]) => {
    const note = required ? 'required' : (fallback ?? 'none')
    return `  ${name}${secret ? `, ${name}_FILE` : ''}\n      ${about} [${note}]`
  })
  return rows.join('\n')
}

type OptionsOf<Options extends NonNullable<ParseArgsConfig['options']>> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; allowPositionals: true }>
>['values']

/** A command and its options, as they are written; what options say is the tool's to read. */
export type CommandRead<Command extends string, Options extends NonNullable<ParseArgsConfig['options']>> =
  | { kind: 'help' }
  | { kind: 'wrong'; why: string }
  | { kind: 'command'; command: Command; values: OptionsOf<Options>; positionals: string[] }

/**
 * Reads which command is meant, and its options. Never throws.
 *
 * @param options of all commands, `help` among them
 * @param taken what each command takes: an option that would do nothing is refused, lest it be taken for done
 */
export function readCommand<Command extends string, Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
  taken: Record<Command, readonly (keyof Options)[]>,
): CommandRead<Command, Options> {
  let parsed: { values: OptionsOf<Options>; positionals: string[] }
  try {
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    // Without Node's advice on `--`.
    const why = error instanceof Error ? (error.message.split(/\.? To specify/)[0] ?? '') : 'cannot be read'
    return { kind: 'wrong', why }
  }
  const { values, positionals } = parsed
  if ('help' in values && values.help === true) return { kind: 'help' }
  const commands = Object.keys(taken).join(', ')
  const [name, ...more] = positionals
  if (name === undefined) return { kind: 'wrong', why: `Which command? One of: ${commands}.` }
  if (!Object.hasOwn(taken, name)) return { kind: 'wrong', why: `No such command. There are: ${commands}.` }
  const command = name as Command
  const stray = Object.keys(values).find((option) => !taken[command].includes(option))
  if (stray !== undefined) return { kind: 'wrong', why: `${command} takes no --${stray}.` }
  return { kind: 'command', command, values, positionals: more }
}
