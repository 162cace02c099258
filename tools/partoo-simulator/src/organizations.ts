// Owns the organizations: who may do what (keys, roles, channels, businesses), their rate limit, and which webhooks they
// have configured. All of it can be changed at run time through the control API.

import type { OrganizationOptions, RateLimitKind, Webhook } from './options.ts'
import { RateLimit } from './rate-limit.ts'

export type Channel = { channel_id: string; name: string; is_readonly: boolean }
export type ApiKey = { key: string; role: string; revoked: boolean }

/** One webhook configuration: Partoo has at most one per event type and organization. */
export type WebhookSubscription = NewSubscription & {
  id: number
  /** ISO 8601 UTC with microseconds, as Partoo writes them. */
  created_at: string
  updated_at: string
}

export type NewSubscription = { url: string; event_type: string; headers: Record<string, string> }

export type Organization = {
  org_id: number
  name: string
  limit: RateLimit
  keys: ApiKey[]
  channels: Map<string, Channel>
  /** null: every business id is known and allowed. */
  businesses: Set<string> | null
  subscriptions: Map<number, WebhookSubscription>
}

export type OrganizationChange = {
  rate_limit_per_minute?: number | undefined
  rate_limit_kind?: RateLimitKind | undefined
  token_bucket_burst?: number | null | undefined
  revoke_keys?: string[] | undefined
  restore_keys?: string[] | undefined
}

export class Organizations {
  readonly #organizations = new Map<number, Organization>()
  readonly #keys = new Map<string, { organization: Organization; key: ApiKey }>()
  readonly #channels = new Map<string, { organization: Organization; channel: Channel }>()
  #subscriptionLast = 0

  constructor(options: readonly OrganizationOptions[], nowMs: number) {
    for (const each of options) this.#add(each, nowMs)
  }

  list(): Organization[] {
    return [...this.#organizations.values()]
  }

  find(orgId: number): Organization | null {
    return this.#organizations.get(orgId) ?? null
  }

  /** The first organization: what control requests without an org_id mean. */
  first(): Organization {
    const [organization] = this.#organizations.values()
    if (organization === undefined) throw new Error('a simulator has at least one organization')
    return organization
  }

  /** Whose key this is; null for one that is unknown or revoked. */
  byKey(key: string): { organization: Organization; key: ApiKey } | null {
    const found = this.#keys.get(key)
    return found === undefined || found.key.revoked ? null : found
  }

  channel(channelId: string): { organization: Organization; channel: Channel } | null {
    return this.#channels.get(channelId) ?? null
  }

  /** Changes an organization at run time. @returns what is wrong with the change, or null when it was made */
  change(organization: Organization, change: OrganizationChange, nowMs: number): string | null {
    const named = [...(change.revoke_keys ?? []), ...(change.restore_keys ?? [])]
    if (named.some((key) => !organization.keys.some((each) => each.key === key))) {
      return 'a key that is not one of this organization'
    }
    for (const each of organization.keys) {
      if (change.revoke_keys?.includes(each.key)) each.revoked = true
      if (change.restore_keys?.includes(each.key)) each.revoked = false
    }
    const { rule } = organization.limit
    const changed = {
      kind: change.rate_limit_kind ?? rule.kind,
      perMinute: change.rate_limit_per_minute ?? rule.perMinute,
      burst: change.token_bucket_burst === undefined ? rule.burst : change.token_bucket_burst,
    }
    if (changed.kind !== rule.kind || changed.perMinute !== rule.perMinute || changed.burst !== rule.burst) {
      organization.limit = organization.limit.changedTo(changed, nowMs)
    }
    return null
  }

  /** Adds configurations, all or none; null when an event type would have two. */
  subscribe(organization: Organization, webhooks: readonly NewSubscription[]): WebhookSubscription[] | null {
    const types = webhooks.map((each) => each.event_type)
    const taken = types.some((type) => this.subscriptionOf(organization, type) !== null)
    if (taken || new Set(types).size !== types.length) return null
    const at = configuredAt()
    return webhooks.map(({ url, event_type, headers }) => {
      this.#subscriptionLast += 1
      const subscription = { id: this.#subscriptionLast, url, event_type, headers, created_at: at, updated_at: at }
      organization.subscriptions.set(subscription.id, subscription)
      return subscription
    })
  }

  /** Changes where a configuration points to, and its headers where there are any given. */
  redirect(subscription: WebhookSubscription, to: { url: string; headers?: Record<string, string> }): void {
    Object.assign(subscription, to, { updated_at: configuredAt() })
  }

  subscriptionOf(organization: Organization, eventType: string): WebhookSubscription | null {
    for (const each of organization.subscriptions.values()) if (each.event_type === eventType) return each
    return null
  }

  /** Replaces all webhook configurations of an organization. */
  setWebhooks(organization: Organization, webhooks: readonly Webhook[]): void {
    organization.subscriptions.clear()
    for (const { url, event_types, headers } of webhooks) {
      // One at a time: of two for the same event type (the options do not allow it) the first one counts.
      for (const event_type of event_types) this.subscribe(organization, [{ url, event_type, headers: headers ?? {} }])
    }
  }

  #add(options: OrganizationOptions, nowMs: number): void {
    const rule = {
      kind: options.rate_limit_kind,
      perMinute: options.rate_limit_per_minute,
      burst: options.token_bucket_burst ?? null,
    }
    const organization: Organization = {
      org_id: options.org_id,
      name: options.name,
      limit: new RateLimit(rule, nowMs),
      keys: options.api_keys.map(({ key, role }) => ({ key, role, revoked: false })),
      channels: new Map(),
      businesses: options.businesses === undefined ? null : new Set(options.businesses),
      subscriptions: new Map(),
    }
    this.#organizations.set(organization.org_id, organization)
    for (const key of organization.keys) this.#keys.set(key.key, { organization, key })
    for (const { channel_id, name, is_readonly } of options.channels) {
      const channel = { channel_id, name, is_readonly: is_readonly ?? false }
      organization.channels.set(channel_id, channel)
      this.#channels.set(channel_id, { organization, channel })
    }
    this.setWebhooks(organization, options.webhooks)
  }
}

/** Now, as Partoo writes the times of a configuration: 2024-11-27T16:10:44.929678Z (0 below the millisecond here). */
function configuredAt(): string {
  return new Date().toISOString().replace('Z', '000Z')
}

/** May a key of this role ingest messages and administer webhooks? */
export function mayAdminister(role: string): boolean {
  return role === 'ORG_ADMIN' || role === 'PROVIDER'
}

/** An organization as the control API shows it; keys by their first characters only. */
export function shownOrganization(organization: Organization) {
  const { org_id, name, limit, keys, channels, businesses, subscriptions } = organization
  return {
    org_id,
    name,
    rate_limit_per_minute: limit.rule.perMinute,
    rate_limit_kind: limit.rule.kind,
    token_bucket_burst: limit.rule.burst,
    api_keys: keys.map(({ key, role, revoked }) => ({ key: `${key.slice(0, 4)}…`, role, revoked })),
    channels: [...channels.values()],
    businesses: businesses === null ? null : [...businesses],
    webhooks: [...subscriptions.values()].map(({ id, url, event_type }) => ({ id, url, event_type })),
  }
}
