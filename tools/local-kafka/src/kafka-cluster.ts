// Owns a Kafka of several brokers on this machine's Java, for tests of what one broker cannot show: leaders that move,
// brokers that end and come back with their data. Every broker is a controller too.
//
// Nothing of it outlives its owner: the brokers are owned processes, their data is in an owned folder.
//
// Leaders are moved by rotating the order of a partition's replicas: the first one is the preferred leader, and the
// controller, which looks every second, elects it. So leaders also return to a broker that came back.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Admin } from 'kafkajs'
import { pauseMs, withinMs } from './deadline.ts'
import { findJava } from './java.ts'
import { formatBroker, type JavaBroker, runBroker } from './java-broker.ts'
import { singleNodeSettings } from './java-kafka.ts'
import { isReachable, kafkaClient, untilUsable, withAdmin } from './kafka-client.ts'
import { ensureJars } from './kafka-jars.ts'
import { localFolder } from './maven.ts'
import { makeOwnedFolder, type OwnedFolder } from './owned-folder.ts'
import type { OwnedProcess } from './owned-process.ts'
import { freeLastingPort } from './ports.ts'

/** Three replicas of everything, two of which must have a record before it is acknowledged. */
const size = 3
const clusterSettings = {
  ...singleNodeSettings,
  'default.replication.factor': String(size),
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': String(size),
  'transaction.state.log.replication.factor': String(size),
  'transaction.state.log.min.isr': '2',
  'share.coordinator.state.topic.replication.factor': String(size),
  'share.coordinator.state.topic.min.isr': '2',
  'auto.leader.rebalance.enable': 'true',
  'leader.imbalance.check.interval.seconds': '1',
  // A broker that was killed is known to be gone after so long, and may come back from then on.
  'broker.heartbeat.interval.ms': '500',
  'broker.session.timeout.ms': '3000',
  'replica.lag.time.max.ms': '5000',
  // Three of them share a small machine.
  'num.network.threads': '2',
  'num.io.threads': '2',
  'log.cleaner.enable': 'false',
} as const
/** About 180 MB resident each, at 2,000 records a second. */
const javaOptions = ['-Xms96m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

const upDeadlineMs = 90_000
const endDeadlineMs = 30_000
const settledDeadlineMs = 60_000
const pollMs = 100

type Member = JavaBroker & { id: number; address: string; process: OwnedProcess | undefined }
type Partition = { topic: string; partition: number; leader: number; replicas: number[]; isr: number[] }

export type ClusterStart = { kind: 'up'; cluster: KafkaCluster } | { kind: 'unavailable'; why: string }

export class KafkaCluster {
  readonly #folder: OwnedFolder
  readonly #members: readonly Member[]

  /** Use `start`. */
  private constructor(folder: OwnedFolder, members: readonly Member[]) {
    this.#folder = folder
    this.#members = members
  }

  /**
   * Brings up three brokers, with Kafka's jars first if need be; or answers why that cannot be.
   * @param logName begins the names of the brokers' logs below .local/logs
   */
  static async start(logName: string, env: NodeJS.ProcessEnv = process.env): Promise<ClusterStart> {
    const java = await findJava(env)
    if (java.kind === 'missing') return { kind: 'unavailable', why: java.why }
    const jars = await ensureJars(env, () => {}, undefined)
    if (jars.kind === 'missing') return { kind: 'unavailable', why: jars.why }
    const folder = await makeOwnedFolder('kafka-cluster-')
    const places = await choosePorts()
    const voters = places.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',')
    const members = places.map(({ id, port, controllerPort }) => ({
      id,
      address: `127.0.0.1:${port}`,
      java: java.command,
      jars: jars.folder,
      env,
      folder: join(folder.path, String(id)),
      settings: {
        ...clusterSettings,
        'node.id': String(id),
        'controller.quorum.voters': voters,
        listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      },
      javaOptions,
      logFile: join(localFolder, 'logs', `${logName}-${id}.log`),
      process: undefined,
    }))
    const cluster = new KafkaCluster(folder, members)
    const why = await cluster.#bringUp()
    if (why === undefined) return { kind: 'up', cluster }
    await cluster.stop()
    return { kind: 'unavailable', why }
  }

  /** host:port of all brokers, comma-separated. */
  get brokers(): string {
    return this.#members.map(({ address }) => address).join(',')
  }

  /** The brokers' ids: 1, 2, 3. */
  get ids(): number[] {
    return this.#members.map(({ id }) => id)
  }

  /**
   * Ends a broker, and resolves once it is gone and no partition counts on it any more. SIGTERM: it hands its leaderships over
   * first. SIGKILL: the others find out.
   */
  async end(id: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const member = this.#member(id)
    const running = member.process
    if (running === undefined) throw new Error(`broker ${id} is not running`)
    if (signal === 'SIGTERM') running.terminate()
    else await running.stop()
    if ((await withinMs(endDeadlineMs, running.exited)) === 'late') {
      throw new Error(`broker ${id} did not end within ${endDeadlineMs / 1_000} s of SIGTERM`)
    }
    member.process = undefined
    await this.#until(`broker ${id} out of sync`, ({ isr, leader }) => !isr.includes(id) && leader !== id)
  }

  /** Starts a broker that was ended, with its data, and resolves once all replicas are in sync again. */
  async begin(id: number): Promise<void> {
    const member = this.#member(id)
    if (member.process !== undefined) throw new Error(`broker ${id} is running`)
    const endMs = performance.now() + upDeadlineMs
    const why = await start(member, async (signal) => {
      while (performance.now() < endMs) {
        if (await isReachable(member.address, 1_000)) return true
        await pauseMs(pollMs, signal)
      }
      return false
    })
    if (why !== undefined) throw new Error(why)
    await this.untilInSync()
  }

  /** Ends every broker in order (SIGTERM) and begins it again, one after the other, each once all replicas are in sync. */
  async roll(): Promise<void> {
    for (const { id } of this.#members) {
      await this.end(id, 'SIGTERM')
      await this.begin(id)
    }
  }

  /** Waits until every replica of every partition is in sync. */
  untilInSync(): Promise<void> {
    return this.#until('all replicas in sync', ({ isr, replicas }) => isr.length === replicas.length)
  }

  /**
   * Gives every partition of the topics another leader, the next of its replicas, and resolves once it leads. All brokers must
   * be running. `__consumer_offsets` moves the groups' coordinators.
   */
  async moveLeaders(topics: string[]): Promise<void> {
    const wanted = new Map<string, number>()
    await this.#asAdmin(async (admin) => {
      const partitions = (await partitionsOf(admin)).filter(({ topic }) => topics.includes(topic))
      const assignments = topics.map((topic) => ({
        topic,
        partitionAssignment: partitions
          .filter((one) => one.topic === topic)
          .map(({ partition, replicas, leader }) => {
            const next = (replicas.indexOf(leader) + 1) % replicas.length
            const rotated = [...replicas.slice(next), ...replicas.slice(0, next)]
            wanted.set(`${topic} ${partition}`, rotated[0] ?? leader)
            return { partition, replicas: rotated }
          }),
      }))
      await admin.alterPartitionReassignments({ topics: assignments, timeout: 10_000 })
    })
    await this.#until('leaders moved', ({ topic, partition, leader }) => {
      const moved = wanted.get(`${topic} ${partition}`)
      return moved === undefined || moved === leader
    })
  }

  /** Ends all brokers and removes what they stored. Twice is fine. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map(({ process }) => process?.stop()))
    await this.#folder.remove()
  }

  async #bringUp(): Promise<string | undefined> {
    for (const member of this.#members) {
      await mkdir(member.folder)
      const formatted = await formatBroker(member, undefined)
      if (formatted.kind === 'failed') return problem(member, formatted.why)
    }
    const usable = (signal: AbortSignal) => untilUsable(this.brokers, upDeadlineMs, signal)
    const problems = await Promise.all(this.#members.map((member) => start(member, usable)))
    return problems.find((why) => why !== undefined)
  }

  #member(id: number): Member {
    const member = this.#members.find((one) => one.id === id)
    if (member === undefined) throw new Error(`there is no broker ${id}`)
    return member
  }

  /** Waits until all partitions of all topics are as wanted. */
  async #until(what: string, wanted: (partition: Partition) => boolean): Promise<void> {
    const endMs = performance.now() + settledDeadlineMs
    let seen = ''
    while (performance.now() < endMs) {
      const unlike = await this.#asAdmin(async (admin) =>
        (await partitionsOf(admin)).find((one) => !wanted(one)),
      ).catch((error: unknown) => String(error))
      if (unlike === undefined) return
      seen = JSON.stringify(unlike)
      await pauseMs(pollMs)
    }
    throw new Error(`not within ${settledDeadlineMs / 1_000} s: ${what}; the last one seen: ${seen}`)
  }

  #asAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const running = this.#members.filter(({ process }) => process !== undefined)
    return withAdmin(kafkaClient(running.map(({ address }) => address).join(',')), work)
  }
}

/** @returns what went wrong, if anything did */
async function start(member: Member, usable: (signal: AbortSignal) => Promise<boolean>): Promise<string | undefined> {
  const started = await runBroker(member, usable, undefined)
  if (started.kind === 'failed') return problem(member, started.why)
  member.process = started.process
  return undefined
}

function problem({ id, logFile }: Member, why: string): string {
  return `Kafka broker ${id} on Java ${why}, see ${logFile}`
}

async function partitionsOf(admin: Admin): Promise<Partition[]> {
  const { topics } = await admin.fetchTopicMetadata()
  return topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionId, leader, replicas, isr }) => ({
      topic: name,
      partition: partitionId,
      leader,
      replicas,
      isr,
    })),
  )
}

async function choosePorts(): Promise<{ id: number; port: number; controllerPort: number }[]> {
  const ports = new Set<number>()
  while (ports.size < size * 2) ports.add(await freeLastingPort())
  const all = [...ports]
  return Array.from({ length: size }, (_, i) => ({
    id: i + 1,
    port: all[2 * i] ?? 0,
    controllerPort: all[2 * i + 1] ?? 0,
  }))
}
