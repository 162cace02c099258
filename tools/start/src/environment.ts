// Owns the environment of each process that a start brings up. It is built from nothing: of the caller's variables only
// PATH and HOME pass, so that a KAFKA_… or PARTOO_… exported in a shell (production's, say) reaches none of them.

import type { TopicNames } from '@bridge/local-kafka/topics'
import { demoOrganization } from '@bridge/partoo-simulator/options'
import { type TopicRole, topics } from '@bridge/schemas/topics'
import type { Ports } from './ports.ts'

export type World = {
  brokers: string
  topics: TopicNames
  /** In front of every topic and of the ingestor's group; '' as a rule. */
  prefix: string
  ports: Ports
  /** What verifies the simulator's webhooks, PEM. */
  publicKeyPem: string
}

type Env = Record<string, string>

/** Ends well within the time that a start gives its services. */
const stopDeadlineMs = '5000'
const ingestorGroup = 'partoo-ingestor'

export function simulatorUrl(ports: Ports): string {
  return `http://127.0.0.1:${ports.simulator}`
}

export function webhookUrl(ports: Ports): string {
  return `http://127.0.0.1:${ports.webhook}/webhooks/partoo`
}

/** Answers the consumer group of the ingestor under `prefix`. */
export function ingestorGroupId(prefix: string): string {
  return prefix + ingestorGroup
}

export function simulatorEnvironment(caller: NodeJS.ProcessEnv, ports: Ports): Env {
  return { ...fromCaller(caller), SIMULATOR_PORT: String(ports.simulator), SIMULATOR_WEBHOOK_URL: webhookUrl(ports) }
}

export function ingestorEnvironment(caller: NodeJS.ProcessEnv, world: World): Env {
  const [key] = demoOrganization.api_keys
  const [channel] = demoOrganization.channels
  if (!key || !channel) throw new Error('the demo organization has a key and a channel')
  return {
    ...fromCaller(caller),
    KAFKA_BROKERS: world.brokers,
    PARTOO_BASE_URL: `${simulatorUrl(world.ports)}/v2`,
    PARTOO_API_KEY: key.key,
    PARTOO_CHANNEL_ID: channel.channel_id,
    PARTOO_ORG_ID: String(demoOrganization.org_id),
    // The first call may start burst ÷ rate after the join: a second here, not four.
    PARTOO_BURST: '5',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: String(world.ports.ingestorAdmin),
    STOP_DEADLINE_MS: stopDeadlineMs,
    ...(world.prefix !== '' && { INGESTOR_GROUP_ID: ingestorGroupId(world.prefix), ...topicVariables(world) }),
  }
}

export function gatewayEnvironment(caller: NodeJS.ProcessEnv, world: World): Env {
  return {
    ...fromCaller(caller),
    KAFKA_BROKERS: world.brokers,
    WEBHOOK_PORT: String(world.ports.webhook),
    WEBHOOK_HOST: '127.0.0.1',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: String(world.ports.gatewayAdmin),
    PARTOO_ORG_ID: String(demoOrganization.org_id),
    PARTOO_WEBHOOK_PUBLIC_KEYS: world.publicKeyPem,
    STOP_DEADLINE_MS: stopDeadlineMs,
    ...(world.prefix !== '' && topicVariables(world)),
  }
}

function fromCaller(caller: NodeJS.ProcessEnv): Env {
  return { PATH: caller.PATH ?? '', HOME: caller.HOME ?? '' }
}

function topicVariables(world: World): Env {
  const named = Object.entries(topics).map(([role, { variable }]) => [variable, world.topics[role as TopicRole]])
  return Object.fromEntries(named)
}
