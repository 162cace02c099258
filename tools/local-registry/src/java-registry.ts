// Owns an Apicurio registry on this machine's Java.

import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Java } from '@bridge/local-kafka/java'
import { ensureMavenFolder, localFolder } from '@bridge/local-kafka/maven'
import { describeExit, startOwned } from '@bridge/local-kafka/owned-process'
import { freePort } from '@bridge/local-kafka/ports'
import { type RegistryAttempt, registryLogFile, registryUrl, registryVersion, untilAnswers } from './apicurio.ts'

/** A port that was free a moment ago may be taken when the registry asks for it. */
const portAttemptsMax = 3

/** Starts a registry, bringing it first if need be; or answers why that cannot be. */
export async function registryOnJava(
  java: Extract<Java, { kind: 'found' }>,
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
): Promise<RegistryAttempt> {
  const artifact = `io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`
  const wanted = {
    name: 'the schema registry',
    version: registryVersion,
    megabytes: 109,
    folder: join(localFolder, `apicurio-registry-${registryVersion}`, 'app'),
    dependencies: [],
    goal: (into: string) => ['dependency:unpack', `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`],
  }
  const brought = await ensureMavenFolder(wanted, env, progress, undefined)
  if (brought.kind === 'missing') return { kind: 'none', why: brought.why }
  let why = ''
  for (let attempt = 0; attempt < portAttemptsMax; attempt += 1) {
    const started = await start(java, brought.folder, env, await freePort())
    if (started.kind === 'up') return started
    why = started.why
  }
  return { kind: 'none', why }
}

async function start(
  java: Extract<Java, { kind: 'found' }>,
  folder: string,
  env: NodeJS.ProcessEnv,
  port: number,
): Promise<RegistryAttempt> {
  const logFile = registryLogFile()
  await mkdir(dirname(logFile), { recursive: true })
  const log = await open(logFile, 'w')
  const args = [
    '-Xmx300m',
    '-XX:TieredStopAtLevel=1',
    '-Dquarkus.http.host=127.0.0.1',
    `-Dquarkus.http.port=${port}`,
    '-jar',
    `apicurio-registry-app-${registryVersion}-runner.jar`,
  ]
  const running = startOwned(java.command, args, { cwd: folder, env, stdout: log.fd, stderr: log.fd })
  await log.close()
  const url = registryUrl(`127.0.0.1:${port}`)
  const waiting = new AbortController()
  const outcome = await Promise.race([untilAnswers(url, waiting.signal), running.exited])
  waiting.abort()
  if (outcome === true) {
    const description = `Apicurio ${registryVersion} on Java ${java.major}`
    return { kind: 'up', registry: { url, description, stop: () => running.stop() } }
  }
  await running.stop()
  const what = outcome === false ? 'did not answer in time' : `ended at once (${describeExit(outcome.code)})`
  return { kind: 'none', why: `the schema registry ${what}, see ${logFile}` }
}
