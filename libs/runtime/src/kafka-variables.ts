// The variables that describe the connection to Kafka, for both services and the tools, and what they mean together.

import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { unreadableFile } from '@bridge/schemas/named-file'
import { z } from 'zod'
import { type ChangingText, changingText } from './changing-text.ts'
import { type Compression, compressions } from './compression.ts'
import { defaultsTo, optional, optionalFile, required, secret, secretText, types, type Values } from './config.ts'
import { OAuthTokens } from './oauth-tokens.ts'

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
    KAFKA_TLS_CA_FILE: optionalFile('PEM file of the certificate authority, where it is not a public one'),
    KAFKA_TLS_CERT_FILE: optionalFile('PEM file of the client certificate (mutual TLS)'),
    KAFKA_TLS_KEY_FILE: optionalFile('PEM file of the client key (mutual TLS)'),
    KAFKA_SASL_MECHANISM: optional(
      'plain, scram-sha-256, scram-sha-512 or oauthbearer',
      types.oneOf(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']),
    ),
    KAFKA_SASL_USERNAME: optional('user name for SASL; with oauthbearer the client id', types.text),
    KAFKA_SASL_PASSWORD: secret(optional('password for SASL; with oauthbearer the client secret', types.text)),
    KAFKA_SASL_OAUTH_TOKEN_URL: optional(
      'with oauthbearer: where tokens are got, by OAuth 2 client credentials; https, or http on this machine',
      types.httpUrl.refine(isSafe, { error: 'must be https: the client secret is sent there' }),
    ),
    KAFKA_SASL_OAUTH_SCOPE: optional('with oauthbearer: the scope to ask for, where the issuer wants one', types.text),
    KAFKA_COMPRESSION: defaultsTo(
      'none',
      'how what is published is compressed: none, gzip, snappy, lz4 or zstd; all of them are read',
      types.oneOf(compressions),
    ),
  }
}

/** Whether a client secret may go there. */
function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}

export type KafkaValues = Values<ReturnType<typeof kafkaVariables>>

/** How to log in; texts are as their files are now. */
export type KafkaLogin =
  | { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: ChangingText }
  | { mechanism: 'oauthbearer'; tokens: OAuthTokens }

/** What is needed to connect; PEM texts are as their files are now. */
export type KafkaConnection = {
  brokers: string[]
  clientId: string
  tls: { ca?: ChangingText; cert?: ChangingText; key?: ChangingText } | undefined
  sasl: KafkaLogin | undefined
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
  const isOAuth = values.KAFKA_SASL_MECHANISM === 'oauthbearer'
  if (isOAuth && values.KAFKA_SASL_OAUTH_TOKEN_URL === undefined) {
    problems.push('KAFKA_SASL_OAUTH_TOKEN_URL is required with KAFKA_SASL_MECHANISM=oauthbearer')
  }
  for (const name of ['KAFKA_SASL_OAUTH_TOKEN_URL', 'KAFKA_SASL_OAUTH_SCOPE'] as const) {
    if (!isOAuth && values[name] !== undefined) {
      problems.push(`${name} is set, and KAFKA_SASL_MECHANISM is not oauthbearer: no token would be asked for`)
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
      problems.push(`${name} ${unreadableFile(file, error)}`)
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

/**
 * The connection that checked variables describe.
 *
 * @param env tells which secrets came from files: those, and the certificates, are read again when they change
 */
export function kafkaConnection(values: KafkaValues, env: NodeJS.ProcessEnv): KafkaConnection {
  const ca = followed(values.KAFKA_TLS_CA_FILE)
  const cert = followed(values.KAFKA_TLS_CERT_FILE)
  const key = followed(values.KAFKA_TLS_KEY_FILE)
  return {
    brokers: values.KAFKA_BROKERS,
    clientId: values.KAFKA_CLIENT_ID,
    tls: values.KAFKA_TLS ? { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } : undefined,
    sasl: login(values, env, ca),
    compression: values.KAFKA_COMPRESSION,
  }
}

function followed(file: string | undefined): ChangingText | undefined {
  return file === undefined ? undefined : changingText(file, readFileSync(file, 'utf8'), isPem)
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN ') && text.includes('-----END ')
}

/** @param ca also believed where tokens are got, beside the public ones */
function login(values: KafkaValues, env: NodeJS.ProcessEnv, ca: ChangingText | undefined): KafkaLogin | undefined {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: given } = values
  if (mechanism === undefined || username === undefined || given === undefined) return undefined
  const password = secretText(env, 'KAFKA_SASL_PASSWORD', given)
  if (mechanism !== 'oauthbearer') return { mechanism, username, password }
  const { KAFKA_SASL_OAUTH_TOKEN_URL: url, KAFKA_SASL_OAUTH_SCOPE: scope } = values
  if (url === undefined) return undefined
  const authorities = () => (ca === undefined ? undefined : [...rootCertificates, ca()])
  return {
    mechanism,
    tokens: new OAuthTokens({ url, clientId: username, clientSecret: password, scope, ca: authorities }),
  }
}
