// Owns the command line: what can be asked for, and how it is written.

import { parseArgs } from 'node:util'
import { type ArgumentsRead, argumentsError } from '@bridge/runtime/tool-run'
import type { Principals } from './acl-rules.ts'
import { isRole, type Role, roles } from './roles.ts'

type Common = {
  /** undefined: as the environment says. */
  brokers: string | undefined
  only: Role[]
}

/** What is asked for. */
export type Order =
  | ({ command: 'check' } & Common)
  | ({
      command: 'create'
      dryRun: boolean
      alter: boolean
      /** undefined: as the table says. */
      partitions: number | undefined
      replicationFactor: number | undefined
    } & Common)
  | ({ command: 'acls'; principals: Principals; consumerGroup: string } & Common)

export const principalDefaults: Principals = {
  ingestor: 'User:partoo-ingestor',
  gateway: 'User:partoo-webhook-gateway',
  producers: 'User:your-producers',
  consumers: 'User:your-consumers',
  operators: 'User:your-operators',
}
export const consumerGroupDefault = 'your-consumers'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const options = {
  help: { ...flag, short: 'h' },
  brokers: text,
  only: text,
  'dry-run': flag,
  alter: flag,
  partitions: text,
  'replication-factor': text,
  'principal-ingestor': text,
  'principal-gateway': text,
  'principal-producers': text,
  'principal-consumers': text,
  'principal-operators': text,
  'consumer-group': text,
} as const

/** What each command takes; a flag that would do nothing is refused, lest it be taken for done. */
const taken = {
  check: ['brokers', 'only'],
  create: ['brokers', 'only', 'dry-run', 'alter', 'partitions', 'replication-factor'],
  acls: [
    'brokers',
    'only',
    'principal-ingestor',
    'principal-gateway',
    'principal-producers',
    'principal-consumers',
    'principal-operators',
    'consumer-group',
  ],
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
  const { brokers } = values
  const only = (values.only ?? roles.join(',')).split(',').map((name) => name.trim())
  if (!only.every(isRole)) return wrong(`--only takes of these, with commas between them: ${roles.join(', ')}.`)
  switch (command) {
    case 'check':
      return { kind: 'order', order: { command, brokers, only } }
    case 'create': {
      const { 'dry-run': dryRun = false, alter = false } = values
      const partitions = whole(values.partitions, 10_000)
      const replicationFactor = whole(values['replication-factor'], 100)
      if (partitions === 'wrong') return wrong('--partitions must be a whole number, at least 1.')
      if (replicationFactor === 'wrong') return wrong('--replication-factor must be a whole number, at least 1.')
      return { kind: 'order', order: { command, brokers, only, dryRun, alter, partitions, replicationFactor } }
    }
    case 'acls': {
      const principals = { ...principalDefaults }
      for (const who of Object.keys(principalDefaults) as (keyof Principals)[]) {
        const given = values[`principal-${who}`]
        if (given === undefined) continue
        if (!/^[A-Za-z]+:\P{Cc}+$/u.test(given)) return wrong(`--principal-${who} must be like User:name.`)
        principals[who] = given
      }
      const consumerGroup = values['consumer-group'] ?? consumerGroupDefault
      return { kind: 'order', order: { command, brokers, only, principals, consumerGroup } }
    }
  }
}

function whole(text: string | undefined, max: number): number | undefined | 'wrong' {
  if (text === undefined) return undefined
  return /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= max ? Number(text) : 'wrong'
}

function isCommand(name: string): name is Order['command'] {
  return Object.hasOwn(taken, name)
}

function wrong(why: string): ArgumentsRead<Order> {
  return { kind: 'wrong', why }
}
