// What an error of Kafka means, in one line that says what to do.

import { errorLine } from './log.ts'

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
      return kafkaErrorLine(error)
  }
}

/** What is wrong with a connection, by the words of Node's TLS, kafkajs and the brokers; the first that fits. */
const troubles: readonly (readonly [words: RegExp, hint: string])[] = [
  [
    /certificate has expired|certificate is not yet valid/,
    "the broker's certificate is out of its time: it has to be renewed there",
  ],
  [
    /verify the first certificate|self-signed|unable to get (local )?issuer/,
    "the authority that signed the broker's certificate is not known here: name its PEM file in KAFKA_TLS_CA_FILE",
  ],
  [/does not match certificate's altnames/, "KAFKA_BROKERS and the brokers' certificates name different hosts"],
  [
    /alert (bad certificate|certificate required|certificate expired|unknown ca|certificate unknown|handshake failure)/,
    'the broker refuses our certificate, or wants one: KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE',
  ],
  [/key values mismatch/, 'KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE do not belong together'],
  [
    /before secure TLS connection was established|wrong version number|packet length too long/,
    'this port does not speak TLS: leave KAFKA_TLS out, or name the port that does',
  ],
  [/does not support the requested SASL mechanism/, 'this port does not offer KAFKA_SASL_MECHANISM'],
  // The broker answers a token that it does not believe with a challenge, which kafkajs takes for success.
  [
    /SASL OAUTHBEARER authentication failed|not valid given the current SASL state/,
    'the broker does not believe the token: its issuer, audience, scope, signing key and clock have to be what the broker expects',
  ],
  [/SASL .*authentication failed/, 'KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is wrong'],
  [/^Closed connection$/, 'does this port want TLS or a login? KAFKA_TLS, KAFKA_SASL_MECHANISM'],
]

/** An error in one line, with what to do about it where that is known. */
export function kafkaErrorLine(error: unknown): string {
  const line = errorLine(error).trim()
  const hint = troubles.find(([words]) => words.test(line))?.[1]
  if (hint === undefined) return line
  // OpenSSL tells where in its source it was.
  const alert = /ssl\/tls alert ([a-z ]+)/.exec(line)?.[1]
  return `${alert === undefined ? line : `TLS alert “${alert}”`} (${hint})`
}
