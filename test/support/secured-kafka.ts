// Owns a Kafka that is reached in every secured way, each on a port of its own, on this machine's Java. Who administers it comes
// by a port without security.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findJava } from '@bridge/local-kafka/java'
import { formatBroker, runBroker } from '@bridge/local-kafka/java-broker'
import { singleNodeSettings } from '@bridge/local-kafka/java-kafka'
import { untilUsable } from '@bridge/local-kafka/kafka-client'
import { ensureJars } from '@bridge/local-kafka/kafka-jars'
import { localFolder } from '@bridge/local-kafka/maven'
import type { OwnedProcess } from '@bridge/local-kafka/owned-process'
import { freeLastingPort } from '@bridge/local-kafka/ports'
import { Authority } from './certificates.ts'
import { audience, issuer, TokenSigner } from './token-endpoint.ts'

/**
 * `open`: no security. `tls`, `mutualTls`, `expired` (its certificate has expired). `login`: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512;
 * `tlsLogin` the same over TLS. `oauth`: OAUTHBEARER with tokens of `signer`, and a connection that outlives its token is closed.
 */
export const listeners = ['open', 'tls', 'mutualTls', 'expired', 'login', 'tlsLogin', 'oauth'] as const
export type Listener = (typeof listeners)[number]

const protocols: Record<Listener, string> = {
  open: 'PLAINTEXT',
  tls: 'SSL',
  mutualTls: 'SSL',
  expired: 'SSL',
  login: 'SASL_PLAINTEXT',
  tlsLogin: 'SASL_SSL',
  oauth: 'SASL_PLAINTEXT',
}
const usableDeadlineMs = 90_000
export const user = 'bridge'
export const password = 'planted-kafka-password'

export class SecuredKafka {
  readonly #process: OwnedProcess
  readonly #ports: Record<Listener, number>
  /** Holds the certificates. */
  readonly folder: string
  readonly authority: Authority
  /** Whose tokens it believes. */
  readonly signer: TokenSigner

  constructor(
    process: OwnedProcess,
    ports: Record<Listener, number>,
    folder: string,
    { authority, signer }: { authority: Authority; signer: TokenSigner },
  ) {
    this.#process = process
    this.#ports = ports
    this.folder = folder
    this.authority = authority
    this.signer = signer
  }

  /** Why there can be none here; undefined: there can be one. */
  static async impossible(): Promise<string | undefined> {
    if (!Authority.isPossible) return 'there is no openssl to make certificates with'
    const java = await findJava(process.env)
    return java.kind === 'missing' ? java.why : undefined
  }

  /** Where a way in is: host:port. */
  at(listener: Listener): string {
    return `127.0.0.1:${this.#ports[listener]}`
  }

  async stop(): Promise<void> {
    await this.#process.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  static async start(): Promise<SecuredKafka> {
    const java = await findJava(process.env)
    const jars = await ensureJars(process.env, () => {}, undefined)
    if (java.kind === 'missing' || jars.kind === 'missing') throw new Error('ask `impossible` first')
    const folder = await mkdtemp(join(tmpdir(), 'secured-kafka-'))
    const authority = new Authority(folder)
    const signer = new TokenSigner()
    const keySetUrl = `file://${join(folder, 'keys.json')}`
    await writeFile(join(folder, 'keys.json'), signer.keySet)
    const ports = {} as Record<Listener, number>
    for (const listener of listeners) ports[listener] = await freeLastingPort()
    const broker = {
      java: java.command,
      jars: jars.folder,
      env: process.env,
      folder,
      settings: settings(ports, await freeLastingPort(), authority, keySetUrl),
      formatOptions: ['256', '512'].flatMap((bits) => [
        '--add-scram',
        `SCRAM-SHA-${bits}=[name=${user},password=${password}]`,
      ]),
      javaOptions: [
        '-Xms128m',
        '-Xmx256m',
        '-XX:TieredStopAtLevel=1',
        `-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${keySetUrl}`,
      ],
      logFile: join(localFolder, 'logs', 'kafka-secured-ways.log'),
    }
    const formatted = await formatBroker(broker, undefined)
    if (formatted.kind === 'failed') throw new Error(formatted.why)
    const usable = (signal: AbortSignal) => untilUsable(`127.0.0.1:${ports.open}`, usableDeadlineMs, signal)
    const started = await runBroker(broker, usable, undefined)
    if (started.kind === 'failed') throw new Error(`${started.why}: see ${broker.logFile}`)
    return new SecuredKafka(started.process, ports, folder, { authority, signer })
  }
}

function settings(
  ports: Record<Listener, number>,
  controllerPort: number,
  authority: Authority,
  keySetUrl: string,
): Record<string, string> {
  const name = (listener: Listener) => listener.toUpperCase()
  const all = listeners.map((listener) => `${name(listener)}://127.0.0.1:${ports[listener]}`)
  const of = (listener: Listener, own: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(own).map(([setting, value]) => [`listener.name.${listener.toLowerCase()}.${setting}`, value]),
    )
  const certificate = (file: string) => ({ 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': file })
  const modules = 'org.apache.kafka.common.security'
  const logins = {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_${user}="${password}";`,
    'scram-sha-256.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    'scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
  }
  return {
    ...singleNodeSettings,
    // It alone would take half of the memory.
    'log.cleaner.enable': 'false',
    'listener.security.protocol.map': [
      'CONTROLLER:PLAINTEXT',
      ...listeners.map((listener) => `${name(listener)}:${protocols[listener]}`),
    ].join(),
    'inter.broker.listener.name': name('open'),
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [...all, `CONTROLLER://127.0.0.1:${controllerPort}`].join(),
    'advertised.listeners': all.join(),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authority.file,
    ...of('tls', certificate(authority.sign('broker').both)),
    ...of('mutualTls', { ...certificate(authority.sign('broker-2').both), 'ssl.client.auth': 'required' }),
    ...of('expired', certificate(authority.sign('broker-expired', -1).both)),
    ...of('login', logins),
    ...of('tlsLogin', { ...logins, ...certificate(authority.sign('broker-3').both) }),
    ...of('oauth', {
      'sasl.enabled.mechanisms': 'OAUTHBEARER',
      'oauthbearer.sasl.jaas.config': `${modules}.oauthbearer.OAuthBearerLoginModule required;`,
      'oauthbearer.sasl.server.callback.handler.class': `${modules}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
      'oauthbearer.sasl.oauthbearer.jwks.endpoint.url': keySetUrl,
      'oauthbearer.sasl.oauthbearer.expected.audience': audience,
      'oauthbearer.sasl.oauthbearer.expected.issuer': issuer,
      'oauthbearer.connections.max.reauth.ms': '3600000',
    }),
  }
}
