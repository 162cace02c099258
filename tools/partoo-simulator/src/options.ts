// Owns what can be chosen about a simulator: the shape of the options, their defaults and their checks. The same shape
// comes from tests (startSimulator), from a JSON file (SIMULATOR_CONFIG_FILE) and from the command line's environment.

import { z } from 'zod'

export const rateLimitKinds = ['fixed-window', 'sliding-window', 'token-bucket'] as const
export type RateLimitKind = (typeof rateLimitKinds)[number]

export const customChannelPlaces = ['message', 'conversation', 'both', 'neither'] as const
export type CustomChannelPlace = (typeof customChannelPlaces)[number]

/** Partoo allows up to 5 custom headers per webhook configuration, named X-… but not X-Partoo…, so long at most. */
const webhookHeadersMax = 5
const headerNameMax = 128
const headerValueMax = 512

const headerName = z
  .string()
  .max(headerNameMax, `at most ${headerNameMax} characters`)
  .regex(/^x-(?!partoo)[a-z0-9-]+$/i, 'custom headers are named X-…, and not X-Partoo…')
const headerValue = z
  .string()
  .max(headerValueMax, `at most ${headerValueMax} characters`)
  .regex(/^[ -~]*$/, 'printable ASCII only')

export const webhookSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }),
  event_types: z.array(z.string().min(1)).min(1),
  headers: z
    .record(headerName, headerValue)
    .refine((headers) => Object.keys(headers).length <= webhookHeadersMax, `at most ${webhookHeadersMax} headers`)
    .optional(),
})

export const webhooksSchema = z.array(webhookSchema).refine((webhooks) => {
  const types = webhooks.flatMap((webhook) => webhook.event_types)
  return new Set(types).size === types.length
}, 'one webhook configuration per event type and organization')

export const organizationSchema = z.strictObject({
  org_id: z.int().positive(),
  name: z.string().min(1),
  rate_limit_per_minute: z.int().min(0).max(10_000_000).default(300),
  rate_limit_kind: z.enum(rateLimitKinds).default('fixed-window'),
  token_bucket_burst: z.int().min(1).optional(),
  api_keys: z.array(z.strictObject({ key: z.string().min(1), role: z.string().min(1) })),
  channels: z.array(
    z.strictObject({
      channel_id: z.string().min(1),
      name: z.string().min(1),
      is_readonly: z.boolean().optional(),
    }),
  ),
  businesses: z.array(z.string().min(1)).optional(),
  webhooks: webhooksSchema.default([]),
})

/** setTimeout takes at most this many milliseconds; a larger value would fire at once. */
export const timerMsMax = 2 ** 31 - 1

const optionsSchema = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(0).max(65_535),
  organizations: z
    .array(organizationSchema)
    .min(1)
    .superRefine((organizations, context) => {
      const repeated = (values: (string | number)[]) => values.find((value, at) => values.indexOf(value) !== at)
      const org = repeated(organizations.map((organization) => organization.org_id))
      if (org !== undefined) context.addIssue(`org_id ${org} appears twice`)
      const channel = repeated(organizations.flatMap((each) => each.channels.map((one) => one.channel_id)))
      if (channel !== undefined) context.addIssue(`channel_id ${channel} appears twice`)
      const keys = organizations.flatMap((each) => each.api_keys.map((one) => one.key))
      if (repeated(keys) !== undefined) context.addIssue('an api key appears twice')
    }),
  customChannelOn: z.enum(customChannelPlaces),
  businessIdAs: z.enum(['number', 'string']),
  creationDelayMs: z.number().min(0).max(timerMsMax),
  signingSeed: z.string().min(1),
  webhookRetryBaseMs: z.number().min(0).max(3_600_000),
  webhookTimeoutMs: z.number().min(1).max(timerMsMax),
  seed: z.int(),
  callsMax: z.int().min(1),
})

export type Webhook = z.infer<typeof webhookSchema>
export type ApiKeyRole = 'ORG_ADMIN' | 'PROVIDER' | 'BUSINESS_MANAGER' | (string & {})

/** One organization, as the options describe it. `rate_limit_per_minute` 0 means no limit. */
export type OrganizationOptions = {
  org_id: number
  name: string
  rate_limit_per_minute: number
  rate_limit_kind: RateLimitKind
  /** Requests that a full token bucket admits at once; default: the whole limit of one minute. */
  token_bucket_burst?: number | undefined
  /** Only ORG_ADMIN and PROVIDER may ingest and administer webhooks; any other role is answered 403 there. */
  api_keys: { key: string; role: ApiKeyRole }[]
  channels: { channel_id: string; name: string; is_readonly?: boolean | undefined }[]
  /** Absent: every business id is known and allowed. */
  businesses?: string[] | undefined
  webhooks: Webhook[]
}

export type SimulatorOptions = {
  host: string
  /** 0 = any free one. */
  port: number
  organizations: OrganizationOptions[]
  /** Where webhooks and look-ups carry the custom_channel object: its real place is unpublished. */
  customChannelOn: CustomChannelPlace
  /** How webhooks show a business id of digits only. */
  businessIdAs: 'number' | 'string'
  /** Milliseconds from acceptance (200) to creation. */
  creationDelayMs: number
  /** The webhook signing key is made from the SHA-256 of this text. */
  signingSeed: string
  /** First wait before a webhook is tried again; doubles each time. */
  webhookRetryBaseMs: number
  /** How long one webhook attempt may take. */
  webhookTimeoutMs: number
  /** Seed of the generator behind fault probabilities. */
  seed: number
  /** How many calls the record keeps; older ones are dropped and counted. */
  callsMax: number
}

/** The organization a person meets who starts the simulator without any options. */
export const demoOrganization: OrganizationOptions = {
  org_id: 1,
  name: 'Demo organization',
  rate_limit_per_minute: 300,
  rate_limit_kind: 'fixed-window',
  api_keys: [{ key: 'demo-api-key', role: 'ORG_ADMIN' }],
  channels: [{ channel_id: 'demo-channel', name: 'Demo channel' }],
  webhooks: [],
}

export const defaultOptions: SimulatorOptions = {
  host: '127.0.0.1',
  port: 0,
  organizations: [demoOrganization],
  customChannelOn: 'both',
  businessIdAs: 'number',
  creationDelayMs: 50,
  signingSeed: 'partoo-simulator',
  webhookRetryBaseMs: 1_000,
  webhookTimeoutMs: 10_000,
  seed: 1,
  callsMax: 200_000,
}

/**
 * Checks options and fills in the defaults.
 * @returns the whole options, or every problem found, one line each
 */
export function parseOptions(
  given: unknown,
): { kind: 'options'; options: SimulatorOptions } | { kind: 'problems'; problems: string[] } {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return { kind: 'problems', problems: ['the options must be an object'] }
  }
  const parsed = optionsSchema.safeParse({ ...defaultOptions, ...given })
  if (parsed.success) return { kind: 'options', options: parsed.data }
  return { kind: 'problems', problems: describeIssues(parsed.error) }
}

/** One line for each problem zod found: where it is, and what is wrong. */
export function describeIssues(error: z.ZodError): string[] {
  return error.issues.map((issue) => {
    const where = issue.path.map(String).join('.')
    return where === '' ? issue.message : `${where}: ${issue.message}`
  })
}
