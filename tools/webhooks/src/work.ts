// Owns what every command works with, and how each ends.

import type { Failure, WebhookAdministration, WebhookConfiguration } from '@bridge/partoo/webhook-administration'
import type { Output, Style } from '@bridge/runtime/tool-output'
import { exits } from '@bridge/runtime/tool-run'
import { oneLine } from '@bridge/schemas/masked'
import type { Mask } from './address.ts'
import type { Ask } from './ask.ts'
import { whyNotOurs } from './differences.ts'
import { type Attempt, explain } from './explain.ts'
import type { Settings } from './settings.ts'

export type Work = { partoo: WebhookAdministration; settings: Settings; mask: Mask; output: Output; ask: Ask }

export type Fetched = { kind: 'fetched'; configurations: WebhookConfiguration[] } | { kind: 'failed'; exitCode: number }

/** Everything that is configured; what cannot be read is told, with the exit code to end with. */
export async function fetchAll(work: Work): Promise<Fetched> {
  const listed = await work.partoo.list()
  if (listed.kind === 'listed') return { kind: 'fetched', configurations: listed.configurations }
  return { kind: 'failed', exitCode: fail(work, listed, { what: 'list the webhooks', changes: false }) }
}

/** The same, where it is certainly of the organization that is meant: nothing of another one's is ever changed. */
export async function fetchOurs(work: Work): Promise<Fetched> {
  const fetched = await fetchAll(work)
  const why = fetched.kind === 'fetched' ? whyNotOurs(fetched.configurations, work.settings.orgId) : null
  if (why === null) return fetched
  work.output.error(oneLine(why, [], lineMax))
  return { kind: 'failed', exitCode: exits.failed }
}

/** Tells why a call failed, and what to do. @returns the exit code */
export function fail({ output, settings, mask }: Work, failure: Failure, attempt: Attempt): number {
  for (const line of explain(failure, attempt, settings, mask)) output.error(line)
  return exits.failed
}

const marks = {
  create: ['+', 'green'],
  change: ['~', 'yellow'],
  remove: ['-', 'yellow'],
  same: ['=', 'dim'],
  done: ['✓', 'green'],
  not: ['✗', 'red'],
  unknown: ['?', 'yellow'],
} as const satisfies Record<string, readonly [string, Style]>

const typeWidth = 16

const lineMax = 8_192

/** One line about one event type; nothing in it that a terminal obeys, whoever it came from. */
export function tell({ output }: Work, mark: keyof typeof marks, eventType: string, text: string): void {
  const [sign, style] = marks[mark]
  output.line(`  ${output.paint(style, sign)} ${eventType.padEnd(typeWidth)}  ${oneLine(text, [], lineMax)}`)
}

/** Whether there is a yes, given or answered; where there is none, that nothing was done is told. */
export async function isAgreed(work: Work, yes: boolean, question: string): Promise<boolean> {
  if (yes) return true
  const answer = await work.ask(question)
  if (answer === 'yes') return true
  const how = answer === 'nobody' ? ' Nobody can be asked here: --yes says yes.' : ''
  work.output.error(`Nothing was changed.${how}`)
  return false
}
