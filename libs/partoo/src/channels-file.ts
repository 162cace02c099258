// The channels file: which organizations and channels at Partoo are ours, for setups with more than one of them. YAML, of
// which JSON is a part. The ingestor takes keys, limits and channels from it, the webhook gateway the organizations' ids.
// Every scalar is read as the text it was written as (`schema: 'failsafe'`): an id keeps its zeros and all of its digits.
// A problem names the place in the file and the rule, never what stands there: it may be a key.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileErrorCode, shownPath } from '@bridge/schemas/named-file'
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml'
import { z } from 'zod'
import { channelIdRule, isChannelId } from './channel-id.ts'

/** An organization as the file has it. */
export type ListedOrganization = {
  orgId: string
  /** Null where keys were not asked for. */
  apiKey: string | null
  /** The file that the key was read from, whole; null where it stands in the channels file. */
  apiKeyFile: string | null
  /** Null where the file does not say. */
  limitPerMinute: number | null
  /** `name` is for people; null where there is none. */
  channels: { channelId: string; name: string | null }[]
}

export type ChannelsFileRead =
  | { kind: 'read'; organizations: ListedOrganization[] }
  /** One line each, without the name of the variable. */
  | { kind: 'wrong'; problems: string[] }

/** What `--help` tells of the format. */
export const channelsFileHelp = `The channels file is YAML or JSON; every field but those marked is needed, and no others are taken:

  organizations:
    - org_id: 42
      # The key itself as api_key, or the file that holds it: absolute, or relative to the folder of this file.
      api_key_file: keys/42
      # Optional: requests a minute, 0 for no limit; without it PARTOO_RATE_LIMIT_PER_MINUTE.
      rate_limit_per_minute: 600
      channels:
        - channel_id: chat
          # Optional, for people: logs tell it beside the id.
          name: Chat on the website`

const limitMax = 10_000_000
const idBytesMax = 1024
const limitRule = `must be a whole number from 0 to ${limitMax}`

/** Printable, as a header carries it. */
const keyPattern = /^[\x21-\x7e]+$/
const keyRule = 'must be printable ASCII without spaces'

/** Whether a text can be an API key: a header carries it. */
export function isApiKey(text: string): boolean {
  return keyPattern.test(text)
}

const text = z.string({ error: ({ input }) => (input == null ? 'is missing' : 'must be a text') })
const key = text.regex(keyPattern, keyRule)
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? null)
const list = <T extends z.ZodType>(item: T, what: string) =>
  z
    .array(item, { error: ({ input }) => (input == null ? 'is missing' : `must be a list of ${what}`) })
    .min(1, `must name ${what}`)

const channel = z.strictObject(
  {
    channel_id: text
      .refine((id) => id.trim() !== '', { error: 'must not be empty', abort: true })
      .refine(isChannelId, { error: channelIdRule })
      .refine((id) => Buffer.byteLength(id) <= idBytesMax, { error: `must be at most ${idBytesMax} bytes` }),
    name: optional(text),
  },
  { error: 'must have the fields channel_id and, if wanted, name' },
)

const organization = z
  .strictObject(
    {
      org_id: text.regex(/^\S{1,1024}$/, "must be an organization's id"),
      api_key: optional(key),
      api_key_file: optional(text.refine((path) => path !== '', { error: 'must not be empty' })),
      rate_limit_per_minute: optional(
        text
          .regex(/^\d{1,9}$/, { error: limitRule, abort: true })
          .transform(Number)
          .refine((limit) => limit <= limitMax, { error: limitRule }),
      ),
      channels: list(channel, 'channels'),
    },
    { error: 'must have the fields org_id, api_key or api_key_file, channels and, if wanted, rate_limit_per_minute' },
  )
  .superRefine(({ api_key, api_key_file }, context) => {
    const given = Number(api_key !== null) + Number(api_key_file !== null)
    if (given === 1) return
    const message = given === 0 ? 'has no key: give api_key or api_key_file' : 'has api_key and api_key_file: give one'
    context.addIssue({ code: 'custom', message })
  })

const file = z.strictObject(
  { organizations: list(organization, 'organizations') },
  { error: 'must have the field organizations' },
)

/**
 * Reads the channels file.
 *
 * @param keys whether keys are wanted: only then are the files read that hold them
 * @returns what the file says, or everything that is wrong with it
 */
export function readChannelsFile(path: string, { keys }: { keys: boolean }): ChannelsFileRead {
  let source: string
  try {
    source = readFileSync(path, 'utf8')
  } catch (error) {
    return { kind: 'wrong', problems: [`${shownPath(path)} cannot be read (${fileErrorCode(error)})`] }
  }
  const parsed = parseYaml(source)
  if (parsed.kind === 'wrong') return parsed
  const problems: string[] = []
  const read = file.safeParse(parsed.value)
  if (!read.success) problems.push(...read.error.issues.flatMap((issue) => tell(issue, parsed)))
  const held = keys ? readKeys(parsed.value, dirname(resolve(path)), problems) : new Map<number, string>()
  findRepeated(parsed.value, problems)
  if (!read.success || problems.length > 0) return { kind: 'wrong', problems }
  const organizations = read.data.organizations.map(
    ({ org_id, api_key, api_key_file, rate_limit_per_minute, channels }, i) => ({
      orgId: org_id,
      apiKey: keys ? (api_key ?? held.get(i) ?? null) : null,
      apiKeyFile: keys && api_key_file !== null ? resolve(dirname(resolve(path)), api_key_file) : null,
      limitPerMinute: rate_limit_per_minute,
      channels: channels.map(({ channel_id, name }) => ({ channelId: channel_id, name })),
    }),
  )
  return { kind: 'read', organizations }
}

