// Owns the environment variables of the tool, which are those of the services but for the brokers: a shell may have production's.

import { type ConfigRead, defaultsTo, readVariables, types } from '@bridge/runtime/config'
import {
  checkKafka,
  checkTopicsDiffer,
  type KafkaConnection,
  kafkaConnection,
  kafkaVariables,
} from '@bridge/runtime/kafka-variables'
import { type Role, roles, topicVariables, variableOf } from './roles.ts'

const { KAFKA_BROKERS, KAFKA_CLIENT_ID: _, KAFKA_COMPRESSION: __, ...security } = kafkaVariables('partoo-topics')

export const variables = {
  START_KAFKA_BROKERS: { ...KAFKA_BROKERS, about: `${KAFKA_BROKERS.about}; or --brokers` },
  ...security,
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
  const given = brokers === undefined ? env : { ...env, START_KAFKA_BROKERS: brokers }
  const read = readVariables(variables, given, (values) => [
    ...checkKafka(values),
    ...checkTopicsDiffer(values, roles.map(variableOf)),
  ])
  if (read.kind === 'wrong') {
    const isMistaken = env.KAFKA_BROKERS && !given.START_KAFKA_BROKERS
    const hint =
      'KAFKA_BROKERS is set, and not used here: it may be a shell’s for something else. Say which with --brokers'
    return { kind: 'wrong', problems: [...read.problems, ...(isMistaken ? [hint] : [])] }
  }
  const { config } = read
  const names: Settings['names'] = {}
  for (const role of roles) {
    const name = config[variableOf(role)]
    if (name !== undefined) names[role] = name
  }
  const { START_KAFKA_BROKERS: KAFKA_BROKERS } = config
  return {
    kind: 'read',
    config: {
      connection: kafkaConnection(
        { ...config, KAFKA_BROKERS, KAFKA_CLIENT_ID: 'partoo-topics', KAFKA_COMPRESSION: 'none' },
        env,
      ),
      names,
      groupId: config.INGESTOR_GROUP_ID,
      bodyBytesMax: config.WEBHOOK_BODY_MAX_BYTES,
    },
  }
}
