// Owns the command line: what can be asked for, and how it is written.

import { type ArgumentsRead, type CommandRead, readCommand } from '@bridge/runtime/tool-run'
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

/** What each command takes. */
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

function wrong(why: string): ArgumentsRead<Order> {
  return { kind: 'wrong', why }
}
