// The connection to Kafka: the variables that describe it, and the one place where a kafkajs client is made.

import { readFileSync } from 'node:fs'
import { connect, isIP } from 'node:net'
import tls from 'node:tls'
import kafkajs, { type ISocketFactory, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs'
import { z } from 'zod'
import { type Compression, compressions, registerCodecs } from './compression.ts'
import { defaultsTo, optional, required, secret, types, type Values } from './config.ts'
import { errorLine, type Log } from './log.ts'

const brokerList = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  )
  .refine((brokers) => brokers.length > 0 && brokers.every(isAddress), {
    error: 'must be host:port, comma-separated',
  })

/** A user or a password in it would be shown in logs, and not be used. */
function isAddress(text: string): boolean {
  return /^[^\s@/]+:\d{1,5}$/.test(text) && Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535
}

/** The variables of the connection, shared by both services. */
export function kafkaVariables(service: string) {
  return {
    KAFKA_BROKERS: required('host:port of one or more brokers, comma-separated', brokerList),
    KAFKA_CLIENT_ID: defaultsTo(service, 'the client id that brokers log and count by', types.text),
    KAFKA_TLS: defaultsTo('false', 'connect with TLS', types.flag),
    KAFKA_TLS_CA_FILE: optional('PEM file of the certificate authority, where it is not a public one', types.text),
    KAFKA_TLS_CERT_FILE: optional('PEM file of the client certificate (mutual TLS)', types.text),
    KAFKA_TLS_KEY_FILE: optional('PEM file of the client key (mutual TLS)', types.text),
    KAFKA_SASL_MECHANISM: optional(
      'plain, scram-sha-256 or scram-sha-512',
      types.oneOf(['plain', 'scram-sha-256', 'scram-sha-512']),
    ),
    KAFKA_SASL_USERNAME: optional('user name for SASL', types.text),
    KAFKA_SASL_PASSWORD: secret(optional('password for SASL', types.text)),
    KAFKA_COMPRESSION: defaultsTo(
      'none',
      'how what is published is compressed: none, gzip, snappy, lz4 or zstd; all of them are read',
      types.oneOf(compressions),
    ),
  }
}

export type KafkaValues = Values<ReturnType<typeof kafkaVariables>>

/** What is needed to connect; certificates are read already. */
export type KafkaConnection = {
  brokers: string[]
  clientId: string
  tls: { ca?: string; cert?: string; key?: string } | undefined
  sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined
  /** Of what is published; `none` where it is left out. */
  compression?: Compression
}

/** Relations between the connection's variables: problems, one line each. */
export function checkKafka(values: Partial<KafkaValues>): string[] {
  const problems: string[] = []
  if (values.KAFKA_SASL_MECHANISM !== undefined) {
    for (const name of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const) {
      if (values[name] === undefined) problems.push(`${name} is required with KAFKA_SASL_MECHANISM`)
    }
  }
  if (values.KAFKA_SASL_MECHANISM === undefined) {
    for (const name of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const) {
      if (values[name] !== undefined)
        problems.push(`${name} is set, and KAFKA_SASL_MECHANISM is not: nobody would log in`)
    }
  }
  if ((values.KAFKA_TLS_CERT_FILE === undefined) !== (values.KAFKA_TLS_KEY_FILE === undefined)) {
    problems.push('KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE go together: set both or none')
  }
  for (const name of ['KAFKA_TLS_CA_FILE', 'KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'] as const) {
    const file = values[name]
    if (file === undefined) continue
    if (values.KAFKA_TLS === false) problems.push(`${name} is set, and KAFKA_TLS is not: set KAFKA_TLS=true`)
    try {
      readFileSync(file)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
      problems.push(`${name} names ${file}, which cannot be read (${code})`)
    }
  }
  return problems
}

/** Problems where two of the named topics are one: each has a contract of its own. */
export function checkTopicsDiffer<N extends string>(
  values: Partial<Record<N, string | undefined>>,
  names: N[],
): string[] {
  const topics = names.map((name) => values[name]).filter((topic) => topic !== undefined)
  return new Set(topics).size < topics.length
    ? [`${names.slice(0, -1).join(', ')} and ${names.at(-1)} must differ`]
    : []
}

