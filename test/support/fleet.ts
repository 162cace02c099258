// Owns replicas of the ingestor in front of a simulated Partoo: their topics and group, for whom they speak, the processes, who
// of them has the partitions, which calls each of them made, and the end of it all.

import { freePort } from '@bridge/local-kafka/ports'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import { ChannelsFolder, type TestOrganization } from './channels-folder.ts'
import { TestKafka } from './kafka.ts'
import { ServiceProcess } from './service.ts'
import { type TestTopics, testTopics } from './topics.ts'
import { until } from './wait.ts'

export type FleetOptions = {
  brokers: string
  /** Of the one organization, where no others are given; 0: none. */
  limitPerMinute?: number
  /** Told to the ingestors in a channels file; without it one organization with the channel `chat`, by variables. */
  organizations?: TestOrganization[]
  /** Of the outbound topics, where not as many as by default. */
  partitions?: number
  /** Whether there is a bulk topic. */
  bulk?: boolean
  /** Variables of every replica. */
  env?: Record<string, string>
}

/** One call as its replica tells it: `startMs` and `endMs` in wall-clock milliseconds. */
export type Attempt = { id: string; outcome: string; startMs: number; endMs: number }

/** A place in what a replica has logged, to tell what came after. */
export type Mark = { wallMs: number; monotonicMs: number; logged: ReadonlyMap<ServiceProcess, number> }

export class Fleet {
  readonly simulator: Simulator
  readonly topics: TestTopics
  readonly kafka: TestKafka
  readonly #options: FleetOptions
  readonly #organizations: TestOrganization[]
  readonly #channelsFolder: ChannelsFolder | undefined
  /** Every replica that was started, the oldest first. */
  readonly started: ServiceProcess[] = []

  /** Use `start`. */
  private constructor(
    simulator: Simulator,
    topics: TestTopics,
    options: FleetOptions,
    organizations: TestOrganization[],
  ) {
    this.simulator = simulator
    this.topics = topics
    this.kafka = new TestKafka(options.brokers)
    this.#options = options
    this.#organizations = organizations
    if (options.organizations !== undefined) this.#channelsFolder = new ChannelsFolder(options.organizations)
  }

  /** Makes the topics and starts the simulator; no replica yet. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { limitPerMinute = 0 } = options
    const organizations = options.organizations ?? [
      { orgId: 1, apiKey: 'planted-api-key', limitPerMinute, channels: ['chat'] },
    ]
    const simulator = await startSimulator({
      organizations: organizations.map((organization) => ({
        org_id: organization.orgId,
        name: `Organization ${organization.orgId}`,
        rate_limit_per_minute: organization.limitPerMinute,
        rate_limit_kind: 'sliding-window',
        api_keys: [organization.apiKey, ...(organization.otherKeys ?? [])].map((key) => ({ key, role: 'ORG_ADMIN' })),
        channels: organization.channels.map((id) => ({ channel_id: id, name: `Channel ${id}` })),
        webhooks: [],
      })),
      creationDelayMs: 5,
    })
    const fleet = new Fleet(simulator, await testTopics(options.brokers), options, organizations)
    const { outbound, bulk } = fleet
    if (options.partitions !== undefined) await fleet.kafka.createTopic(outbound, {}, options.partitions)
    if (bulk !== null) await fleet.kafka.createTopic(bulk, {}, options.partitions ?? 6)
    return fleet
  }

  get outbound(): string {
    const { names, prefix } = this.topics
    return this.#options.partitions === undefined ? names.outbound : `${prefix}outbound`
  }

  /** The bulk topic; null where there is none. */
  get bulk(): string | null {
    return this.#options.bulk === true ? `${this.topics.prefix}bulk` : null
  }

  /** Records of the topics to be read beyond what the group has committed. */
  async lag(): Promise<number> {
    const topics = this.bulk === null ? [this.outbound] : [this.outbound, this.bulk]
    const lags = await Promise.all(topics.map((topic) => this.kafka.lag(topic, this.group)))
    return lags.reduce((sum, lag) => sum + lag, 0)
  }

  get group(): string {
    return this.topics.group('ingestor')
  }

  /** The replicas that run, the oldest first. */
  get replicas(): ServiceProcess[] {
    return this.started.filter(({ running }) => running)
  }

