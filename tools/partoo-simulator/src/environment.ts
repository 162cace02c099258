// Owns the environment variables of the command line: what they are called, what they mean, and every problem with them
// at once.

import { readFileSync } from 'node:fs'
import { demoOrganization, parseOptions, type SimulatorOptions } from './options.ts'

export const help = `partoo-simulator: a faithful Partoo in memory, with an inbox page, for laptops and tests

  node src/main.ts                start
  node src/main.ts --public-key   print the PEM that verifies its webhooks
  node src/main.ts --help         this text

Environment:
  SIMULATOR_HOST                   address to listen on (127.0.0.1; 0.0.0.0 in a container)
  SIMULATOR_PORT                   port (8090; 0 = any free one)
  SIMULATOR_CONFIG_FILE            JSON file with any of the options of src/options.ts, for several organizations,
                                   channels or keys; the variables here win over it
  SIMULATOR_WEBHOOK_URL            where message_created and message_updated of the first organization go
  SIMULATOR_RATE_LIMIT_PER_MINUTE  of the first organization (300; 0 = no limit)
  SIMULATOR_RATE_LIMIT_KIND        fixed-window (default), sliding-window or token-bucket
  SIMULATOR_CUSTOM_CHANNEL_ON      message, conversation, both (default) or neither
  SIMULATOR_CREATION_DELAY_MS      from acceptance to creation (50)

Exit codes: 0 stopped by a signal, 1 the port cannot be had, 64 unknown argument,
78 the configuration is wrong.
`

const portDefault = 8_090

export type EnvironmentRead = { kind: 'options'; options: SimulatorOptions } | { kind: 'problems'; problems: string[] }

/** Reads and checks the whole configuration. Never throws; an empty variable counts as absent. */
export function readEnvironment(env: Record<string, string | undefined>): EnvironmentRead {
  const problems: string[] = []
  const value = (name: string) => (env[name] === '' ? undefined : env[name])
  const number = (name: string) => {
    const given = value(name)
    if (given === undefined) return undefined
    if (/^\d+$/.test(given)) return Number(given)
    problems.push(`${name} must be a whole number, not "${given}"`)
    return undefined
  }
  const oneOf = (name: string, allowed: readonly string[]) => {
    const given = value(name)
    if (given === undefined || allowed.includes(given)) return given
    problems.push(`${name} must be one of ${allowed.join(', ')}, not "${given}"`)
    return undefined
  }
  const file = readConfigFile(value('SIMULATOR_CONFIG_FILE'), problems)
  const given: Record<string, unknown> = { port: portDefault, ...file }
  set(given, 'host', value('SIMULATOR_HOST'))
  set(given, 'port', number('SIMULATOR_PORT'))
  set(given, 'customChannelOn', oneOf('SIMULATOR_CUSTOM_CHANNEL_ON', ['message', 'conversation', 'both', 'neither']))
  set(given, 'creationDelayMs', number('SIMULATOR_CREATION_DELAY_MS'))

  const first: Record<string, unknown> = {}
  const webhookUrl = value('SIMULATOR_WEBHOOK_URL')
  if (webhookUrl !== undefined && !isHttp(webhookUrl)) {
    problems.push('SIMULATOR_WEBHOOK_URL must be an http or https address')
  } else if (webhookUrl !== undefined) {
    first.webhooks = [{ url: webhookUrl, event_types: ['message_created', 'message_updated'] }]
  }
  set(first, 'rate_limit_per_minute', number('SIMULATOR_RATE_LIMIT_PER_MINUTE'))
  set(first, 'rate_limit_kind', oneOf('SIMULATOR_RATE_LIMIT_KIND', ['fixed-window', 'sliding-window', 'token-bucket']))
  const organizations = Array.isArray(given.organizations) ? given.organizations : [demoOrganization]
  if (given.organizations === undefined || Array.isArray(given.organizations)) {
    given.organizations = organizations.map((each, at) => (at === 0 ? { ...each, ...first } : each))
  }

  const parsed = parseOptions(given)
  if (parsed.kind === 'problems') problems.push(...parsed.problems)
  if (problems.length > 0) return { kind: 'problems', problems }
  return parsed
}

function readConfigFile(path: string | undefined, problems: string[]): Record<string, unknown> {
  if (path === undefined) return {}
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    problems.push(`SIMULATOR_CONFIG_FILE ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
    return {}
  }
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Record<string, unknown>
    problems.push(`SIMULATOR_CONFIG_FILE ${path} must hold a JSON object`)
  } catch {
    problems.push(`SIMULATOR_CONFIG_FILE ${path} is not JSON`)
  }
  return {}
}

function set(target: Record<string, unknown>, name: string, value: unknown): void {
  if (value !== undefined) target[name] = value
}

function isHttp(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:')
}
