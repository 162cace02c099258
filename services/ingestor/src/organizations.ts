// For whom the ingestor speaks: the organizations and channels of the channels file, or the one of the one-channel variables;
// and how replicas share their limits.

import { isApiKey, type ListedOrganization } from '@bridge/partoo/channels-file'
import { type ChangingText, changingText } from '@bridge/runtime/changing-text'
import type { Mode } from './kafka/assignment.ts'

/** `name` names it in metrics and logs: its id, where that is configured. `apiKey`: as it is now. */
export type ConfiguredOrganization = { name: string; apiKey: ChangingText; limitPerMinute: number; channels: string[] }

/** The channels that messages may go to, and the one for messages that name none. */
export type Channels = {
  byId: ReadonlyMap<string, { organization: string; name: string | null }>
  defaultChannelId: string | null
}

/** What one replica is expected to carry: beyond, the work is worth spreading though part of each limit is lost by it. */
const singleLimitMax = 60_000

export type Configured = { organizations: ConfiguredOrganization[]; channels: Channels }

/** @param limitPerMinute where the file does not say */
export function fromFile(listed: ListedOrganization[], limitPerMinute: number): Configured {
  const organizations = listed.map(({ orgId, apiKey, apiKeyFile, limitPerMinute: own, channels }) => {
    if (apiKey === null) throw new Error(`the channels file was read without the key of ${orgId}`)
    return {
      name: orgId,
      apiKey: changingText(apiKeyFile ?? undefined, apiKey, isApiKey),
      limitPerMinute: own ?? limitPerMinute,
      channels: channels.map(({ channelId }) => channelId),
    }
  })
  const byId = new Map(
    listed.flatMap(({ orgId, channels }) =>
      channels.map(({ channelId, name }) => [channelId, { organization: orgId, name }] as const),
    ),
  )
  const [only] = byId.keys()
  return { organizations, channels: { byId, defaultChannelId: byId.size === 1 && only !== undefined ? only : null } }
}

/** The one-channel setup. */
export function oneChannel(values: {
  orgId: string | undefined
  apiKey: ChangingText
  channelId: string
  limitPerMinute: number
}): Configured {
  const { apiKey, channelId, limitPerMinute } = values
  const name = values.orgId ?? 'default'
  return {
    organizations: [{ name, apiKey, limitPerMinute, channels: [channelId] }],
    channels: { byId: new Map([[channelId, { organization: name, name: null }]]), defaultChannelId: channelId },
  }
}

/** What `auto` means: single, while one replica can carry all limits together; an organization without one knows no bound. */
export function chosenAssignment(setting: Mode | 'auto', organizations: readonly { limitPerMinute: number }[]): Mode {
  if (setting !== 'auto') return setting
  const together = organizations.reduce((sum, { limitPerMinute }) => sum + (limitPerMinute || Infinity), 0)
  return together <= singleLimitMax ? 'single' : 'spread'
}

/**
 * What decides, beside the mode, how partitions and limits are shared: a JSON object that is the same text on every replica
 * that is configured alike. No secret is in it.
 */
export function assignmentSettings(config: {
  topics: readonly string[]
  organizations: readonly { name: string; limitPerMinute: number }[]
  burst: number
}): string {
  const organizations = config.organizations.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return JSON.stringify({
    topics: config.topics.toSorted(),
    organizations: organizations.map(({ name }) => name),
    limits: organizations.map(({ limitPerMinute }) => limitPerMinute),
    burst: config.burst,
  })
}