  /** The variables of every replica. */
  get env(): Record<string, string> {
    const [first, ...others] = this.#organizations
    if (first === undefined) throw new Error('a fleet speaks for one organization at least')
    const speaksFor =
      this.#channelsFolder === undefined
        ? {
            PARTOO_API_KEY: first.apiKey,
            PARTOO_CHANNEL_ID: first.channels[0] ?? '',
            PARTOO_ORG_ID: String(first.orgId),
            PARTOO_RATE_LIMIT_PER_MINUTE: String(first.limitPerMinute),
          }
        : { PARTOO_CHANNELS_FILE: this.#channelsFolder.file }
    const isLimited = [first, ...others].every(({ limitPerMinute }) => limitPerMinute > 0)
    return {
      KAFKA_BROKERS: this.#options.brokers,
      OUTBOUND_TOPIC: this.outbound,
      ...(this.bulk !== null && { OUTBOUND_BULK_TOPIC: this.bulk }),
      DLQ_TOPIC: this.topics.names.dlq,
      RECEIPTS_TOPIC: this.topics.names.receipts,
      INGESTOR_GROUP_ID: this.group,
      PARTOO_BASE_URL: this.simulator.apiBase,
      ...speaksFor,
      // Where no limit is to be shared out the default is spread.
      ...(!isLimited && { INGESTOR_ASSIGNMENT: 'single' }),
      ...this.#options.env,
    }
  }

  /** Starts a replica; `ready` tells when it is in the group. */
  async add(more: Record<string, string> = {}): Promise<ServiceProcess> {
    const env = { ...this.env, ...more }
    const replica = new ServiceProcess('ingestor', env, await freePort())
    this.started.push(replica)
    return replica
  }

  /** Starts so many replicas, one after the other, each once the one before is ready. */
  async addReady(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await (await this.add()).ready()
  }

  /** Waits until one replica has all partitions and the others have none. */
  owner(deadlineMs = 20_000): Promise<ServiceProcess> {
    return until(
      'one replica with all partitions',
      async () => {
        const owned = await this.owned()
        const owners = [...owned].filter(([, partitions]) => partitions > 0)
        return owners.length === 1 && owners[0]?.[0]
      },
      deadlineMs,
    )
  }

  /** How many partitions of the outbound topics each replica has. */
  async owned(): Promise<Map<ServiceProcess, number>> {
    const owned = new Map<ServiceProcess, number>()
    for (const replica of this.replicas) {
      const metrics = await replica.metrics().catch(() => '')
      owned.set(replica, metrics.split('\n').filter((line) => line.startsWith('partoo_lag{')).length)
    }
    return owned
  }

  /** The sum of a metric over its labels, or over those that contain `label`; 0 where there is none. */
  async gauge(replica: ServiceProcess, name: string, label = ''): Promise<number> {
    const lines = (await replica.metrics()).split('\n')
    const values = lines.filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)))
    return values.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  /** The file of an organization's key, where a channels file tells the organizations. */
  keyFile(orgId: number): string {
    if (this.#channelsFolder === undefined) throw new Error('this fleet has no channels file')
    return this.#channelsFolder.keyFile(orgId)
  }

  /** How many messages Partoo has created. */
  get created(): number {
    return this.simulator.state.snapshot().totals.created
  }

  /** Now, in the clocks and in the logs. */
  mark(): Mark {
    const logged = new Map(this.started.map((replica) => [replica, replica.output.length]))
    return { wallMs: Date.now(), monotonicMs: performance.now(), logged }
  }

  /** The calls that a replica told of since a mark, as they ended. */
  attempts(replica: ServiceProcess, since: Mark): Attempt[] {
    const lines = replica.output.slice(since.logged.get(replica) ?? 0).split('\n')
    return lines.flatMap((line) => {
      if (!line.includes('"attempt finished"') || !line.startsWith('{') || !line.endsWith('}')) return []
      const { time, durationMs, outcome, external_message_id } = JSON.parse(line) as Record<string, unknown>
      const endMs = Date.parse(String(time))
      return [{ id: String(external_message_id), outcome: String(outcome), startMs: endMs - Number(durationMs), endMs }]
    })
  }

  /** Waits until a replica other than `gone` makes a call, and answers how long after the mark it began, in milliseconds. */
  async takeover(gone: ServiceProcess, since: Mark, deadlineMs: number): Promise<number> {
    const first = await until(
      'a call of another replica',
      () => {
        const others = this.replicas.filter((replica) => replica !== gone)
        // Every replica tells its calls as they end, so the earliest to begin is among the first that it tells.
        const starts = others.flatMap((replica) => this.attempts(replica, since).map(({ startMs }) => startMs))
        const later = starts.filter((startMs) => startMs >= since.wallMs)
        return later.length > 0 && Math.min(...later)
      },
      deadlineMs,
    )
    return first - since.wallMs
  }

  /** Ends everything: the replicas in order, those that were stopped by a signal too. */
  async close(): Promise<void> {
    for (const replica of this.replicas) replica.signal('SIGCONT')
    await Promise.all(this.replicas.map((replica) => replica.end('SIGTERM')))
    await this.simulator.close()
    await this.topics.remove()
    this.#channelsFolder?.remove()
  }
}
