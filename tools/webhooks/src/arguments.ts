// Owns the command line: what can be asked for, and how it is written. Nothing of a wrong argument is repeated but names:
// an address may hold a secret.

import { messageEventTypes } from '@bridge/partoo/webhook-event'
import { type ArgumentsRead, type CommandRead, readCommand } from '@bridge/runtime/tool-run'

/** What is asked for. `url` is the address as given, without the secret; `eventTypes` has at least one. */
export type Order =
  | { command: 'list' }
  | { command: 'subscribe'; url: string; eventTypes: string[]; dryRun: boolean; yes: boolean }
  | {
      command: 'unsubscribe'
      /** undefined: whatever they point to. */
      url: string | undefined
      all: boolean
      eventTypes: string[]
      dryRun: boolean
      yes: boolean
    }
  | {
      command: 'test'
      /** undefined: what is configured. */
      url: string | undefined
      eventTypes: string[]
      metricsUrl: string
      waitMs: number
      dryRun: boolean
    }

export const metricsUrlDefault = 'http://127.0.0.1:9465/metrics'
export const waitSecondsDefault = 20
const waitSecondsMax = 600

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const options = {
  help: { ...flag, short: 'h' },
  url: text,
  events: text,
  all: flag,
  'dry-run': flag,
  yes: { ...flag, short: 'y' },
  'metrics-url': text,
  wait: text,
} as const

/** What each command takes. */
const taken = {
  list: [],
  subscribe: ['url', 'events', 'dry-run', 'yes'],
  unsubscribe: ['url', 'events', 'all', 'dry-run', 'yes'],
  test: ['url', 'events', 'metrics-url', 'wait', 'dry-run'],
} as const satisfies Record<Order['command'], readonly (keyof typeof options)[]>

type Values = Extract<CommandRead<Order['command'], typeof options>, { kind: 'command' }>['values']

/** Reads the arguments behind the name of the script. Never throws. */
export function readArguments(args: string[]): ArgumentsRead<Order> {
  const read = readCommand(args, options, taken)
  if (read.kind !== 'command') return read
  const { command, values, positionals: more } = read
  if (more.length > 0) return wrong(`${command} takes options only: an address goes behind --url.`)
  return readOrder(command, values)
}

function readOrder(command: Order['command'], values: Values): ArgumentsRead<Order> {
  if (command === 'list') return { kind: 'order', order: { command } }
  const { url, all = false, yes = false, 'dry-run': dryRun = false } = values
  const eventTypes = [...new Set((values.events ?? messageEventTypes.join(',')).split(',').map((type) => type.trim()))]
  if (!eventTypes.every((type) => /^[A-Za-z0-9_.-]{1,64}$/.test(type))) {
    return wrong('--events takes event types with commas between them, such as message_created,message_updated.')
  }
  const problem = url === undefined ? null : whyNoAddress(url)
  if (problem !== null) return wrong(`--url ${problem}.`)
  switch (command) {
    case 'subscribe':
      if (url === undefined) return wrong('subscribe needs --url, the public address of the gateway.')
      return { kind: 'order', order: { command, url, eventTypes, dryRun, yes } }
    case 'unsubscribe':
      if (url === undefined && !all) return wrong('unsubscribe needs --url, or --all for whatever they point to.')
      return { kind: 'order', order: { command, url, all, eventTypes, dryRun, yes } }
    case 'test': {
      const { 'metrics-url': metricsUrl = metricsUrlDefault, wait = String(waitSecondsDefault) } = values
      const page = URL.parse(metricsUrl)
      if (page === null || !/^https?:$/.test(page.protocol) || page.username !== '' || page.password !== '') {
        return wrong('--metrics-url must be an http address, without user and password.')
      }
      const waitMs = /^\d+(\.\d+)?$/.test(wait) ? Number(wait) * 1_000 : Number.NaN
      if (!(waitMs > 0 && waitMs <= waitSecondsMax * 1_000)) {
        return wrong(`--wait must be seconds, at most ${waitSecondsMax}.`)
      }
      return { kind: 'order', order: { command, url, eventTypes, metricsUrl, waitMs, dryRun } }
    }
  }
}

function whyNoAddress(address: string): string | null {
  const url = URL.parse(address)
  if (url === null || !/^https?:$/.test(url.protocol)) return 'must be an https address'
  const { username, password, search, hash } = url
  return `${username}${password}${search}${hash}` === '' ? null : 'must have no user, password, query or fragment'
}

function wrong(why: string): ArgumentsRead<Order> {
  return { kind: 'wrong', why }
}
