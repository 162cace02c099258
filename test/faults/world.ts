// Owns what a fault befalls: both services as processes of their own, between a real Kafka and a simulated Partoo, under a steady
// load, with a way between each two of them that can be cut, frozen and slowed down. Closes all of it, however a row ends.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pauseMs } from '@bridge/local-kafka/deadline'
import { freePort } from '@bridge/local-kafka/ports'
import type { PartooState } from '@bridge/partoo-simulator/simulator'
import { Fleet } from '../support/fleet.ts'
import { KafkaProxy } from '../support/kafka-proxy.ts'
import { Load, type LoadOptions } from '../support/load.ts'
import { ServiceProcess } from '../support/service.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/wait.ts'
import { type Phase, Witness } from './witness.ts'

export type WorldOptions = {
  /** Calls that the organization may make in any 60 s. */
  limitPerMinute?: number
  perSecond?: number
  conversations?: number
  replicas?: number
  /** Of all replicas, and of the gateway. */
  env?: Record<string, string>
  gatewayEnv?: Record<string, string>
  /** Which services reach Kafka through `kafkaWay`, which needs a Kafka of one broker; none by default. */
  kafkaWay?: 'all' | 'gateway'
  /** Whether the services' time of day can be stepped. */
  steppedClock?: boolean
  /** A schema registry, which the services reach through `registryWay`. */
  registryUrl?: string | undefined
  encode?: LoadOptions['encode'] | undefined
  /** Where the spool is, instead of in a folder of its own. */
  spoolFolder?: string
}

/** What a world stands on. */
export type Ground = { brokers: string; signal: AbortSignal; progress: (text: string) => void }

const orgId = 1
export const apiKey = 'planted-api-key'
const warmUpMs = 6_000
const readyDeadlineMs = 60_000
const repliesEveryMs = 700
const defaults = { limitPerMinute: 1_200, perSecond: 16, conversations: 40, replicas: 2 }

export class World {
  readonly options: typeof defaults & WorldOptions
  readonly fleet: Fleet
  readonly witness: Witness
  readonly partooWay: TcpProxy
  readonly webhooksWay: TcpProxy
  readonly phases: Phase[] = []
  /** What a row tells beside its figures, and what it found wrong. */
  readonly notes: string[] = []
  readonly wrong: string[] = []
  /** Messages that the row itself took away from the services. */
  readonly takenAway = new Set<string>()
  startedMs = performance.now()
  #signal: AbortSignal
  readonly #ground: Ground
  readonly #folder: string
  readonly #kafkaWay: KafkaProxy | undefined
  readonly #registryWay: TcpProxy | undefined
  readonly #gatewayPort: number
  readonly #clockFile: string
  /** All that were started; the last one is the one that runs. */
  readonly gateways: ServiceProcess[] = []
  #load: Load | undefined
  #replying: NodeJS.Timeout | undefined
  #repliesSent = 0

  /** Use `start`. */
  private constructor(
    options: typeof defaults & WorldOptions,
    ground: Ground,
    parts: {
      folder: string
      fleet: Fleet
      partooWay: TcpProxy
      webhooksWay: TcpProxy
      kafkaWay: KafkaProxy | undefined
      registryWay: TcpProxy | undefined
      gatewayPort: number
      clockFile: string
    },
  ) {
    this.options = options
    this.#ground = ground
    this.#signal = ground.signal
    this.fleet = parts.fleet
    this.partooWay = parts.partooWay
    this.webhooksWay = parts.webhooksWay
    this.witness = new Witness(parts.fleet.simulator.state, (conversation) => conversation.startsWith('conversation-'))
    this.#folder = parts.folder
    this.#kafkaWay = parts.kafkaWay
    this.#registryWay = parts.registryWay
    this.#gatewayPort = parts.gatewayPort
    this.#clockFile = parts.clockFile
  }

