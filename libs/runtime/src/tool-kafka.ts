// The connection of a tool to Kafka: described by the services' variables, but for the brokers, as a shell may have production's.

import type { Values } from './config.ts'
import { type KafkaConnection, kafkaConnection, kafkaVariables } from './kafka-variables.ts'

const { KAFKA_BROKERS, KAFKA_CLIENT_ID: _, KAFKA_COMPRESSION: __, ...security } = kafkaVariables('')

export const toolKafkaVariables = {
  START_KAFKA_BROKERS: { ...KAFKA_BROKERS, about: `${KAFKA_BROKERS.about}; or --brokers` },
  ...security,
}

/** The environment with the brokers of the command line in place of the variable's, where it names some. */
export function withBrokers(env: NodeJS.ProcessEnv, brokers: string | undefined): NodeJS.ProcessEnv {
  return brokers === undefined ? env : { ...env, START_KAFKA_BROKERS: brokers }
}

/** What else to say where the configuration is wrong: lines. */
export function mistakenBrokers(env: NodeJS.ProcessEnv): string[] {
  if (!env.KAFKA_BROKERS || env.START_KAFKA_BROKERS) return []
  return ['KAFKA_BROKERS is set, and not used here: it may be a shell’s for something else. Say which with --brokers']
}

/** The connection that checked variables describe. Nothing that a tool writes is compressed. */
export function toolKafkaConnection(
  values: Values<typeof toolKafkaVariables>,
  env: NodeJS.ProcessEnv,
  clientId: string,
): KafkaConnection {
  const { START_KAFKA_BROKERS: brokers } = values
  return kafkaConnection(
    { ...values, KAFKA_BROKERS: brokers, KAFKA_CLIENT_ID: clientId, KAFKA_COMPRESSION: 'none' },
    env,
  )
}
