// Owns the environment variables of the tool, which are those of the services: which registry, and how the topics are called.

import { type ConfigRead, defaultsTo, optional, readVariables, types } from '@bridge/runtime/config'
import { checkTls, proxyVariables } from '@bridge/runtime/http-variables'
import { checkTopicsDiffer } from '@bridge/runtime/kafka-variables'
import {
  checkSchemaRegistry,
  schemaRegistryConnection,
  schemaRegistryVariables,
} from '@bridge/runtime/schema-registry-variables'
import { outputFormats } from '@bridge/schemas/encoding'
import type { RegistryConnection } from '@bridge/schemas/registry'
import { bulkTopic, topics } from '@bridge/schemas/topics'
import type { Order } from './arguments.ts'
import { isFormat, isPublished, type Role, type Subject, subjectOf } from './subjects.ts'

const registryVariables = schemaRegistryVariables('whose schemas are compared and registered; or --registry')

const named = (role: 'outbound' | 'receipts' | 'replies') =>
  defaultsTo(topics[role].defaultName, topics[role].purpose, types.topic)

export const variables = {
  ...registryVariables,
  SCHEMA_REGISTRY_URL: { ...registryVariables.SCHEMA_REGISTRY_URL, required: true },
  ...proxyVariables(),
  OUTPUT_FORMAT: defaultsTo(
    'json',
    'what the services publish receipts and replies in; avro and json-schema choose the schemas of those',
    types.oneOf(outputFormats),
  ),
  OUTBOUND_TOPIC: named('outbound'),
  OUTBOUND_BULK_TOPIC: optional(bulkTopic.purpose, types.topic),
  RECEIPTS_TOPIC: named('receipts'),
  REPLIES_TOPIC: named('replies'),
}

const variableOf = {
  outbound: 'OUTBOUND_TOPIC',
  bulk: 'OUTBOUND_BULK_TOPIC',
  receipts: 'RECEIPTS_TOPIC',
  replies: 'REPLIES_TOPIC',
} as const satisfies Record<Role, keyof typeof variables>

export type Settings = {
  connection: RegistryConnection
  /** At least one. */
  subjects: Subject[]
}

/** Reads and checks the variables, and what of them is said on the command line instead. */
export function readSettings(env: NodeJS.ProcessEnv, order: Order): ConfigRead<Settings> {
  const { registry, only, format = 'avro', outputFormat } = order
  const given = registry === undefined ? env : { ...env, SCHEMA_REGISTRY_URL: registry }
  const read = readVariables(variables, given, (values) => {
    const problems = [
      ...checkSchemaRegistry(values),
      ...checkTls(env),
      ...checkTopicsDiffer(
        values,
        only.map((role) => variableOf[role]),
      ),
    ]
    const { OUTPUT_FORMAT: published, OUTBOUND_BULK_TOPIC: bulk } = values
    if (outputFormat !== undefined && published !== undefined && isFormat(published) && published !== outputFormat) {
      problems.push(
        `OUTPUT_FORMAT is ${published}, and --output-format ${outputFormat}: the services would not find it`,
      )
    }
    if (only.length === 1 && only[0] === 'bulk' && bulk === undefined) {
      problems.push('OUTBOUND_BULK_TOPIC is not set, and --only names nothing else')
    }
    return problems
  })
  if (read.kind === 'wrong') return read
  const { config } = read
  const connection = schemaRegistryConnection(config, given)
  if (connection === undefined) return { kind: 'wrong', problems: ['SCHEMA_REGISTRY_URL is required'] }
  const published = outputFormat ?? (isFormat(config.OUTPUT_FORMAT) ? config.OUTPUT_FORMAT : format)
  const subjects = only.flatMap((role) => {
    const topic = config[variableOf[role]]
    return topic === undefined ? [] : [subjectOf(role, topic, isPublished(role) ? published : format)]
  })
  return { kind: 'read', config: { connection, subjects } }
}
