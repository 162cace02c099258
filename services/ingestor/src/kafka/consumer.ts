// The consumer: kafkajs into facts. It admits and returns: no handler waits, so one partition never holds up another, a
// heartbeat or a rebalance. Reading is held back by pausing alone.
//
// kafkajs's traps, and the rule that avoids each:
//   K1  after any rejoin, kept partitions too are fetched anew, and GROUP_JOIN is the only event on every path: there the
//       gate closes, everything pauses and the core learns what is not ours any more; the gate opens when the committed
//       offsets are read and every partition is sought
//   K2  batches fetched before a rejoin may arrive after it: a batch counts only if it was fetched at the ledger's cursor
//   K3  its own offset reset would skip live records: every partition is sought to an offset that we chose, and reading
//       starts at the beginning where nothing is committed
//   K4  batches of control records alone are resolved without being shown: they move the cursor too
//   K5  `commitOffsets` resolves with nothing committed while stopping: the last commit comes before `stop`
//   K6  a consumer that crashed stays dead, and one whose admin connection hangs stays closed: both are made anew here, by
//       one loop, whatever the reason
//   K7  a consumer that is about to crash refuses to be paused, resumed or sought: it needs none of it
//   K8  `resolveOffset` is where it fetches next: it follows the core's cursor, which may stop inside a batch. Batches that
//       were fetched together still come after their partitions were paused: the core takes none of their records, nothing
//       is resolved, and they are fetched again when it is resumed
//   K9  it heartbeats in its fetch loop only, between batches, and while it joins not at all. What a join brought is as old
//       as the request for it: a process that was stopped meanwhile asks by a heartbeat first whether it is still a member
//   K10 its heartbeats go by the wall clock: set back, it is silent until that has caught up. After as much silence the consumer
//       is made anew, and a heartbeat that took less than no time says nothing about its age
//   K11 the leader's word that comes with the partitions does not reach `GROUP_JOIN`: assigner.ts fetches it
//   K12 a batch that cannot be decompressed would end it with all its partitions: unreadable.ts holds back its partition alone
// Every join is a generation of our own count: kafkajs does not tell the group's.

import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { Readiness } from '@bridge/runtime/admin-server'
import { hearUnreadable } from '@bridge/runtime/compression'
import { createKafka } from '@bridge/runtime/kafka'
import { kafkaErrorLine, refusalLine } from '@bridge/runtime/kafka-errors'
import type { KafkaConnection } from '@bridge/runtime/kafka-variables'
import { errorLine, type Log } from '@bridge/runtime/log'
import type { Admin, Batch, Consumer, EachBatchPayload } from 'kafkajs'
import type { Fact, PartitionCommit, PartitionName, PartitionPosition } from '../core/facts.ts'
import { partitionKey } from '../core/partition.ts'
import { differences, digestOfSettings } from './agreement.ts'
import { GroupAssigner } from './assigner.ts'
import type { Decision, Mode, Wish } from './assignment.ts'
import { isAtCursor } from './at-cursor.ts'
import { readEnds, readPositions, topicExists } from './positions.ts'
import { toRecord } from './record.ts'
import { Unreadable } from './unreadable.ts'
import { byTopic } from './user-data.ts'

/** The least that brokers allow by default: a replica that was killed is noticed after as long. */
const sessionTimeoutMs = 6_000
/**
 * A stand-by notices at its next heartbeat that the group gives out its partitions anew, up to one fetch wait later: with
 * 1.5 s a take-over from a replica that leaves would take up to 2 s before it begins, and 3 s is what it may take in all.
 */
const heartbeatIntervalMs = 1_000
/** A replica that heard nothing from the coordinator for two thirds of the session may have lost its partitions. */
export const membershipMsMax = (sessionTimeoutMs * 2) / 3
/**
 * How long the coordinator waits for members that do not join again. Who hangs does not heartbeat either, and is out after
 * the session; this bounds how long kafkajs waits for an answer to its join, by 5 s more: within the time for stopping.
 */
