// Owns the command line: what can be asked for, and how it is written. Nothing of a wrong argument is repeated but names:
// an address may hold a password.

import { types } from '@bridge/runtime/config'
import { type ArgumentsRead, type CommandRead, readCommand } from '@bridge/runtime/tool-run'
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

/** What each command takes. */
const taken = {
  check: ['registry', 'only', 'format', 'output-format'],
  register: ['registry', 'only', 'format', 'output-format', 'dry-run'],
} as const satisfies Record<Order['command'], readonly (keyof typeof options)[]>

type Values = Extract<CommandRead<Order['command'], typeof options>, { kind: 'command' }>['values']

/** Reads the arguments behind the name of the script. Never throws. */
export function readArguments(args: string[]): ArgumentsRead<Order> {
  const read = readCommand(args, options, taken)
  if (read.kind !== 'command') return read
  const { command, values, positionals: more } = read
  if (more.length > 0) return wrong(`${command} takes options only: topics are named by the services' variables.`)
  return readOrder(command, values)
}

function readOrder(command: Order['command'], values: Values): ArgumentsRead<Order> {
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

function wrong(why: string): ArgumentsRead<Order> {
  return { kind: 'wrong', why }
}
