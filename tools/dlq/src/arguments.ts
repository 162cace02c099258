// Owns the command line: what can be asked for, and how it is written.

import { type ArgumentsRead, type CommandRead, readCommand } from '@bridge/runtime/tool-run'
import { type DeadLetterReason, deadLetterReasons } from '@bridge/schemas/receipt'
import { type Filter, isEmpty } from './filter.ts'
import { type Place, readPlace } from './letter.ts'
import { readTime } from './times.ts'

type Common = {
  /** undefined: as the environment says. */
  brokers: string | undefined
}

/** What is asked for. */
export type Order =
  | ({ command: 'list'; filter: Filter; redriven: boolean; json: boolean; limit: number } & Common)
  | ({ command: 'show'; places: Place[]; value: boolean } & Common)
  | ({ command: 'redrive'; filter: Filter; again: boolean; dryRun: boolean } & Common)

export const limitDefault = 50

const text = { type: 'string' } as const
const texts = { type: 'string', multiple: true } as const
const flag = { type: 'boolean' } as const
const options = {
  help: { ...flag, short: 'h' },
  brokers: text,
  reason: texts,
  channel: texts,
  conversation: texts,
  letter: texts,
  since: text,
  until: text,
  redriven: flag,
  json: flag,
  limit: text,
  value: flag,
  all: flag,
  again: flag,
  'dry-run': flag,
} as const

const filters = ['reason', 'channel', 'conversation', 'letter', 'since', 'until'] as const

/** What each command takes. */
const taken = {
  list: ['brokers', ...filters, 'redriven', 'json', 'limit'],
  show: ['brokers', 'value'],
  redrive: ['brokers', ...filters, 'all', 'again', 'dry-run'],
} as const satisfies Record<Order['command'], readonly (keyof typeof options)[]>

type Values = Extract<CommandRead<Order['command'], typeof options>, { kind: 'command' }>['values']

/** Reads the arguments behind the name of the script. Never throws. @param nowMs wall clock, for times that are so long ago */
export function readArguments(args: string[], nowMs = Date.now()): ArgumentsRead<Order> {
  const read = readCommand(args, options, taken)
  if (read.kind !== 'command') return read
  const { command, values, positionals: more } = read
  if (command === 'show') return readShow(more, values)
  if (more.length > 0) return wrong(`${command} takes options only: a dead letter goes behind --letter.`)
  const filter = readFilter(values, nowMs)
  if (typeof filter === 'string') return wrong(filter)
  return command === 'list' ? readList(values, filter) : readRedrive(values, filter)
}

function readShow(named: string[], { brokers, value = false }: Values): ArgumentsRead<Order> {
  const places = readPlaces(named)
  if (places === undefined || places.length === 0) {
    return wrong('show takes dead letters as list names them: partition/offset, such as 0/17.')
  }
  return { kind: 'order', order: { command: 'show', brokers, places, value } }
}

function readList(values: Values, filter: Filter): ArgumentsRead<Order> {
  const { brokers, redriven = false, json = false } = values
  // Whoever reads JSON is a program, and wants all.
  const limit = values.limit ?? (json ? String(Number.MAX_SAFE_INTEGER) : String(limitDefault))
  if (!/^\d{1,16}$/.test(limit) || Number(limit) < 1) return wrong('--limit must be a whole number, at least 1.')
  return { kind: 'order', order: { command: 'list', brokers, filter, redriven, json, limit: Number(limit) } }
}

function readRedrive(values: Values, filter: Filter): ArgumentsRead<Order> {
  const { brokers, all = false, again = false, 'dry-run': dryRun = false } = values
  if (isEmpty(filter) && !all) {
    return wrong(
      'redrive needs to be told which: --reason, --channel, --conversation, --letter, --since, --until; or --all for all that there are.',
    )
  }
  if (!isEmpty(filter) && all) return wrong('--all means all that there are: leave it out, or the rest.')
  return { kind: 'order', order: { command: 'redrive', brokers, filter, again, dryRun } }
}

/** @returns what is wrong with it where it is no filter */
function readFilter(values: Values, nowMs: number): Filter | string {
  const { reason: reasons = [], channel: channels = [], conversation: conversations = [], letter = [] } = values
  if (!reasons.every(isReason)) return `--reason must be one of these: ${deadLetterReasons.join(', ')}.`
  const places = readPlaces(letter)
  if (places === undefined) return '--letter must be partition/offset in the dead-letter topic, such as 0/17.'
  const [since, until] = [values.since, values.until].map((given) =>
    given === undefined ? null : (readTime(given, nowMs) ?? 'wrong'),
  )
  const times = 'must be a time: 2h (ago; s, m, h, d), 2026-01-31 (UTC) or 2026-01-31T09:30:00Z.'
  if (since === 'wrong' || since === undefined) return `--since ${times}`
  if (until === 'wrong' || until === undefined) return `--until ${times}`
  if (since !== null && until !== null && since >= until) return '--since is not before --until: nothing is between.'
  return { reasons, channels, conversations, places, sinceMs: since, untilMs: until }
}

/** @returns undefined where one of them is none */
function readPlaces(named: readonly string[]): Place[] | undefined {
  const places = named.map(readPlace)
  return places.every((place) => place !== undefined) ? places : undefined
}

function isReason(name: string): name is DeadLetterReason {
  return (deadLetterReasons as readonly string[]).includes(name)
}

function wrong(why: string): ArgumentsRead<Order> {
  return { kind: 'wrong', why }
}
