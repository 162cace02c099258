// The ingestor's configuration: its variables, and what they mean together.

import { environments } from '@bridge/partoo/environment'
import {
  type ConfigRead,
  defaultsTo,
  optional,
  readVariables,
  required,
  secret,
  types,
  type Values,
} from '@bridge/runtime/config'
import {
  checkKafka,
  checkTopicsDiffer,
  type KafkaConnection,
  kafkaConnection,
  kafkaVariables,
} from '@bridge/runtime/kafka'
import { type ServiceConfig, serviceConfig, serviceVariables } from '@bridge/runtime/service-variables'
import { topics } from '@bridge/schemas/topics'
import { z } from 'zod'

const printable = z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')

export const variables = {
  ...kafkaVariables('partoo-ingestor'),
  OUTBOUND_TOPIC: defaultsTo(topics.outbound.defaultName, topics.outbound.purpose, types.topic),
  DLQ_TOPIC: defaultsTo(topics.dlq.defaultName, topics.dlq.purpose, types.topic),
  RECEIPTS_TOPIC: defaultsTo(topics.receipts.defaultName, topics.receipts.purpose, types.topic),
  INGESTOR_GROUP_ID: defaultsTo('partoo-ingestor', 'consumer group of all replicas', types.text),
  ADMITTED_MAX: defaultsTo('65536', 'records held in memory', types.whole(1, 10_000_000)),
  ADMITTED_BYTES_MAX: defaultsTo(
    String(64 * 1024 * 1024),
    'bytes of records held in memory',
    types.whole(1_048_576, 17_179_869_184),
  ),
  PARTOO_ENVIRONMENT: defaultsTo(
    'production',
    'production or sandbox: where the API is',
    types.oneOf(['production', 'sandbox']),
  ),
  PARTOO_BASE_URL: optional('base URL with /v2, instead of the environment’s', types.httpUrl),
  PARTOO_API_KEY: secret(required('API key with ORG_ADMIN or PROVIDER rights', printable)),
  PARTOO_CHANNEL_ID: required('the custom channel that messages without channel_id go to', types.text),
  PARTOO_ORG_ID: optional('the organization’s id, for names in metrics', types.organizationId),
  PARTOO_RATE_LIMIT_PER_MINUTE: defaultsTo(
    '300',
    'requests a minute that the organization may make; 0: no limit',
    types.whole(0, 10_000_000),
  ),
  PARTOO_BURST: defaultsTo(
    '20',
    'calls that may go out at once after a quiet time; at most half the limit',
    types.whole(1, 100_000),
  ),
  PARTOO_MAX_IN_FLIGHT: defaultsTo('64', 'calls at once', types.whole(1, 10_000)),
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
  ...serviceVariables(9464),
}

/** The channels that messages may go to, and the one for messages that name none. */
export type Channels = {
  byId: ReadonlyMap<string, { organization: string }>
  defaultChannelId: string | null
}

export type IngestorConfig = ServiceConfig & {
  kafka: KafkaConnection
  groupId: string
  topics: { outbound: string; dlq: string; receipts: string }
  admittedMax: number
  admittedBytesMax: number
  baseUrl: string
  organizations: { name: string; apiKey: string; limitPerMinute: number }[]
  channels: Channels
  burst: number
  inFlightMax: number
  timeoutMs: number
  retry: { attemptsMax: number; ageMinMs: number }
}

/** Reads the configuration, or everything that is wrong with it. */
export function readConfig(env: NodeJS.ProcessEnv): ConfigRead<IngestorConfig> {
  const read = readVariables(variables, env, check)
  if (read.kind === 'wrong') return read
  const values = read.config
  // Metrics name organizations: by their id where it is configured.
  const name = values.PARTOO_ORG_ID ?? 'default'
  return {
    kind: 'read',
    config: {
      ...serviceConfig(values),
      kafka: kafkaConnection(values),
      groupId: values.INGESTOR_GROUP_ID,
      topics: { outbound: values.OUTBOUND_TOPIC, dlq: values.DLQ_TOPIC, receipts: values.RECEIPTS_TOPIC },
      admittedMax: values.ADMITTED_MAX,
      admittedBytesMax: values.ADMITTED_BYTES_MAX,
      baseUrl: values.PARTOO_BASE_URL ?? environments[values.PARTOO_ENVIRONMENT].baseUrl,
      organizations: [{ name, apiKey: values.PARTOO_API_KEY, limitPerMinute: values.PARTOO_RATE_LIMIT_PER_MINUTE }],
      channels: {
        byId: new Map([[values.PARTOO_CHANNEL_ID, { organization: name }]]),
        defaultChannelId: values.PARTOO_CHANNEL_ID,
      },
      burst: values.PARTOO_BURST,
      inFlightMax: values.PARTOO_MAX_IN_FLIGHT,
      timeoutMs: values.PARTOO_TIMEOUT_MS,
      retry: { attemptsMax: values.RETRY_ATTEMPTS_MAX, ageMinMs: values.RETRY_AGE_MIN_MS },
    },
  }
}

function check(values: Partial<Values<typeof variables>>): string[] {
  const problems = checkKafka(values)
  problems.push(...checkTopicsDiffer(values, ['OUTBOUND_TOPIC', 'DLQ_TOPIC', 'RECEIPTS_TOPIC']))
  return problems
}