const rebalanceTimeoutMs = 10_000
/** What a fetch brings of one partition: small, as what is being decoded comes on top of what is held. A larger record comes alone. */
const fetchBytesMax = 262_144
/** How long an empty fetch waits; a resumed partition is fetched again within it. */
const fetchWaitMsMax = 300
/** New partitions are seen within this time. */
const metadataAgeMsMax = 30_000
const restartMsMin = 1_000
const restartMsMax = 3_000
/** Tries to read the committed offsets before the connection is given up. */
const positioningTriesMax = 3
/** How often the ends of the partitions are read where no batch tells them. */
const endsIntervalMs = 30_000
/** More than any rejoin takes: after so long without a word from the coordinator the consumer is made anew (K10). */
const silenceMsMax = 20_000

export type ConsumerOptions = {
  connection: KafkaConnection
  groupId: string
  /** To be read. */
  topics: string[]
  /** How partitions are to be given out. */
  assignment: Mode
  /** What else all replicas must have alike, as the text of a JSON object: only its fields' names are ever told. */
  settings: string
  /** To be there before anything is read: nothing could be settled without them. */
  topicsNeeded: string[]
  log: Log
  /** Where reading of a partition goes on; undefined where the core does not own it in this generation. */
  cursor: (generation: number, name: PartitionName) => number | undefined
  submit: (fact: Fact) => void
  /** The group has given out its partitions, whether or not they are others than before. */
  rebalanced: () => void
}

/** kafkajs leaves `fetchedOffset` out of its type: where the fetch that brought the batch began. */
type FetchedBatch = Batch & { readonly fetchedOffset: string }

type State =
  | { kind: 'starting'; because: string }
  /** What the join brought may be another's by now: the gate stays closed until a heartbeat is answered (K9). */
  | { kind: 'doubting'; generation: number }
  /** In the group; the gate is closed until the offsets of this generation are known. */
  | { kind: 'joined'; generation: number }
  | { kind: 'reading'; generation: number }
  | { kind: 'stopped' }

