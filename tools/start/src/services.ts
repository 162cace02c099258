// Owns what the three processes of a start are: which file, which environment, when they count as ready.

import { join } from 'node:path'
import {
  gatewayEnvironment,
  ingestorEnvironment,
  simulatorEnvironment,
  simulatorUrl,
  type World,
  webhookUrl,
} from './environment.ts'
import type { ServiceSpec } from './processes.ts'

/** Services are told to end within 5 s (STOP_DEADLINE_MS); this is a second more. */
const serviceGraceMs = 6_000
const simulatorGraceMs = 2_000

export function simulatorSpec(world: World, caller: NodeJS.ProcessEnv, logs: string): ServiceSpec {
  return {
    name: 'Partoo simulator',
    entry: 'tools/partoo-simulator/src/main.ts',
    env: simulatorEnvironment(caller, world.ports),
    readyUrl: `${simulatorUrl(world.ports)}/healthz`,
    whenReady: simulatorUrl(world.ports),
    logFile: join(logs, 'simulator.log'),
    graceMs: simulatorGraceMs,
  }
}

export function ingestorSpec(world: World, caller: NodeJS.ProcessEnv, logs: string): ServiceSpec {
  return {
    name: 'Ingestor',
    entry: 'services/ingestor/src/main.ts',
    env: ingestorEnvironment(caller, world),
    readyUrl: `http://127.0.0.1:${world.ports.ingestorAdmin}/readyz`,
    whenReady: `reads ${world.topics.outbound}`,
    logFile: join(logs, 'ingestor.log'),
    graceMs: serviceGraceMs,
  }
}

export function gatewaySpec(world: World, caller: NodeJS.ProcessEnv, logs: string): ServiceSpec {
  return {
    name: 'Webhook gateway',
    entry: 'services/webhook-gateway/src/main.ts',
    env: gatewayEnvironment(caller, world),
    readyUrl: `http://127.0.0.1:${world.ports.gatewayAdmin}/readyz`,
    whenReady: webhookUrl(world.ports),
    logFile: join(logs, 'gateway.log'),
    graceMs: serviceGraceMs,
  }
}
