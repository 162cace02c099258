// Owns a Kafka of one broker on this machine's Java that can be killed and started again with its data, at the same address.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { findJava } from '@bridge/local-kafka/java'
import { formatBroker, type JavaBroker, runBroker } from '@bridge/local-kafka/java-broker'
import { singleNodeSettings } from '@bridge/local-kafka/java-kafka'
import { untilUsable } from '@bridge/local-kafka/kafka-client'
import { ensureJars } from '@bridge/local-kafka/kafka-jars'
import { localFolder } from '@bridge/local-kafka/maven'
import { makeOwnedFolder, type OwnedFolder } from '@bridge/local-kafka/owned-folder'
import type { OwnedProcess } from '@bridge/local-kafka/owned-process'
import { freeLastingPort } from '@bridge/local-kafka/ports'

const usableDeadlineMs = 90_000

export type OneBrokerOptions = {
  /** Names its log below .local/logs. */
  name: string
  /** Where its data is; a folder of its own by default, which goes when it goes. */
  folder?: string
  settings?: Record<string, string>
  signal: AbortSignal
}

export class OneBroker {
  readonly address: string
  readonly #broker: JavaBroker
  readonly #owned: OwnedFolder | undefined
  readonly #signal: AbortSignal
  #process: OwnedProcess | undefined

  /** Use `start`. */
  private constructor(address: string, broker: JavaBroker, owned: OwnedFolder | undefined, signal: AbortSignal) {
    this.address = address
    this.#broker = broker
    this.#owned = owned
    this.#signal = signal
  }

  /** Brings one up, with Kafka's jars first if need be. Rejects, with the reason, where that cannot be. */
  static async start({ name, folder, settings = {}, signal }: OneBrokerOptions): Promise<OneBroker> {
    const java = await findJava(process.env)
    if (java.kind === 'missing') throw new Error(java.why)
    const jars = await ensureJars(process.env, () => {}, signal)
    if (jars.kind === 'missing') throw new Error(jars.why)
    const owned = folder === undefined ? await makeOwnedFolder('kafka-faults-') : undefined
    const own = join(folder ?? owned?.path ?? '', 'broker')
    await mkdir(own)
    const [port, controllerPort] = [await freeLastingPort(), await freeLastingPort()]
    const address = `127.0.0.1:${port}`
    const broker: JavaBroker = {
      java: java.command,
      jars: jars.folder,
      env: process.env,
      folder: own,
      settings: {
        ...singleNodeSettings,
        'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
        listeners: `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controllerPort}`,
        'advertised.listeners': `PLAINTEXT://${address}`,
        ...settings,
      },
      javaOptions: ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC'],
      logFile: join(localFolder, 'logs', `${name}.log`),
    }
    const formatted = await formatBroker(broker, signal)
    const one = new OneBroker(address, broker, owned, signal)
    if (formatted.kind === 'failed') {
      await one.stop()
      throw new Error(`the broker ${formatted.why}, see ${broker.logFile}`)
    }
    await one.begin()
    return one
  }

  /** Where its data is. */
  get folder(): string {
    return this.#broker.folder
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  /** Ends it as the power does, and resolves once it is gone. */
  async kill(): Promise<void> {
    await this.#process?.stop()
    this.#process = undefined
  }

  /** Resolves once it has ended by itself, or at once where it does not run. */
  async ended(): Promise<void> {
    await this.#process?.exited
    this.#process = undefined
  }

  /** Starts it with the data that it has, and resolves once it answers. */
  async begin(): Promise<void> {
    const usable = (waiting: AbortSignal) => untilUsable(this.address, usableDeadlineMs, waiting)
    const started = await runBroker(this.#broker, usable, this.#signal)
    if (started.kind === 'failed') {
      await this.stop()
      throw new Error(`the broker ${started.why}, see ${this.#broker.logFile}`)
    }
    this.#process = started.process
  }

  /** Ends it and removes its data. Twice is fine. */
  async stop(): Promise<void> {
    await this.kill()
    await this.#owned?.remove()
  }
}
