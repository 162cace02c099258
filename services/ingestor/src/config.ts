// The ingestor's configuration: its variables, and what they mean together.

import { channelIdRule, isChannelId } from '@bridge/partoo/channel-id'
import { channelsFileHelp, isApiKey, type ListedOrganization, readChannelsFile } from '@bridge/partoo/channels-file'
import { connectTimeoutMs } from '@bridge/partoo/client'
import { environments } from '@bridge/partoo/environment'
import {
  type ConfigRead,
  defaultsTo,
  optional,
  optionalFile,
  readVariables,
  secret,
  secretText,
  types,
} from '@bridge/runtime/config'
import { checkCaFile, checkTls, proxyVariables, wayTo } from '@bridge/runtime/http-variables'
import {
  checkKafka,
  checkTopicsDiffer,
  type KafkaConnection,
  kafkaConnection,
  kafkaVariables,
} from '@bridge/runtime/kafka-variables'
import { checkOutput, type Output, outputOf, outputVariables } from '@bridge/runtime/output-variables'
import {
  checkSchemaRegistry,
  schemaRegistryConnection,
  schemaRegistryVariables,
} from '@bridge/runtime/schema-registry-variables'
import { type ServiceConfig, serviceConfig, serviceVariables } from '@bridge/runtime/service-variables'
import type { HttpWay } from '@bridge/schemas/http-way'
import type { RegistryConnection } from '@bridge/schemas/registry'
import { bulkTopic, topics } from '@bridge/schemas/topics'
import { z } from 'zod'
import type { Mode } from './kafka/assignment.ts'
import { checkMemory, type Memory, ownMemory } from './memory.ts'
import { type Channels, type ConfiguredOrganization, chosenAssignment, fromFile, oneChannel } from './organizations.ts'

const about = {
  apiKey: 'API key with ORG_ADMIN or PROVIDER rights',
  channelId: 'the custom channel that messages without channel_id go to',
}

const channelId = z.string().refine(isChannelId, { error: channelIdRule })

const printable = z.string().refine(isApiKey, { error: 'must be printable ASCII without spaces' })

export const variables = {
  ...kafkaVariables('partoo-ingestor'),
  OUTBOUND_TOPIC: defaultsTo(topics.outbound.defaultName, topics.outbound.purpose, types.topic),
  OUTBOUND_BULK_TOPIC: optional(bulkTopic.purpose, types.topic),
  DLQ_TOPIC: defaultsTo(topics.dlq.defaultName, topics.dlq.purpose, types.topic),
  RECEIPTS_TOPIC: defaultsTo(topics.receipts.defaultName, topics.receipts.purpose, types.topic),
  ...schemaRegistryVariables(
    'messages in Avro, JSON Schema and Protobuf are read beside plain JSON; without it they are dead letters',
  ),
  ...outputVariables('receipts'),
  INGESTOR_GROUP_ID: defaultsTo('partoo-ingestor', 'consumer group of all replicas', types.text),
  INGESTOR_ASSIGNMENT: defaultsTo(
    'auto',
    'single: one replica at a time does the work, the others stand by, and every limit is used fully; spread: all share ' +
      'partitions and limits; auto: single while the limits together are at most 60,000 a minute and none is 0',
    types.oneOf(['auto', 'single', 'spread']),
  ),
  ADMITTED_MAX: defaultsTo('65536', 'records held in memory, per replica', types.whole(1, 10_000_000)),
  ADMITTED_BYTES_MAX: defaultsTo(
    String(64 * 1024 * 1024),
    'bytes of memory that they may take, per replica; all of the process is about 170 MB more',
    types.whole(1_048_576, 17_179_869_184),
  ),
  PARTOO_ENVIRONMENT: defaultsTo(
    'production',
    'production or sandbox: where the API is',
    types.oneOf(['production', 'sandbox']),
  ),
  PARTOO_BASE_URL: optional(
    `base URL with /v2, instead of the environment’s: ${environments.production.baseUrl}, ${environments.sandbox.baseUrl}`,
    types.httpUrl,
  ),
  PARTOO_CA_FILE: optionalFile(
    'PEM file of the certificate authority of Partoo’s address, where it is not a public one, as behind a proxy that looks inside',
  ),
  ...proxyVariables(),
  PARTOO_API_KEY: secret(optional(`${about.apiKey}; required unless PARTOO_CHANNELS_FILE is set`, printable)),
  PARTOO_CHANNEL_ID: optional(`${about.channelId}; required unless PARTOO_CHANNELS_FILE is set`, channelId),
  PARTOO_ORG_ID: optional('the organization’s id, for names in metrics and logs', types.organizationId),
  PARTOO_CHANNELS_FILE: optionalFile(
    'instead of the three above: a file of organizations and their channels, see below',
  ),
  PARTOO_RATE_LIMIT_PER_MINUTE: defaultsTo(
    '300',
    'requests a minute that an organization may make, where the channels file does not say; 0: no limit',
    types.whole(0, 10_000_000),
  ),
  PARTOO_BURST: defaultsTo(
    '20',
    'calls that may go out at once after a quiet time; at most half the limit; a replica with a share of the limit has that ' +
      'share of them, at least 1',
    types.whole(1, 100_000),
  ),
  PARTOO_MAX_IN_FLIGHT: defaultsTo(
    '64',
    'calls at once, per replica; of several organizations, one has at most 3/4 of them',
    types.whole(1, 10_000),
  ),
  PARTOO_TIMEOUT_MS: defaultsTo('30000', 'longest wait for an answer, in milliseconds', types.whole(100, 600_000)),
  RETRY_ATTEMPTS_MAX: defaultsTo(
    '8',
    'attempts before a failing message is given up, and …',
    types.whole(1, 1_000_000),
  ),
  RETRY_AGE_MIN_MS: defaultsTo(
    '900000',
    '… its least age then, in milliseconds: both must be reached',
    types.whole(0, 604_800_000),
  ),
  BENCHMARK_WITHOUT_RECEIPTS: defaultsTo(
    'false',
    'publish no receipts and take messages for settled all the same: a crash may then lose what became of them. For ' +
      'measuring only, and refused unless NODE_ENV=benchmark',
    types.flag,
  ),
  ...serviceVariables(9464),
}

