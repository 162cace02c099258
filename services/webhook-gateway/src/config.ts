// The gateway's configuration: its variables, how they depend on each other, and what the rest of the service gets.

import type { KeyObject } from 'node:crypto'
import { readChannelsFile } from '@bridge/partoo/channels-file'
import { type Environment, environments, publicKeyPem } from '@bridge/partoo/environment'
import { readPublicKeys } from '@bridge/partoo/signature'
import type { ChangingText } from '@bridge/runtime/changing-text'
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
import { checkTls, proxyVariables } from '@bridge/runtime/http-variables'
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
import type { RegistryConnection } from '@bridge/schemas/registry'
import { topics } from '@bridge/schemas/topics'
import { z } from 'zod'

const path = z
  .string()
  .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and hold no spaces')
  .refine((text) => !/[?#%]/.test(text), { error: 'must be a plain path: no ?, # or %' })

// A header can carry these and no others without a question of encoding. While a secret is replaced there are two of them.
const secretLines = /^[\x21-\x7e]+(\r?\n[\x21-\x7e]+)*$/
const webhookSecret = z
  .string()
  .regex(secretLines, 'must be visible ASCII characters, without spaces, one secret a line')

const publicKeys = z.string().transform((text, context) => {
  const read = readPublicKeys(text)
  if (read.kind === 'read') return read.keys
  context.addIssue({ code: 'custom', message: read.problem })
  return z.NEVER
})

const topic = (role: 'replies' | 'receipts' | 'events') =>
  defaultsTo(topics[role].defaultName, `topic: ${topics[role].purpose}`, types.topic)

export const variables = {
  ...kafkaVariables('partoo-webhook-gateway'),
  WEBHOOK_PORT: defaultsTo('8080', 'public port that receives the webhooks', types.port),
  WEBHOOK_HOST: defaultsTo('0.0.0.0', 'address that the public port listens on', types.text),
  WEBHOOK_PATH: defaultsTo('/webhooks/partoo', 'path of the webhooks', path),
  WEBHOOK_SECRET: secret(
    optional(
      "if set, must come as the path's last segment (percent-encoded where it holds /, ?, # or %) or in the X-Webhook-Secret header; of several, one a line, any will do",
      webhookSecret,
    ),
  ),
  WEBHOOK_DEADLINE_MS: defaultsTo(
    '5000',
    'milliseconds within which every webhook is answered; a fifth of it is what a connection to Kafka may take',
    types.whole(100, 60_000),
  ),
  WEBHOOK_BODY_MAX_BYTES: defaultsTo(
    '262144',
    'bytes of the largest body; the replies and events topics must take three times as much plus 64 KiB',
    types.whole(1, 16_777_216),
  ),
  PARTOO_ENVIRONMENT: defaultsTo(
    'production',
    'production or sandbox: chooses the key that verifies the webhooks',
    types.oneOf(Object.keys(environments) as [Environment, ...Environment[]]),
  ),
  PARTOO_WEBHOOK_PUBLIC_KEYS: optional(
    "Ed25519 public keys, PEM blocks one after the other, instead of the environment's key; any of them verifies",
    publicKeys,
  ),
  PARTOO_ORG_ID: optional(
    'your organization at Partoo: only its events become replies and receipts; unset, those of every organization do',
    types.organizationId,
  ),
  PARTOO_CHANNELS_FILE: optionalFile(
    "instead of PARTOO_ORG_ID: the ingestor's file of organizations and channels; its organizations are yours",
  ),
  WEBHOOK_SPOOL_DIR: optional(
    'folder of the spool, of this replica alone, on a disk that outlives it: verified webhooks wait there while Kafka does ' +
      'not take them; unset, they are answered 503, and Partoo gives each up after five repeats',
    types.text,
  ),
  WEBHOOK_SPOOL_MAX_BYTES: defaultsTo(
    String(1024 * 1024 * 1024),
    'bytes of webhooks that may wait there; beyond, they are answered 503',
    types.whole(1_048_576, 1_099_511_627_776),
  ),
  REPLIES_TOPIC: topic('replies'),
  RECEIPTS_TOPIC: topic('receipts'),
  EVENTS_TOPIC: topic('events'),
  ...schemaRegistryVariables('tells the ids of the schemas of what is published, where OUTPUT_FORMAT is not json'),
  ...proxyVariables(),
  ...outputVariables('replies and receipts'),
  ...serviceVariables(9465),
}

export type Topics = { replies: string; receipts: string; events: string }

export type GatewayConfig = ServiceConfig & {
  webhook: { host: string; port: number; path: string; deadlineMs: number; bodyBytesMax: number }
  /** What proves that a webhook is Partoo's, and meant for us. */
  proof: { keys: readonly KeyObject[]; secrets: (() => readonly string[]) | undefined }
  /** Organizations that are ours; empty: none is configured, and every one counts as known. */
  orgIds: ReadonlySet<string>
  topics: Topics
  /** Where webhooks wait while Kafka does not take them, if anywhere. */
  spool: { folder: string; bytesMax: number } | undefined
  kafka: KafkaConnection
  schemaRegistry: RegistryConnection | undefined
  output: Output
}

/** Reads and checks the configuration. @returns it, or every problem, one line each */
export function readConfig(env: NodeJS.ProcessEnv): ConfigRead<GatewayConfig> {
  const orgIds = new Set<string>()
  const read = readVariables(variables, env, (values, isSet) => {
    const problems = [...checkTls(env), ...checkKafka(values), ...checkSchemaRegistry(values), ...checkOutput(values)]
    problems.push(...checkTopicsDiffer(values, ['REPLIES_TOPIC', 'RECEIPTS_TOPIC', 'EVENTS_TOPIC']))
    if (values.WEBHOOK_PORT !== undefined && values.WEBHOOK_PORT !== 0 && values.WEBHOOK_PORT === values.ADMIN_PORT) {
      problems.push('ADMIN_PORT is the same as WEBHOOK_PORT: the admin port must not be the public one')
    }
    if (values.PARTOO_ORG_ID !== undefined) orgIds.add(values.PARTOO_ORG_ID)
    if (values.PARTOO_CHANNELS_FILE === undefined) return problems
    const file = readChannelsFile(values.PARTOO_CHANNELS_FILE, { keys: false })
    if (file.kind === 'read') for (const { orgId } of file.organizations) orgIds.add(orgId)
    else problems.push(...file.problems.map((problem) => `PARTOO_CHANNELS_FILE: ${problem}`))
    if (isSet('PARTOO_ORG_ID')) problems.push('PARTOO_ORG_ID and PARTOO_CHANNELS_FILE are both set: set one of them')
    return problems
  })
  if (read.kind === 'wrong') return read
  const values = read.config
  return {
    kind: 'read',
    config: {
      ...serviceConfig(values),
      webhook: {
        host: values.WEBHOOK_HOST,
        port: values.WEBHOOK_PORT,
        path: values.WEBHOOK_PATH,
        deadlineMs: values.WEBHOOK_DEADLINE_MS,
        bodyBytesMax: values.WEBHOOK_BODY_MAX_BYTES,
      },
      proof: {
        keys: values.PARTOO_WEBHOOK_PUBLIC_KEYS ?? environmentKeys(values.PARTOO_ENVIRONMENT),
        secrets: values.WEBHOOK_SECRET === undefined ? undefined : secretsOf(env, values.WEBHOOK_SECRET),
      },
      orgIds,
      topics: { replies: values.REPLIES_TOPIC, receipts: values.RECEIPTS_TOPIC, events: values.EVENTS_TOPIC },
      spool:
        values.WEBHOOK_SPOOL_DIR === undefined
          ? undefined
          : { folder: values.WEBHOOK_SPOOL_DIR, bytesMax: values.WEBHOOK_SPOOL_MAX_BYTES },
      kafka: kafkaConnection(values, env),
      schemaRegistry: schemaRegistryConnection(values, env),
      output: outputOf(values),
    },
  }
}

/** The secrets as they are now. */
function secretsOf(env: NodeJS.ProcessEnv, given: string): () => readonly string[] {
  const text: ChangingText = secretText(env, 'WEBHOOK_SECRET', given, (read) => secretLines.test(read))
  return () => text().split(/\r?\n/)
}

function environmentKeys(environment: Environment): readonly KeyObject[] {
  const read = readPublicKeys(publicKeyPem(environments[environment].webhookPublicKey))
  if (read.kind === 'wrong') throw new Error(`the built-in key of ${environment} ${read.problem}`)
  return read.keys
}
