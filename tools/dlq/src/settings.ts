// Owns the environment variables of the tool, which are those of the services but for the brokers: a shell may have production's.

import { type ConfigRead, defaultsTo, optional, readVariables, types } from '@bridge/runtime/config'
import { checkTls, proxyVariables } from '@bridge/runtime/http-variables'
import { checkKafka, checkTopicsDiffer, type KafkaConnection } from '@bridge/runtime/kafka-variables'
import {
  checkSchemaRegistry,
  schemaRegistryConnection,
  schemaRegistryVariables,
} from '@bridge/runtime/schema-registry-variables'
import { mistakenBrokers, toolKafkaConnection, toolKafkaVariables, withBrokers } from '@bridge/runtime/tool-kafka'
import type { RegistryConnection } from '@bridge/schemas/registry'
import { topics } from '@bridge/schemas/topics'

export const variables = {
  ...toolKafkaVariables,
  DLQ_TOPIC: defaultsTo(topics.dlq.defaultName, topics.dlq.purpose, types.topic),
  OUTBOUND_TOPIC: defaultsTo(topics.outbound.defaultName, 'redrive writes to this topic', types.topic),
  OUTBOUND_BULK_TOPIC: optional('and to this one', types.topic),
  PARTOO_CHANNEL_ID: optional('channel of messages that name none, as the ingestor has it', types.text),
  ...schemaRegistryVariables('tells whose messages those are that are not plain JSON'),
  ...proxyVariables(),
}

export type Settings = {
  connection: KafkaConnection
  dlqTopic: string
  /** What may be written to. */
  outboundTopics: string[]
  channelId: string | null
  registry: RegistryConnection | undefined
}

/** Reads and checks the variables. @param brokers as given on the command line, in place of the variable */
export function readSettings(env: NodeJS.ProcessEnv, brokers: string | undefined): ConfigRead<Settings> {
  const given = withBrokers(env, brokers)
  const read = readVariables(variables, given, (values) => [
    ...checkKafka(values),
    ...checkTopicsDiffer(values, ['OUTBOUND_TOPIC', 'OUTBOUND_BULK_TOPIC', 'DLQ_TOPIC']),
    ...checkSchemaRegistry(values),
    ...checkTls(env),
  ])
  if (read.kind === 'wrong') return { kind: 'wrong', problems: [...read.problems, ...mistakenBrokers(given)] }
  const { config } = read
  return {
    kind: 'read',
    config: {
      connection: toolKafkaConnection(config, env, 'partoo-dlq'),
      dlqTopic: config.DLQ_TOPIC,
      outboundTopics: [config.OUTBOUND_TOPIC, config.OUTBOUND_BULK_TOPIC].filter((topic) => topic !== undefined),
      channelId: config.PARTOO_CHANNEL_ID ?? null,
      registry: schemaRegistryConnection(config, env),
    },
  }
}
