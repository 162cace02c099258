// Owns the comparison of what is configured with what is wanted. Pure.

import type { WebhookConfiguration } from '@bridge/partoo/webhook-administration'
import { isSame } from './address.ts'

/** What one event type needs, so that it goes to the wanted address. */
export type Difference =
  | { kind: 'missing'; eventType: string }
  | { kind: 'right'; eventType: string; configuration: WebhookConfiguration }
  | { kind: 'elsewhere'; eventType: string; configuration: WebhookConfiguration }

/** Compares each of the event types; Partoo has at most one configuration of each. */
export function compare(
  configured: readonly WebhookConfiguration[],
  eventTypes: readonly string[],
  address: string,
): Difference[] {
  return eventTypes.map((eventType) => {
    const own = configured.filter((each) => each.eventType === eventType)
    const configuration = own.find((each) => isSame(each.url, address)) ?? own[0]
    if (configuration === undefined) return { kind: 'missing', eventType }
    return { kind: isSame(configuration.url, address) ? 'right' : 'elsewhere', eventType, configuration }
  })
}

/** Why these configurations are not certainly those of the organization that is meant; null: they are. */
export function whyNotOurs(configured: readonly WebhookConfiguration[], orgId: string | undefined): string | null {
  const ids = [...new Set(configured.flatMap((each) => each.orgId ?? []))]
  const others = ids.filter((id) => id !== orgId)
  if (orgId !== undefined && others.length > 0) {
    return `Partoo answers with configurations of organization ${others.join(', ')}, and PARTOO_ORG_ID is ${orgId}: take the key of ${orgId}, or correct PARTOO_ORG_ID.`
  }
  if (orgId === undefined && ids.length > 1) {
    return `This key sees several organizations (${ids.join(', ')}): set PARTOO_ORG_ID to the one that is meant.`
  }
  return null
}