/** The connection that checked variables describe. */
export function kafkaConnection(values: KafkaValues): KafkaConnection {
  const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'))
  const ca = file(values.KAFKA_TLS_CA_FILE)
  const cert = file(values.KAFKA_TLS_CERT_FILE)
  const key = file(values.KAFKA_TLS_KEY_FILE)
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = values
  return {
    brokers: values.KAFKA_BROKERS,
    clientId: values.KAFKA_CLIENT_ID,
    tls: values.KAFKA_TLS
      ? { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
      : undefined,
    sasl: mechanism && username !== undefined && password !== undefined ? { mechanism, username, password } : undefined,
    compression: values.KAFKA_COMPRESSION,
  }
}

/** How long one step may take, and how often kafkajs repeats it by itself. */
export type KafkaPatience = { connectionTimeoutMs: number; requestTimeoutMs: number; retries: number }

/** Makes a kafkajs client. Nothing connects until a producer, consumer or admin of it does. */
export function createKafka(connection: KafkaConnection, log: Log, patience: KafkaPatience): kafkajs.Kafka {
  registerCodecs()
  const config: KafkaConfig = {
    brokers: connection.brokers,
    clientId: connection.clientId,
    connectionTimeout: patience.connectionTimeoutMs,
    authenticationTimeout: patience.requestTimeoutMs,
    requestTimeout: patience.requestTimeoutMs,
    retry: { retries: patience.retries, initialRetryTime: 100, maxRetryTime: 2_000 },
    logLevel: kafkajs.logLevel.INFO,
    logCreator: () => (entry) => passOn(log, entry),
    socketFactory: connectSocket,
  }
  if (connection.tls !== undefined) config.ssl = connection.tls
  if (connection.sasl !== undefined) config.sasl = connection.sasl as SASLOptions
  return new kafkajs.Kafka(config)
}

const keepAliveMs = 60_000

/** As kafkajs does by itself, but without Nagle's algorithm, by which the end of a large request waits for an acknowledgement. */
const connectSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? tls.connect({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
    : connect({ host, port }, onConnect)
  return socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
}

/** kafkajs logs each passing trouble as an error and each pause as information: one step lower is what they mean to us. */
function passOn(log: Log, { namespace, level, log: entry }: LogEntry): void {
  const fields = {
    kafkajs: namespace,
    ...(typeof entry.error === 'string' && { error: entry.error }),
    ...(typeof entry.broker === 'string' && { broker: entry.broker }),
  }
  if (level === kafkajs.logLevel.ERROR) log.warn(fields, entry.message)
  else if (level === kafkajs.logLevel.WARN) log.info(fields, entry.message)
  else log.debug(fields, entry.message)
}

/** The protocol error name (`MESSAGE_TOO_LARGE`, …) in an error of kafkajs or in what caused it, if there is one. */
export function kafkaErrorType(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth += 1) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type
  }
  return undefined
}

/**
 * Why Kafka did not do what was asked, in one line. Kafka's own words leave out what somebody has to be allowed, and on what.
 *
 * @param operation as Kafka's permissions call it
 * @param topics one of which it was about
 */
export function refusalLine(error: unknown, operation: string, topics: readonly string[], groupId = ''): string {
  const hint = "allow it to this service's user (`npm run topics -- acls` tells how)"
  switch (kafkaErrorType(error)) {
    case 'TOPIC_AUTHORIZATION_FAILED':
      return `${operation} on topic ${topics.join(' or ')} is not allowed: ${hint}`
    case 'GROUP_AUTHORIZATION_FAILED':
      return `Read on group ${groupId} is not allowed: ${hint}`
    default:
      // kafkajs asks every broker, and drops what they answer.
      if (error instanceof Error && error.name === 'KafkaJSGroupCoordinatorNotFound') {
        return `no broker names the coordinator of group ${groupId}: is Read on it not allowed? If so, ${hint}`
      }
      return errorLine(error)
  }
}
