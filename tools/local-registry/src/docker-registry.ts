// Owns an Apicurio registry in a container.

import { startContainer } from '@bridge/local-kafka/docker-container'
import { type RegistryAttempt, registryLogFile, registryUrl, registryVersion, untilAnswers } from './apicurio.ts'

const image = `apicurio/apicurio-registry:${registryVersion}`

/** Starts a registry in a container, pulling its image first if need be; or answers why that cannot be. */
export async function registryInDocker(progress: (line: string) => void): Promise<RegistryAttempt> {
  const isUsable = (address: string, signal: AbortSignal) => untilAnswers(registryUrl(address), signal)
  const wanted = { image, port: 8080, variables: () => ({}), isUsable }
  const started = await startContainer(wanted, { logFile: registryLogFile(), progress })
  if (started.kind === 'none') return started
  const { address, stop } = started
  return { kind: 'up', registry: { url: registryUrl(address), description: `${image} in Docker`, stop } }
}
