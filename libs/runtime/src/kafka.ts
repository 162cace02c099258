// The one place where a kafkajs client is made, and what its errors mean.

import { connect, isIP } from 'node:net'
import tls from 'node:tls'
import kafkajs, { type ISocketFactory, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs'
import { registerCodecs } from './compression.ts'
import type { KafkaConnection, KafkaLogin } from './kafka-variables.ts'
import type { Log } from './log.ts'

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
    logCreator: () => passTo(log),
    socketFactory: connectSocket,
  }
  if (connection.tls !== undefined) config.ssl = currentTls(connection.tls)
  if (connection.sasl !== undefined) config.sasl = currentLogin(connection.sasl)
  return new kafkajs.Kafka(config)
}

/** As its files are at each connection: `connectSocket` copies it, and so asks the getters. */
function currentTls(files: NonNullable<KafkaConnection['tls']>): tls.ConnectionOptions {
  const options: tls.ConnectionOptions = {}
  for (const name of ['ca', 'cert', 'key'] as const) {
    const text = files[name]
    if (text !== undefined) Object.defineProperty(options, name, { enumerable: true, get: text })
  }
  return options
}

/** kafkajs reads it each time it logs in. */
function currentLogin(login: KafkaLogin): SASLOptions {
  if (login.mechanism === 'oauthbearer') {
    const oauthBearerProvider = async () => ({ value: await login.tokens.current() })
    return { mechanism: 'oauthbearer', oauthBearerProvider }
  }
  const { mechanism, username, password } = login
  return {
    mechanism,
    username,
    get password() {
      return password()
    },
  } as SASLOptions
}

const keepAliveMs = 60_000

/**
 * As kafkajs does by itself, but without Nagle's algorithm, by which the end of a large request waits for an acknowledgement; and
 * certificates are verified whatever the environment says.
 */
const connectSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? tls.connect(
        { host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl, rejectUnauthorized: true },
        onConnect,
      )
    : connect({ host, port }, onConnect)
  return socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
}

/** Of lines that kafkajs writes again and again, one in so long a time. */
const repeatedMs = 60_000
const remembered = 200

/**
 * Takes what kafkajs logs. It logs each passing trouble as an error and each pause as information: one step lower is what they mean to
 * us. What it repeats at each attempt is told once a minute, and else with the level `debug`.
 */
function passTo(log: Log): (entry: LogEntry) => void {
  const toldAtMs = new Map<string, number>()
  const isRepeated = (text: string) => {
    const nowMs = performance.now()
    const before = toldAtMs.get(text)
    if (before !== undefined && nowMs - before < repeatedMs) return true
    toldAtMs.delete(text)
    toldAtMs.set(text, nowMs)
    for (const oldest of toldAtMs.keys()) {
      if (toldAtMs.size <= remembered) break
      toldAtMs.delete(oldest)
    }
    return false
  }
  return ({ namespace, level, log: entry }) => {
    const fields = {
      kafkajs: namespace,
      ...(typeof entry.error === 'string' && { error: entry.error }),
      ...(typeof entry.broker === 'string' && { broker: entry.broker }),
    }
    const message = entry.message.trim()
    const isLoud = level === kafkajs.logLevel.ERROR || level === kafkajs.logLevel.WARN
    if (!isLoud || isRepeated(JSON.stringify([fields, message]))) log.debug(fields, message)
    else if (level === kafkajs.logLevel.ERROR) log.warn(fields, message)
    else log.info(fields, message)
  }
}
