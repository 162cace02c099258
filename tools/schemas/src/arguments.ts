// Owns the command line: what can be asked for, and how it is written. Nothing of a wrong argument is repeated but names:
// an address may hold a password.

import { parseArgs } from 'node:util'
import { types } from '@bridge/runtime/config'
import { type ArgumentsRead, argumentsError } from '@bridge/runtime/tool-run'
import { type SchemaFormat, schemaFormats } from '@bridge/schemas/schema-files'
import { isFormat, isRole, type Role, roles } from './subjects.ts'

/** What is asked for. `undefined`: as the environment says. */
export type Order = {
  command: 'check' | 'register'
  registry: string | undefined
  only: Role[]
  /** undefined: avro. */
  format: SchemaFormat | undefined
  /** Of what the services publish; undefined: as OUTPUT_FORMAT says, else as `format`. */
  outputFormat: SchemaFormat | undefined
  /** Of `register`. */
  dryRun: boolean
}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const options = {
  help: { ...flag, short: 'h' },
  registry: text,
  only: text,
  format: text,
  'output-format': text,
  'dry-run': flag,
} as const

/** What each command takes; a flag that would do nothing is refused, lest it be taken for done. */
const taken = {
  check: ['registry', 'only', 'format', 'output-format'],
  register: ['registry', 'only', 'format', 'output-format', 'dry-run'],
} as const satisfies Record<Order['command'], readonly (keyof typeof options)[]>

const commands = Object.keys(taken).join(', ')

/** Reads the arguments behind the name of the script. Never throws. */
export function readArguments(args: string[]): ArgumentsRead<Order> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return wrong(argumentsError(error))
  }
  const { values, positionals } = parsed
  if (values.help) return { kind: 'help' }
  const [command, ...more] = positionals
  if (command === undefined) return wrong(`Which command? One of: ${commands}.`)
  if (!isCommand(command)) return wrong(`No such command. There are: ${commands}.`)
  if (more.length > 0) return wrong(`${command} takes options only: topics are named by the services' variables.`)
  const stray = Object.keys(values).find((name) => !(taken[command] as readonly string[]).includes(name))
  if (stray !== undefined) return wrong(`${command} takes no --${stray}.`)
  return readOrder(command, values)
}

function parse(args: string[]) {
  return parseArgs({ args, options, allowPositionals: true })
}

function readOrder(command: Order['command'], values: ReturnType<typeof parse>['values']): ArgumentsRead<Order> {
  const { registry, format, 'output-format': outputFormat, 'dry-run': dryRun = false } = values
  const address = registry === undefined ? undefined : types.httpUrl.safeParse(registry)
  if (address?.success === false) return wrong(`--registry ${address.error.issues[0]?.message}.`)
  const only = (values.only ?? roles.join(',')).split(',').map((name) => name.trim())
  if (!only.every(isRole)) return wrong(`--only takes of these, with commas between them: ${roles.join(', ')}.`)
  const oneOf = `takes one of these: ${schemaFormats.join(', ')}. Plain JSON has no schema at a registry.`
  if (format !== undefined && !isFormat(format)) return wrong(`--format ${oneOf}`)
  if (outputFormat !== undefined && !isFormat(outputFormat)) return wrong(`--output-format ${oneOf}`)
  return { kind: 'order', order: { command, registry, only, format, outputFormat, dryRun } }
}

function isCommand(name: string): name is Order['command'] {
  return Object.hasOwn(taken, name)
}

function wrong(why: string): ArgumentsRead<Order> {
  return { kind: 'wrong', why }
}
