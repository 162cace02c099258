// Owns the environment variables of the tool, which are those of the services but for the brokers: a shell may have production's.

import { type ConfigRead, defaultsTo, readVariables, types } from '@bridge/runtime/config'
import { checkTls } from '@bridge/runtime/http-variables'
import { checkKafka, checkTopicsDiffer, type KafkaConnection } from '@bridge/runtime/kafka-variables'
import { mistakenBrokers, toolKafkaConnection, toolKafkaVariables, withBrokers } from '@bridge/runtime/tool-kafka'
import { type Role, roles, topicVariables, variableOf } from './roles.ts'

export const variables = {
  ...toolKafkaVariables,
  ...topicVariables,
  INGESTOR_GROUP_ID: defaultsTo('partoo-ingestor', 'consumer group of the ingestor, for acls', types.text),
  WEBHOOK_BODY_MAX_BYTES: defaultsTo(
    '262144',
    'bytes of the largest webhook body: replies and events must take three times as much and 64 KiB',
    types.whole(1, 16_777_216),
  ),
}

export type Settings = {
  connection: KafkaConnection
  /** Without the bulk topic where none is named. */
  names: Partial<Record<Role, string>>
  groupId: string
  bodyBytesMax: number
}

/** Reads and checks the variables. @param brokers as given on the command line, in place of the variable */
export function readSettings(env: NodeJS.ProcessEnv, brokers: string | undefined): ConfigRead<Settings> {
  const given = withBrokers(env, brokers)
  const read = readVariables(variables, given, (values) => [
    ...checkTls(env),
    ...checkKafka(values),
    ...checkTopicsDiffer(values, roles.map(variableOf)),
  ])
  if (read.kind === 'wrong') return { kind: 'wrong', problems: [...read.problems, ...mistakenBrokers(given)] }
  const { config } = read
  const names: Settings['names'] = {}
  for (const role of roles) {
    const name = config[variableOf(role)]
    if (name !== undefined) names[role] = name
  }
  return {
    kind: 'read',
    config: {
      connection: toolKafkaConnection(config, env, 'partoo-topics'),
      names,
      groupId: config.INGESTOR_GROUP_ID,
      bodyBytesMax: config.WEBHOOK_BODY_MAX_BYTES,
    },
  }
}