// ── What the types cannot tell: of a file that is wrong too, so that all of its problems are told at once ────────────

/** Reads the keys that are in files of their own, by the place of their organization. */
function readKeys(value: unknown, folder: string, problems: string[]): Map<number, string> {
  const held = new Map<number, string>()
  itemsOf(value, 'organizations').forEach((organization, i) => {
    const path = textOf(organization, 'api_key_file')
    if (path === null || path === '') return
    // The path is not shown: a key put there by mistake would be.
    const place = `organizations[${i}].api_key_file`
    try {
      const key = readFileSync(resolve(folder, path), 'utf8').replace(/\r?\n$/, '')
      if (keyPattern.test(key)) held.set(i, key)
      else problems.push(`${place} names a file whose content ${keyRule}`)
    } catch (error) {
      problems.push(
        `${place} names a file that cannot be read (${fileErrorCode(error)}); relative paths begin at ${folder}`,
      )
    }
  })
  return held
}

/** Finds organizations and channels that are in the file twice. */
function findRepeated(value: unknown, problems: string[]): void {
  const firstPlaces = new Map<string, string>()
  const once = (what: string, id: string | null, place: string) => {
    if (id === null) return
    const first = firstPlaces.get(`${what} ${id}`)
    if (first === undefined) firstPlaces.set(`${what} ${id}`, place)
    else problems.push(`${place} is the same as ${first}`)
  }
  itemsOf(value, 'organizations').forEach((organization, i) => {
    const place = `organizations[${i}]`
    once('organization', textOf(organization, 'org_id'), `${place}.org_id`)
    itemsOf(organization, 'channels').forEach((channel, j) => {
      once('channel', textOf(channel, 'channel_id'), `${place}.channels[${j}].channel_id`)
    })
  })
}

function itemsOf(value: unknown, field: string): unknown[] {
  const items = fieldOf(value, field)
  return Array.isArray(items) ? items : []
}

function textOf(value: unknown, field: string): string | null {
  const text = fieldOf(value, field)
  return typeof text === 'string' ? text : null
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined
}

// ── YAML ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Parsed = {
  kind: 'parsed'
  value: unknown
  /** Where a field is in the file that is at `path` of the value. */
  lineOf: (path: PropertyKey[], field: string) => number | undefined
}

function parseYaml(source: string): Parsed | { kind: 'wrong'; problems: string[] } {
  const lines = new LineCounter()
  // Its messages quote the file; the codes (`DUPLICATE_KEY`) do not.
  const document = parseDocument(source, { schema: 'failsafe', prettyErrors: false, lineCounter: lines })
  const problems = [...document.errors, ...document.warnings].map(({ code, pos }) => {
    const { line, col } = lines.linePos(pos[0])
    return `line ${line}, column ${col} is not understood (${code.toLowerCase().replaceAll('_', ' ')})`
  })
  const value = problems.length > 0 ? undefined : plain(document.contents, problems)
  if (problems.length > 0) return { kind: 'wrong', problems }
  const lineOf = (path: PropertyKey[], field: string) => {
    const map = path.length === 0 ? document.contents : document.getIn(path, true)
    const found = isMap(map)
      ? (map as YAMLMap).items.find(({ key }) => isScalar(key) && key.value === field)
      : undefined
    const range = isScalar(found?.key) ? found.key.range : undefined
    return range == null ? undefined : lines.linePos(range[0]).line
  }
  return { kind: 'parsed', value, lineOf }
}

/** A node as objects, lists and texts; what is empty, `null` or `~` without quotes is null. */
function plain(node: unknown, problems: string[]): unknown {
  if (node === null || node === undefined) return null
  if (isScalar(node)) {
    const isNull = node.type === 'PLAIN' && /^(~|null|)$/i.test(String(node.value))
    return isNull ? null : String(node.value)
  }
  if (isSeq(node)) return node.items.map((item) => plain(item, problems))
  if (isMap(node)) {
    const entries = node.items.flatMap((pair) =>
      isPair(pair) && isScalar(pair.key) ? [[String(pair.key.value), plain(pair.value, problems)] as const] : [],
    )
    if (entries.length < node.items.length) problems.push('a field has a name that is no text')
    return Object.fromEntries(entries)
  }
  problems.push('aliases (*) are not taken: write out what they stand for')
  return null
}

/** One issue as lines. A field that is not known is told by its line: its name may be a key that lost its colon. */
function tell(issue: z.core.$ZodIssue, { lineOf }: Parsed): string[] {
  const place = issue.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((field) => {
      const line = lineOf(issue.path, field)
      return `${place || 'the file'} has a field that is not known${line === undefined ? '' : `, on line ${line}`}`
    })
  }
  return [`${place || 'the file'} ${issue.message}`]
}