/** What `--help` tells beside the variables. */
export const help = [channelsFileHelp]

export type IngestorConfig = ServiceConfig & {
  kafka: KafkaConnection
  groupId: string
  /** `outbound`: to be read. */
  topics: { outbound: string; bulk: string | null; dlq: string; receipts: string }
  /** Undefined where none is configured. */
  schemaRegistry: RegistryConnection | undefined
  output: Output
  assignment: Mode
  admittedMax: number
  admittedBytesMax: number
  baseUrl: string
  /** How Partoo is reached; undefined: directly. */
  way: HttpWay | undefined
  organizations: ConfiguredOrganization[]
  channels: Channels
  burst: number
  inFlightMax: number
  timeoutMs: number
  retry: { attemptsMax: number; ageMinMs: number }
  benchmarkWithoutReceipts: boolean
}

/** Reads the configuration, or everything that is wrong with it. @param memory of this process */
export function readConfig(env: NodeJS.ProcessEnv, memory: Memory = ownMemory()): ConfigRead<IngestorConfig> {
  let listed: ListedOrganization[] | undefined
  const read = readVariables(variables, env, (values, isSet) => {
    const problems = [...checkTls(env), ...checkKafka(values), ...checkSchemaRegistry(values), ...checkOutput(values)]
    problems.push(...checkCaFile('PARTOO_CA_FILE', values.PARTOO_CA_FILE))
    if (values.PARTOO_CA_FILE !== undefined && values.PARTOO_BASE_URL?.startsWith('http:')) {
      problems.push('PARTOO_CA_FILE is set, and PARTOO_BASE_URL is http: use https')
    }
    problems.push(
      ...checkTopicsDiffer(values, ['OUTBOUND_TOPIC', 'OUTBOUND_BULK_TOPIC', 'DLQ_TOPIC', 'RECEIPTS_TOPIC']),
    )
    problems.push(...checkMemory(values.ADMITTED_BYTES_MAX, memory))
    if (values.BENCHMARK_WITHOUT_RECEIPTS && env.NODE_ENV !== 'benchmark') {
      problems.push(
        'BENCHMARK_WITHOUT_RECEIPTS is for measuring only: it may lose messages, and needs NODE_ENV=benchmark',
      )
    }
    if (values.PARTOO_CHANNELS_FILE === undefined) return [...problems, ...checkOneChannel(isSet)]
    const file = readChannelsFile(values.PARTOO_CHANNELS_FILE, { keys: true })
    if (file.kind === 'read') listed = file.organizations
    else problems.push(...file.problems.map((problem) => `PARTOO_CHANNELS_FILE: ${problem}`))
    for (const name of ['PARTOO_API_KEY', 'PARTOO_CHANNEL_ID', 'PARTOO_ORG_ID'] as const) {
      const setAs = env[name] ? name : `${name}_FILE`
      if (isSet(name)) problems.push(`${setAs} and PARTOO_CHANNELS_FILE are both set: set one of them`)
    }
    return problems
  })
  if (read.kind === 'wrong') return read
  const values = read.config
  const limitPerMinute = values.PARTOO_RATE_LIMIT_PER_MINUTE
  const baseUrl = values.PARTOO_BASE_URL ?? environments[values.PARTOO_ENVIRONMENT].baseUrl
  const { organizations, channels } = listed
    ? fromFile(listed, limitPerMinute)
    : oneChannel({
        orgId: values.PARTOO_ORG_ID,
        apiKey: secretText(env, 'PARTOO_API_KEY', values.PARTOO_API_KEY ?? '', isApiKey),
        channelId: values.PARTOO_CHANNEL_ID ?? '',
        limitPerMinute,
      })
  return {
    kind: 'read',
    config: {
      ...serviceConfig(values),
      kafka: kafkaConnection(values, env),
      groupId: values.INGESTOR_GROUP_ID,
      topics: {
        outbound: values.OUTBOUND_TOPIC,
        bulk: values.OUTBOUND_BULK_TOPIC ?? null,
        dlq: values.DLQ_TOPIC,
        receipts: values.RECEIPTS_TOPIC,
      },
      schemaRegistry: schemaRegistryConnection(values, env),
      output: outputOf(values),
      assignment: chosenAssignment(values.INGESTOR_ASSIGNMENT, organizations),
      admittedMax: values.ADMITTED_MAX,
      admittedBytesMax: values.ADMITTED_BYTES_MAX,
      baseUrl,
      way: wayTo(baseUrl, values, env, {
        caFile: values.PARTOO_CA_FILE,
        timeoutMs: connectTimeoutMs(values.PARTOO_TIMEOUT_MS),
      }),
      organizations,
      channels,
      burst: values.PARTOO_BURST,
      inFlightMax: values.PARTOO_MAX_IN_FLIGHT,
      timeoutMs: values.PARTOO_TIMEOUT_MS,
      retry: { attemptsMax: values.RETRY_ATTEMPTS_MAX, ageMinMs: values.RETRY_AGE_MIN_MS },
      benchmarkWithoutReceipts: values.BENCHMARK_WITHOUT_RECEIPTS,
    },
  }
}