  /** Brings all of it up; no load yet. @param opened is told at once, so that it is closed however the start ends */
  static async start(ground: Ground, given: WorldOptions, opened: (world: World) => void): Promise<World> {
    const options = { ...defaults, ...given }
    const { brokers } = ground
    const folder = mkdtempSync(join(tmpdir(), 'faults-'))
    const clockFile = join(folder, 'clock-step-ms')
    writeFileSync(clockFile, '0')
    const kafkaWay = options.kafkaWay !== undefined ? await KafkaProxy.start(brokers) : undefined
    const registryWay = options.registryUrl === undefined ? undefined : await wayTo(new URL(options.registryUrl))
    const env: Record<string, string> = {
      PARTOO_TIMEOUT_MS: '5000',
      ...(kafkaWay !== undefined && options.kafkaWay === 'all' && { KAFKA_BROKERS: kafkaWay.address }),
      ...registryVariables(options.registryUrl, registryWay),
      ...(options.steppedClock === true && clockVariables(clockFile)),
      ...options.env,
    }
    const fleet = await Fleet.start({ brokers, limitPerMinute: options.limitPerMinute, env })
    const partooWay = await wayTo(new URL(fleet.simulator.apiBase))
    // Read by the fleet for each replica that it starts.
    env.PARTOO_BASE_URL = `http://127.0.0.1:${partooWay.port}/v2`
    const gatewayPort = await freePort()
    const webhooksWay = await TcpProxy.start({ host: '127.0.0.1', port: gatewayPort })
    const parts = { folder, fleet, partooWay, webhooksWay, kafkaWay, registryWay, gatewayPort, clockFile }
    const world = new World(options, ground, parts)
    opened(world)
    world.state.setWebhooks(
      [{ url: `http://127.0.0.1:${webhooksWay.port}/webhooks/partoo`, event_types: ['message_created'] }],
      orgId,
    )
    return world
  }

  get state(): PartooState {
    return this.fleet.simulator.state
  }

  /** Ends what waits here. */
  get signal(): AbortSignal {
    return this.#signal
  }

  /** Goes on after its signal was aborted, until another one is. */
  goOn(signal: AbortSignal): void {
    this.#signal = signal
  }

