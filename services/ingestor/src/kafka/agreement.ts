// Whether this replica is configured as its group acts: all replicas must have the same settings, as one speaks for all of
// them, and another takes over.

import { createHash } from 'node:crypto'
import type { Decision, Wish } from './assignment.ts'

/**
 * The settings as replicas tell them to each other, names with digests: `burst=f5ca38f7 topics=9f86d081`. However many
 * organizations there are, it is short: what Kafka keeps of a group must fit into one record.
 *
 * @param settings the fields of a JSON object; any other text counts as one setting
 */
export function digestOfSettings(settings: string): string {
  return Object.entries(fieldsOf(settings))
    .map(([name, value]) => `${encodeURIComponent(name)}=${digest(JSON.stringify(value))}`)
    .sort()
    .join(' ')
}

/**
 * What differs between this replica's configuration and what the group does: names of settings, `assignment` for the mode;
 * empty where nothing does.
 */
export function differences(wish: Wish, decision: Decision): string[] {
  const differing = new Set(wish.mode === decision.mode ? [] : ['assignment'])
  if (decision.settings === '') return [...differing]
  const [here, there] = [digestsOf(wish.settings), digestsOf(decision.settings)]
  for (const name of [...here.keys(), ...there.keys()]) if (here.get(name) !== there.get(name)) differing.add(name)
  return [...differing]
}

function fieldsOf(settings: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(settings)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Any other text.
  }
  return { settings }
}

function digestsOf(settings: string): Map<string, string> {
  const parts = settings.split(' ').filter(Boolean)
  return new Map(
    parts.map((part) => {
      const [name = '', value = ''] = part.split('=', 2)
      return [name, value]
    }),
  )
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