/** What `--config` tells beside the variables: what they come to, and the channels file as it is understood, if it can be. */
export function shownBesideVariables(env: NodeJS.ProcessEnv, config: IngestorConfig | undefined): string[] {
  return [
    ...shownOrganizations(env),
    ...(config === undefined
      ? []
      : ['', `In force: assignment ${config.assignment}, API at ${config.baseUrl}${throughProxy(config.way)}`]),
  ]
}

function throughProxy(way: HttpWay | undefined): string {
  return way?.proxy == null ? '' : `, through the proxy ${way.proxy}`
}

function shownOrganizations(env: NodeJS.ProcessEnv): string[] {
  const path = env.PARTOO_CHANNELS_FILE
  if (!path) return []
  const file = readChannelsFile(path, { keys: false })
  if (file.kind === 'wrong') return []
  const { fallback } = variables.PARTOO_RATE_LIMIT_PER_MINUTE
  const limitByDefault = `${env.PARTOO_RATE_LIMIT_PER_MINUTE || fallback} a minute (PARTOO_RATE_LIMIT_PER_MINUTE)`
  return file.organizations.map(({ orgId, limitPerMinute, channels }) => {
    const limit = limitPerMinute === null ? limitByDefault : `${limitPerMinute} a minute`
    const named = channels.map(({ channelId, name }) => (name === null ? channelId : `${channelId} (${name})`))
    return `  organization ${orgId}: key ***, limit ${limit}, channels ${named.join(', ')}`
  })
}

function checkOneChannel(isSet: (name: 'PARTOO_API_KEY' | 'PARTOO_CHANNEL_ID') => boolean): string[] {
  const problems: string[] = []
  if (!isSet('PARTOO_API_KEY'))
    problems.push(`PARTOO_API_KEY is required: ${about.apiKey}, or set PARTOO_CHANNELS_FILE`)
  if (!isSet('PARTOO_CHANNEL_ID')) {
    problems.push(`PARTOO_CHANNEL_ID is required: ${about.channelId}, or set PARTOO_CHANNELS_FILE`)
  }
  return problems
}
