// Owns what is asked of Kafka: what the topics are, and to create or change them. Everything is asked once, with a deadline:
// what fails is told, and the command can be repeated.

import { createKafka } from '@bridge/runtime/kafka'
import { kafkaErrorType } from '@bridge/runtime/kafka-errors'
import type { KafkaConnection } from '@bridge/runtime/kafka-variables'
import { createLog, errorLine } from '@bridge/runtime/log'
import kafkajs, { type Admin } from 'kafkajs'
import type { AclRule } from './acl-rules.ts'
import type { NewTopic, Setting, TopicState } from './wants.ts'

const { ConfigResourceTypes, ResourcePatternTypes, AclResourceTypes, AclOperationTypes, AclPermissionTypes } = kafkajs
const timeoutMs = 10_000
const ownSetting = kafkajs.ConfigSource?.TOPIC_CONFIG ?? 1

export type Done = { kind: 'done' } | { kind: 'failed'; because: string }

export type RulesRead = { kind: 'read'; rules: AclRule[] } | { kind: 'none'; because: string }

/** A connected cluster. Rejects where Kafka cannot be reached, or what it answers is not expected. */
export class Cluster {
  readonly #admin: Admin

  private constructor(admin: Admin) {
    this.#admin = admin
  }

  /** Connects. Rejects where that fails. */
  static async connect(connection: KafkaConnection): Promise<Cluster> {
    const patience = { connectionTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, retries: 0 }
    const admin = createKafka(connection, createLog('topics', 'silent'), patience).admin({ retry: { retries: 0 } })
    try {
      await admin.connect()
    } catch (error) {
      await admin.disconnect().catch(() => {})
      throw error
    }
    return new Cluster(admin)
  }

  async close(): Promise<void> {
    await this.#admin.disconnect().catch(() => {})
  }

  async brokers(): Promise<number> {
    return (await this.#admin.describeCluster()).brokers.length
  }

  async topic(name: string): Promise<TopicState> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [name] })
      const partitions = topics[0]?.partitions ?? []
      if (partitions.length === 0) return { kind: 'missing' }
      const replicas = partitions.map((partition) => partition.replicas.length)
      const settings = await this.#settings(name)
      return { kind: 'there', partitions: partitions.length, replicationFactor: Math.min(...replicas), settings }
    } catch (error) {
      const type = kafkaErrorType(error)
      if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return { kind: 'missing' }
      if (type === 'TOPIC_AUTHORIZATION_FAILED') return { kind: 'not-allowed', operation: 'Describe' }
      throw error
    }
  }

  async #settings(name: string): Promise<Extract<TopicState, { kind: 'there' }>['settings']> {
    try {
      const { resources } = await this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name }],
      })
      const values = new Map<string, Setting>()
      for (const { configName, configValue, configSource } of resources[0]?.configEntries ?? []) {
        values.set(configName, { value: configValue, own: configSource === ownSetting })
      }
      return { kind: 'told', values }
    } catch (error) {
      if (kafkaErrorType(error) === undefined) throw error
      return { kind: 'untold', because: errorLine(error) }
    }
  }

  /** Creates a topic. @param dryRun asks the brokers whether they would, and changes nothing */
  async create(topic: string, { partitions, replicationFactor, settings }: NewTopic, dryRun: boolean): Promise<Done> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
    const wanted = { topic, numPartitions: partitions, replicationFactor, configEntries }
    return done(async () => {
      const isNew = await this.#admin.createTopics({
        topics: [wanted],
        validateOnly: dryRun,
        waitForLeaders: false,
        timeout: timeoutMs,
      })
      if (!isNew) throw new Error('it exists by now')
    })
  }

  /**
   * Changes settings of a topic, and keeps those that are its own. kafkajs knows the older request alone, which takes all of
   * them, and resets what it does not name: so they are read again right before.
   */
  async change(topic: string, changes: Record<string, string>): Promise<Done> {
    return done(async () => {
      const settings = await this.#settings(topic)
      if (settings.kind === 'untold') throw new Error(`its settings are not told: ${settings.because}`)
      const own = [...settings.values].filter(([, setting]) => setting.own).map(([name, { value }]) => [name, value])
      const all: Record<string, string> = { ...Object.fromEntries(own), ...changes }
      const configEntries = Object.entries(all).map(([name, value]) => ({ name, value }))
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
      await this.#admin.alterConfigs({ resources, validateOnly: false })
    })
  }

  /** All rules of access that the cluster has. */
  async rules(): Promise<RulesRead> {
    try {
      const { resources } = await this.#admin.describeAcls({
        resourceType: AclResourceTypes.ANY,
        resourcePatternType: ResourcePatternTypes.ANY,
        operation: AclOperationTypes.ANY,
        permissionType: AclPermissionTypes.ANY,
      } as Parameters<Admin['describeAcls']>[0])
      const rules = resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
        acls.map(
          ({ principal, host, operation, permissionType }): AclRule => ({
            resource:
              resourceType === AclResourceTypes.TOPIC
                ? 'topic'
                : resourceType === AclResourceTypes.GROUP
                  ? 'group'
                  : 'other',
            name: resourceName,
            isPrefix: resourcePatternType === ResourcePatternTypes.PREFIXED,
            principal,
            host,
            operation: operationNames[operation] ?? 'other',
            allows: permissionType === AclPermissionTypes.ALLOW,
          }),
        ),
      )
      return { kind: 'read', rules }
    } catch (error) {
      if (kafkaErrorType(error) === undefined) throw error
      return { kind: 'none', because: errorLine(error) }
    }
  }
}

const operationNames: Partial<Record<number, AclRule['operation']>> = {
  [AclOperationTypes.ALL]: 'All',
  [AclOperationTypes.READ]: 'Read',
  [AclOperationTypes.WRITE]: 'Write',
  [AclOperationTypes.DESCRIBE]: 'Describe',
  [AclOperationTypes.ALTER]: 'Alter',
  [AclOperationTypes.DELETE]: 'Delete',
  [AclOperationTypes.DESCRIBE_CONFIGS]: 'DescribeConfigs',
  [AclOperationTypes.ALTER_CONFIGS]: 'AlterConfigs',
}

/** What Kafka refuses is an answer; anything else is not. */
async function done(work: () => Promise<void>): Promise<Done> {
  try {
    await work()
    return { kind: 'done' }
  } catch (error) {
    // kafkajs puts what it heard of several topics together.
    const first = error instanceof AggregateLike && error.errors[0] instanceof Error ? error.errors[0] : error
    return { kind: 'failed', because: errorLine(first) }
  }
}

const AggregateLike = kafkajs.KafkaJSAggregateError