export class GroupConsumer {
  readonly #options: ConsumerOptions
  readonly #stopping = new AbortController()
  readonly #stopped: Promise<string>
  readonly #wish: Wish
  readonly #assigner: GroupAssigner
  readonly #held = new Set<string>()
  readonly #highWatermarks = new Map<string, number>()
  readonly #realigning = new Set<string>()
  readonly #unreadable: Unreadable
  #state: State = { kind: 'starting', because: 'not connected to Kafka yet' }
  #generation = 0
  #assigned: PartitionName[] = []
  /** What is configured otherwise here than in the group, in words; empty where nothing is. */
  #disagreement = ''
  #consumer: Consumer | undefined
  #admin: Admin | undefined
  /** Ends the consumer that runs, so that the loop makes another. */
  #giveUp: (because: string) => void = () => {}
  #refreshing = false
  #heartbeatMs = 0
  /** When the last answer of the coordinator was asked for. */
  #heardMs = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#wish = { mode: options.assignment, settings: digestOfSettings(options.settings) }
    this.#assigner = new GroupAssigner(this.#wish, options.log)
    this.#unreadable = new Unreadable({
      groupId: options.groupId,
      log: options.log,
      reading: () => this.#reading(),
      refreshEnds: () => void this.#refreshEnds(),
      pause: (name) => this.#tell((consumer) => consumer.pause(topicPartitions([name]))),
      resume: (name) => {
        if (this.#state.kind !== 'reading' || this.#held.has(partitionKey(name.topic, name.partition))) return
        this.#tell((consumer) => consumer.resume(topicPartitions([name])))
      },
    })
    this.#stopped = once(this.#stopping.signal, 'abort').then(() => 'stopping')
  }

  /** Begins to read, and to try again whatever fails, until `stop`. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Leaves the group. The last commit must be done. Twice is fine. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    this.#state = { kind: 'stopped' }
  }

  readiness(): Readiness {
    const state = this.#state
    switch (state.kind) {
      case 'reading': {
        const silentMs = performance.now() - this.#heardMs
        if (silentMs > membershipMsMax) {
          const because = `no word from the group's coordinator for ${Math.round(silentMs / 1000)} s: nothing is sent`
          return { ready: false, because }
        }
        const unreadable = this.#unreadable.because
        if (unreadable !== '') return { ready: false, because: unreadable }
        const role = this.#assigned.length === 0 ? 'standing by' : ''
        const detail = [role, this.#disagreement].filter(Boolean).join('; ')
        return detail === '' ? { ready: true } : { ready: true, detail }
      }
      case 'doubting':
        return { ready: false, because: 'joined to the group, waiting for the answer to a heartbeat' }
      case 'joined':
        return { ready: false, because: 'joined to the group, reading the committed offsets' }
      case 'starting':
        return { ready: false, because: state.because }
      case 'stopped':
        return { ready: false, because: 'stopped' }
    }
  }

  /** Whether something is configured otherwise here than in the group; the log and `readiness` tell what. */
  get disagrees(): boolean {
    return this.#disagreement !== ''
  }

  /** The end of a partition's log as the last fetch told it. */
  highWatermark(topic: string, partition: number): number | undefined {
    return this.#highWatermarks.get(partitionKey(topic, partition))
  }

  pause(partitions: PartitionName[]): void {
    for (const { topic, partition } of partitions) this.#held.add(partitionKey(topic, partition))
    // While the gate is closed everything is paused already.
    if (this.#state.kind === 'reading') this.#tell((consumer) => consumer.pause(topicPartitions(partitions)))
  }

  resume(partitions: PartitionName[]): void {
    for (const { topic, partition } of partitions) this.#held.delete(partitionKey(topic, partition))
    if (this.#state.kind === 'reading') this.#tell((consumer) => consumer.resume(topicPartitions(partitions)))
  }

  /** Commits. Late is harmless: what is committed is true for ever, and a regress only repeats what Partoo ignores. */
  async commit(generation: number, offsets: PartitionCommit[]): Promise<boolean> {
    const consumer = this.#consumer
    if (consumer === undefined || generation !== this.#generation) return false
    try {
      await consumer.commitOffsets(
        offsets.map(({ topic, partition, offsetNext, metadata }) => ({
          topic,
          partition,
          offset: String(offsetNext),
          metadata,
        })),
      )
      return true
    } catch (error) {
      this.#options.log.warn({ error: errorLine(error) }, 'commit failed')
      return false
    }
  }

  // ── One consumer after the other (K6) ──────────────────────────────────────────────────────────────────────────────

  async #run(): Promise<void> {
    let restartMs = restartMsMin
    while (!this.#stopping.signal.aborted) {
      const startedMs = performance.now()
      const because = await this.#runOnce()
      if (this.#stopping.signal.aborted) return
      if (performance.now() - startedMs > 60_000) restartMs = restartMsMin
      this.#options.log.warn({ because, againInMs: restartMs }, 'not reading')
      await this.#pauseFor(restartMs)
      restartMs = Math.min(restartMs * 2, restartMsMax)
    }
  }

  /** Connects, joins and reads until it crashes or is stopped. @returns why it ended, in one line */
  async #runOnce(): Promise<string> {
    const { connection, groupId, topics, topicsNeeded, log } = this.#options
    const kafka = createKafka(connection, log, { connectionTimeoutMs: 3_000, requestTimeoutMs: 10_000, retries: 3 })
    const admin = kafka.admin()
    const ended = Promise.withResolvers<string>()
    this.#giveUp = ended.resolve
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatIntervalMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      partitionAssigners: [this.#assigner.create],
      maxWaitTimeInMs: fetchWaitMsMax,
      maxBytesPerPartition: fetchBytesMax,
      metadataMaxAge: metadataAgeMsMax,
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
    })
    let ends: NodeJS.Timeout | undefined
    let silence: NodeJS.Timeout | undefined
    const hear = hearUnreadable((batch) => this.#unreadable.found(batch))
    let because: string
    try {
      await admin.connect()
      for (const topic of [...topics, ...topicsNeeded]) {
        if (!(await topicExists(admin, topic)))
          throw new Error(`topic ${topic} does not exist: create it, or name the right one`)
      }
      consumer.on('consumer.group_join', ({ payload }) => this.#joined(payload.memberAssignment))
      // Told just before the heartbeat that it was the request of: it counts from when it was sent.
      consumer.on('consumer.network.request', ({ payload }) => {
        const { apiName, duration } = payload
        if (apiName === 'Heartbeat') this.#heartbeatMs = duration < 0 ? membershipMsMax : duration
      })
      consumer.on('consumer.heartbeat', () => this.#heartbeat())
      consumer.on('consumer.start_batch_process', ({ payload }) => this.#passFiltered(payload))
      consumer.on('consumer.crash', ({ payload }) => ended.resolve(refusalLine(payload.error, 'Read', topics, groupId)))
      await consumer.connect()
      await consumer.subscribe({ topics, fromBeginning: true })
      this.#consumer = consumer
      this.#admin = admin
      this.#state = { kind: 'starting', because: 'waiting for the consumer group to give out its partitions' }
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async (payload) => this.#admit(payload),
      })
      ends = setInterval(() => void this.#refreshEnds(), endsIntervalMs)
      silence = setInterval(() => this.#endSilence(), silenceMsMax / 4)
      because = await Promise.race([ended.promise, this.#stopped])
    } catch (error) {
      because = `Kafka at ${connection.brokers.join(', ')}: ${kafkaErrorLine(error)}`
    }
    clearInterval(ends)
    clearInterval(silence)
    hear()
    // Before the group hears of it: another replica may own everything the moment it does.
    this.#lose(because)
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()])
    return because
  }

  #endSilence(): void {
    if (this.#state.kind === 'starting' || this.#state.kind === 'stopped') return
    const silentMs = performance.now() - this.#heardMs
    if (silentMs > silenceMsMax)
      this.#giveUp(`no word from the group's coordinator for ${Math.round(silentMs / 1000)} s`)
  }

  /** Not in the group any more: nothing is ours, whoever may own it now. */
  #lose(because: string): void {
    this.#consumer = undefined
    this.#admin = undefined
    this.#assigned = []
    this.#unreadable.clear()
    this.#state = { kind: 'starting', because }
    this.#generation += 1
    this.#options.submit({ kind: 'assigned', generation: this.#generation, partitions: [], share: 0 })
  }

  /** K7: speaks to the consumer, if there is one that listens. */
  #tell(say: (consumer: Consumer) => void): void {
    if (this.#consumer === undefined) return
    try {
      say(this.#consumer)
    } catch (error) {
      this.#options.log.debug({ error: errorLine(error) }, 'the consumer is about to end')
    }
  }

  async #pauseFor(ms: number): Promise<void> {
    // The only rejection is the abort, which ends the pause.
    await setTimeout(ms, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }

  // ── The gate (K1, K3) ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs inside kafkajs's join, before any fetch of the new assignment: what it does must be done when it returns. */
  #joined(assignment: Record<string, number[]>): void {
    const { partitions, share, shareUnit, decision, ageMs } = this.#assigner.joined(assignment)
    this.#generation += 1
    const generation = this.#generation
    this.#heardMs = performance.now() - ageMs
    this.#state = { kind: ageMs < membershipMsMax ? 'joined' : 'doubting', generation }
    this.#assigned = partitions
    this.#unreadable.clear()
    this.#tell((consumer) => consumer.pause(topicPartitions(partitions)))
    this.#options.submit({ kind: 'assigned', generation, partitions, share, shareUnit, ageMs })
    this.#options.rebalanced()
    if (decision !== undefined) this.#compare(decision)
    if (this.#state.kind === 'joined') void this.#open(generation)
  }

  #heartbeat(): void {
    this.#heardMs = performance.now() - this.#heartbeatMs
    this.#options.submit({ kind: 'heartbeat', ageMs: this.#heartbeatMs })
    if (this.#state.kind !== 'doubting' || this.#heartbeatMs >= membershipMsMax) return
    const { generation } = this.#state
    this.#state = { kind: 'joined', generation }
    void this.#open(generation)
  }

  /** Says once what is configured otherwise here than in the group, and once that it is not any more. */
  #compare(decision: Decision): void {
    const { log } = this.#options
    const differing = differences(this.#wish, decision)
    const disagreement = differing.length === 0 ? '' : `configured otherwise than the group: ${differing.join(', ')}`
    if (disagreement === this.#disagreement) return
    this.#disagreement = disagreement
    if (disagreement === '') {
      log.info({ assignment: decision.mode }, 'configured like the group again')
      return
    }
    log.error(
      {
        wanted: this.#wish,
        inForce: { mode: decision.mode, settings: decision.settings },
        hint: 'give all replicas of the group the same configuration: until then partitions are given out as before, and each replica treats those it owns by its own settings',
      },
      `this replica is ${disagreement}`,
    )
  }

  /** Reads where each partition stands, tells the core, seeks, and opens the gate. */
  async #open(generation: number): Promise<void> {
    const isCurrent = () => generation === this.#generation && !this.#stopping.signal.aborted
    for (let tries = 1; ; tries += 1) {
      try {
        const partitions = await this.#positions()
        if (!isCurrent()) return
        this.#held.clear()
        this.#realigning.clear()
        this.#state = { kind: 'reading', generation }
        this.#options.submit({ kind: 'positioned', generation, partitions })
        for (const name of this.#assigned) this.#seek(generation, name)
        const flowing = this.#assigned.filter(({ topic, partition }) => !this.#held.has(partitionKey(topic, partition)))
        this.#tell((consumer) => consumer.resume(topicPartitions(flowing)))
        this.#options.log.info(
          { generation, partitions: partitions.map(({ metadata: _, ...position }) => position) },
          partitions.length === 0 ? 'standing by' : 'partitions assigned',
        )
        return
      } catch (error) {
        if (!isCurrent()) return
        const { topics, groupId } = this.#options
        const because = `the committed offsets cannot be read: ${refusalLine(error, 'Describe', topics, groupId)}`
        this.#options.log.warn({ tries }, because)
        if (tries === positioningTriesMax) return this.#giveUp(because)
        await this.#pauseFor(restartMsMin)
        if (!isCurrent()) return
      }
    }
  }

  async #positions(): Promise<PartitionPosition[]> {
    const { groupId, log } = this.#options
    if (this.#admin === undefined) return []
    const positions = await readPositions(this.#assigned, { admin: this.#admin, groupId, log })
    for (const { topic, partition, end } of positions) this.#highWatermarks.set(partitionKey(topic, partition), end)
    return positions
  }

  #seek(generation: number, { topic, partition }: PartitionName): void {
    const cursor = this.#options.cursor(generation, { topic, partition })
    if (cursor !== undefined) this.#tell((consumer) => consumer.seek({ topic, partition, offset: String(cursor) }))
  }

  // ── Batches (K2, K4) ───────────────────────────────────────────────────────────────────────────────────────────────

  #admit({ batch, resolveOffset }: EachBatchPayload): void {
    if (this.#state.kind !== 'reading') return
    const { generation } = this.#state
    const { topic, partition } = batch
    const cursor = this.#options.cursor(generation, { topic, partition })
    if (cursor === undefined) return
    if (!isAtCursor((batch as FetchedBatch).fetchedOffset, cursor)) {
      this.#realign(generation, { topic, partition }, cursor)
      return
    }
    this.#highWatermarks.set(partitionKey(topic, partition), Number(batch.highWatermark))
    const records = batch.messages.map((message) => toRecord(topic, partition, message))
    this.#options.submit({
      kind: 'admitted',
      generation,
      topic,
      partition,
      records,
      offsetNext: Number(batch.lastOffset()) + 1,
    })
    const next = this.#options.cursor(generation, { topic, partition })
    if (next !== undefined && next > cursor) resolveOffset(String(next - 1))
    this.#unreadable.passed({ topic, partition }, next ?? cursor)
  }

  /** Where each partition goes on that is being fetched, and its end. */
  *#reading(): Iterable<PartitionName & { cursor: number; end: number | undefined }> {
    if (this.#state.kind !== 'reading') return
    for (const name of this.#assigned) {
      const key = partitionKey(name.topic, name.partition)
      const cursor = this.#held.has(key) ? undefined : this.#options.cursor(this.#state.generation, name)
      if (cursor !== undefined) yield { ...name, cursor, end: this.#highWatermarks.get(key) }
    }
  }

  /** kafkajs resolves a batch without records for us by itself: follow it, if it covers the cursor. */
  #passFiltered(batch: {
    topic: string
    partition: number
    batchSize: number
    firstOffset: string | null
    lastOffset: string
  }): void {
    if (batch.batchSize > 0 || this.#state.kind !== 'reading') return
    const { generation } = this.#state
    const { topic, partition } = batch
    const cursor = this.#options.cursor(generation, { topic, partition })
    const last = Number(batch.lastOffset)
    if (cursor === undefined || Number(batch.firstOffset ?? last) > cursor || last < cursor) return
    this.#options.submit({ kind: 'admitted', generation, topic, partition, records: [], offsetNext: last + 1 })
  }

  /** A batch from elsewhere than the cursor: a stale one, or retention has overtaken us. Reading goes on at the cursor. */
  #realign(generation: number, name: PartitionName, cursor: number): void {
    const key = partitionKey(name.topic, name.partition)
    this.#seek(generation, name)
    const admin = this.#admin
    if (admin === undefined || this.#realigning.has(key)) return
    this.#realigning.add(key)
    readEnds(admin, [name])
      .then((ends) => {
        const end = ends.get(key)
        if (end === undefined || this.#options.cursor(generation, name) !== cursor) return
        if (end.high < cursor) this.#giveUp(`${key} ends at ${end.high}, before ${cursor}: it was made anew, or cut`)
        if (end.low <= cursor) return
        this.#options.submit({ kind: 'truncated', generation, ...name, low: end.low })
        this.#seek(generation, name)
      })
      .catch((error) =>
        this.#options.log.warn({ ...name, error: errorLine(error) }, 'the partition’s offsets cannot be read'),
      )
      .finally(() => this.#realigning.delete(key))
  }

  /** Keeps the ends of partitions known that are held back, and so have no batches to tell them. */
  async #refreshEnds(): Promise<void> {
    const admin = this.#admin
    if (admin === undefined || this.#state.kind !== 'reading' || this.#refreshing) return
    this.#refreshing = true
    try {
      for (const [key, { high }] of await readEnds(admin, this.#assigned)) this.#highWatermarks.set(key, high)
    } catch (error) {
      this.#options.log.warn({ error: errorLine(error) }, 'the ends of the partitions cannot be read')
    } finally {
      this.#refreshing = false
    }
  }
}

function topicPartitions(names: PartitionName[]): { topic: string; partitions: number[] }[] {
  return Object.entries(byTopic(names)).map(([topic, partitions]) => ({ topic, partitions }))
}
