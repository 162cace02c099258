// What the tests of the ingestor's core are told with: answers, messages, records, conversations. Whole in shape, literal in
// value; a test says only what it is about.

import type { Answer } from '@bridge/partoo/answer'
import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { CoreOptions } from '../../services/ingestor/src/core/dispatcher.ts'
import type { Entry } from '../../services/ingestor/src/core/entry.ts'
import type { Decoded } from '../../services/ingestor/src/core/facts.ts'
import { Lane } from '../../services/ingestor/src/core/lane.ts'
import { Organization, type OrganizationOptions } from '../../services/ingestor/src/core/organization.ts'
import { noAttempts } from '../../services/ingestor/src/core/outcome.ts'
import { PartitionState } from '../../services/ingestor/src/core/partition.ts'

const body = Buffer.from('{}')

/** One answer of each kind, and a timeout. */
export const answers = {
  accepted: { kind: 'accepted', status: 200 },
  rejected: { kind: 'rejected', status: 400, body },
  forbidden: { kind: 'forbidden', status: 403, body },
  misdirected: { kind: 'misdirected', status: 401, body },
  limited: { kind: 'limited', status: 429, retryAfterMs: 60_000 },
  unavailable: {
    kind: 'unavailable',
    status: 503,
    detail: 'HTTP 503',
    retryAfterMs: null,
    body: null,
    timedOut: false,
  },
  timeout: { kind: 'unavailable', status: null, detail: 'timeout', retryAfterMs: null, body: null, timedOut: true },
} as const satisfies Record<string, Answer>

export const outbound = { topic: 'outbound', partition: 0 }

/** A record of the outbound topic, partition 0 unless said otherwise. */
export function recordAt(offset: number, name = outbound, value: Buffer | null = body): ConsumedRecord {
  return { ...name, offset, timestampMs: 0, key: null, value, headers: [] }
}

export type Said = { conversation: string; business?: string; id?: string; channel?: string; organization?: string }

export function messageOf({ conversation, business = 'business', id = 'id' }: Said): OutboundMessage {
  return {
    business_id: business,
    external_conversation_id: conversation,
    external_message_id: id,
    content: 'text',
    sender_type: 'User',
    consumer_name: null,
    consumer_image: null,
    channel_id: null,
  }
}

/** A message as it is decoded; two of one `id` are the same unless their `digest` differs. */
export function workOf(said: Said, digest = 'digest'): Extract<Decoded, { kind: 'work' }> {
  const { channel = 'channel', organization = 'org' } = said
  return { kind: 'work', message: messageOf(said), channelId: channel, organization, digest }
}

/** One organization without a limit, room for 100 records. */
export const coreOptions: CoreOptions = {
  organizations: [{ name: 'org', limitPerMinute: 0, channels: ['channel'] }],
  bulkTopic: null,
  burst: 20,
  inFlightMax: 64,
  admittedMax: 100,
  admittedBytesMax: 1 << 20,
  spanMax: 100,
  reportingMax: 100,
  commitIntervalMs: 1_000,
  rememberedIdsMax: 100,
  retry: { attemptsMax: 8, ageMinMs: 900_000 },
  membershipMsMax: 4_000,
  random: () => 0.5,
}

/** An organization with two channels, its share assigned long ago; without a limit unless said otherwise. */
export function organizationWith(options: Partial<OrganizationOptions> = {}): Organization {
  const organization = new Organization({
    name: 'org',
    channels: ['channel', 'other'],
    limitPerMinute: 0,
    burst: 1,
    inFlightMax: 64,
    tell: () => undefined,
    ...options,
  })
  organization.limiter.assign(1, -600_000)
  return organization
}

/** A conversation of which one message waits. `made`: calls of it that were answered already. */
export function laneWith(organization: Organization, said: Said, { isBulk = false, made = 0 } = {}): Lane {
  const { channel: channelId = 'channel', conversation } = said
  const channel = organization.channels.get(channelId)
  if (channel === undefined) throw new Error(`${channelId} is no channel of the organization`)
  const lane = new Lane(`${channelId}/${conversation}`, organization, channel, conversation, isBulk)
  const partition = new PartitionState(outbound.topic, outbound.partition, 0, 0)
  const stage = { kind: 'inLane', lane, message: messageOf(said), digest: 'digest', refusal: null } as const
  const entry: Entry = {
    token: 1,
    partition,
    record: recordAt(0),
    bytes: 1,
    stage: { ...stage, attempts: { ...noAttempts, made } },
  }
  lane.queue.push(entry)
  return lane
}
