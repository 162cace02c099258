// Owns which schema registry a test run gets, as local-kafka.ts does for Kafka:
//
//   given   the one that TEST_SCHEMA_REGISTRY_URL names, with its path (never SCHEMA_REGISTRY_URL: a shell may export production's)
//   docker  apicurio/apicurio-registry in a container, when a Docker engine answers
//   java    the same registry on this machine's Java (17 or newer), brought by Maven (109 MB, once)
//
// LOCAL_KAFKA=docker or LOCAL_KAFKA=java allows only that one of the last two. Apicurio speaks Confluent's API at
// /apis/ccompat/v7, and keeps what is registered in memory: it ends with the run.
//
//   const brought = await bringUpRegistry()
//   if (brought.kind === 'up') { brought.registry.url … await brought.registry.stop() }

import { findJava } from '@bridge/local-kafka/java'
import { answers, type LocalRegistry, type RegistryAttempt } from './apicurio.ts'
import { registryInDocker } from './docker-registry.ts'
import { registryOnJava } from './java-registry.ts'

export type RegistryBroughtUp =
  | { kind: 'up'; registry: LocalRegistry }
  /** `reason` is one sentence that says what to install or do. */
  | { kind: 'unavailable'; reason: string }

/** Answers a registry to use, or why none can be had. */
export async function bringUpRegistry(
  env: NodeJS.ProcessEnv = process.env,
  progress: (line: string) => void = () => {},
): Promise<RegistryBroughtUp> {
  const given = env.TEST_SCHEMA_REGISTRY_URL?.trim().replace(/\/+$/, '')
  if (given) return useGiven(given)
  const only = env.LOCAL_KAFKA?.trim()
  const findings: string[] = []
  if (only !== 'java') {
    const attempt = await registryInDocker(progress)
    if (attempt.kind === 'up') return attempt
    findings.push(attempt.why)
  }
  if (only !== 'docker') {
    const java = await findJava(env)
    const attempt: RegistryAttempt =
      java.kind === 'missing' ? { kind: 'none', why: java.why } : await registryOnJava(java, env, progress)
    if (attempt.kind === 'up') return attempt
    findings.push(attempt.why)
  }
  return {
    kind: 'unavailable',
    reason:
      `No schema registry can be had (${findings.join('; ')}): start Docker, or install Java 17 or newer and Maven, or set ` +
      "TEST_SCHEMA_REGISTRY_URL to a registry's URL.",
  }
}

async function useGiven(url: string): Promise<RegistryBroughtUp> {
  if (await answers(url)) {
    const description = 'the registry that TEST_SCHEMA_REGISTRY_URL names'
    return { kind: 'up', registry: { url, description, stop: async () => {} } }
  }
  return { kind: 'unavailable', reason: `TEST_SCHEMA_REGISTRY_URL names ${url}, where no schema registry answers.` }
}