  /** The way between the services and Kafka. */
  get kafkaWay(): KafkaProxy {
    if (this.#kafkaWay === undefined) throw new Error('this world reaches Kafka directly')
    return this.#kafkaWay
  }

  /** The way between the services and the schema registry. */
  get registryWay(): TcpProxy {
    if (this.#registryWay === undefined) throw new Error('this world has no schema registry')
    return this.#registryWay
  }

  get gateway(): ServiceProcess {
    const gateway = this.gateways.at(-1)
    if (gateway === undefined) throw new Error('no gateway was started')
    return gateway
  }

  get load(): Load {
    if (this.#load === undefined) throw new Error('the load is not on')
    return this.#load
  }

  get repliesSent(): number {
    return this.#repliesSent
  }

  progress(text: string): void {
    this.#ground.progress(text)
  }

  /** Starts the services and the load, and lets it run for a while: what follows has something to be compared with. */
  async warmUp(): Promise<void> {
    this.progress('starting the services')
    await this.startGateway()
    await this.fleet.addReady(this.options.replicas)
    const { conversations, perSecond, encode } = this.options
    const { brokers } = this.#ground
    const topic = this.fleet.outbound
    this.#load = new Load({
      brokers,
      topic,
      conversations,
      perSecond,
      waveMs: 100,
      ...(encode !== undefined && { encode }),
    })
    this.#replying = setInterval(() => this.#reply(), repliesEveryMs)
    this.progress('warming up')
    await until('a first message', () => this.witness.count > 0)
    await this.lasts(warmUpMs)
    this.startedMs = performance.now()
  }

  /** Starts the gateway, at the address that it had before, and waits until it is ready, or not. */
  async startGateway(awaited: 'ready' | 'nothing' = 'ready'): Promise<void> {
    const { names } = this.fleet.topics
    const env = {
      KAFKA_BROKERS: this.#kafkaWay?.address ?? this.#ground.brokers,
      WEBHOOK_HOST: '127.0.0.1',
      WEBHOOK_PORT: String(this.#gatewayPort),
      WEBHOOK_DEADLINE_MS: '2000',
      PARTOO_WEBHOOK_PUBLIC_KEYS: this.fleet.simulator.publicKeyPem,
      PARTOO_ORG_ID: String(orgId),
      WEBHOOK_SPOOL_DIR: this.options.spoolFolder ?? join(this.#folder, 'spool'),
      REPLIES_TOPIC: names.replies,
      RECEIPTS_TOPIC: names.receipts,
      EVENTS_TOPIC: names.events,
      ...registryVariables(this.options.registryUrl, this.#registryWay),
      ...(this.options.steppedClock === true && clockVariables(this.#clockFile)),
      ...this.options.gatewayEnv,
    }
    const gateway = new ServiceProcess('webhook-gateway', env, await freePort())
    this.gateways.push(gateway)
    if (awaited === 'ready') await gateway.ready(readyDeadlineMs)
  }

  /** Waits so long, or until all ends. */
  async lasts(ms: number): Promise<void> {
    await pauseMs(ms, this.signal)
    this.signal.throwIfAborted()
  }

  /** A fault from its beginning to its end: what it takes to recover counts from there. */
  async phase(what: string, fault: () => Promise<unknown>): Promise<void> {
    this.progress(what)
    const startMs = performance.now()
    await fault()
    this.phases.push({ what, startMs, endMs: performance.now() })
  }

  /** Waits until the rate of before is there again. */
  async recovered(deadlineMs = 60_000): Promise<void> {
    const phase = this.phases.at(-1)
    if (phase === undefined) throw new Error('there was no fault to recover from')
    this.progress(`recovering: ${phase.what}`)
    await until(
      `the rate of before, after: ${phase.what}`,
      () => this.signal.aborted || this.recoveryMs(phase) !== null,
      deadlineMs,
    )
    this.signal.throwIfAborted()
  }

  /** As the witness tells it; what is caught up with after a fault before is no rate to compare with. */
  recoveryMs(phase: Phase, untilMs?: number): number | null {
    return this.witness.recoveryMs(phase, this.options.perSecond / 1_000, untilMs)
  }

  /** Steps the time of day of the services. */
  stepClock(ms: number): void {
    writeFileSync(this.#clockFile, String(ms))
  }

  /** Everything passes again. */
  async heal(): Promise<void> {
    for (const way of [this.#kafkaWay, this.partooWay, this.webhooksWay, this.#registryWay]) {
      way?.slow(undefined)
      await way?.set('open')
    }
    this.state.clearFaults()
    this.stepClock(0)
    for (const replica of this.fleet.replicas) replica.signal('SIGCONT')
    this.gateways.at(-1)?.signal('SIGCONT')
  }

  /** Sends nothing more; what is under way may arrive. */
  async stopLoad(): Promise<void> {
    clearInterval(this.#replying)
    await this.#load?.stop()
  }

  /** Ends all of it. Twice is fine. */
  async close(): Promise<void> {
    clearInterval(this.#replying)
    await this.#load?.stop().catch(() => {})
    this.witness.close()
    await this.gateways.at(-1)?.end('SIGKILL')
    if (this.signal.aborted) {
      // Nobody waits for what leaves its group in order; the topics go with their Kafka.
      for (const replica of this.fleet.replicas) replica.signal('SIGKILL')
    }
    for (const way of [this.#kafkaWay, this.partooWay, this.webhooksWay, this.#registryWay]) await way?.close()
    // Its topics may be in a Kafka that is gone.
    await this.fleet.close().catch(() => {})
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Somebody at the business answers, in one conversation after the other. */
  #reply(): void {
    const { items: conversations } = this.state.conversations({ org_id: orgId }, null, this.options.conversations)
    const conversation = conversations[this.#repliesSent % Math.max(1, conversations.length)]
    if (conversation === undefined) return
    const replied = this.state.reply({
      conversation_id: conversation.id,
      content: `planted reply ${this.#repliesSent}`,
    })
    if (replied.kind === 'created') this.#repliesSent += 1
  }
}

function wayTo({ hostname, port }: URL): Promise<TcpProxy> {
  return TcpProxy.start({ host: hostname, port: Number(port) })
}

function registryVariables(url: string | undefined, way: TcpProxy | undefined): Record<string, string> {
  if (url === undefined || way === undefined) return {}
  const through = new URL(url)
  through.port = String(way.port)
  return {
    SCHEMA_REGISTRY_URL: through.href.replace(/\/$/, ''),
    OUTPUT_FORMAT: 'avro',
    SCHEMA_REGISTRY_AUTO_REGISTER: 'true',
  }
}

function clockVariables(file: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'stepped-clock.ts')}`, STEPPED_CLOCK_FILE: file }
}
