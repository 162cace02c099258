// Owns the folder of Kafka's jars: .local/kafka-<version>/libs at the repository root, brought once by Maven.
//
// The folder either exists whole or not at all: Maven copies into a folder beside it, which is then renamed. Two that
// download at once do not meet: each has its own, and the second to finish uses the first one's.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { unlessAborted, withinMs } from './deadline.ts'
import { isAlive, startOwned } from './owned-process.ts'

export const kafkaVersion = '4.3.0'
/** What a person at the repository root finds everything local under; git ignores it. */
export const localFolder = resolve(import.meta.dirname, '../../..', '.local')
const jarsFolder = join(localFolder, `kafka-${kafkaVersion}`, 'libs')

const javaMajorMin = 17
const mavenDeadlineMs = 15 * 60_000

/** log4j-slf4j-impl is how Kafka's own distribution gets its log written; the broker's artifact leaves it out. */
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
  </dependencies>
</project>
`

export type Jars = { kind: 'there'; folder: string } | { kind: 'missing'; why: string }
export type Java = { kind: 'found'; command: string; major: number } | { kind: 'missing'; why: string }

/** Answers a Java that runs Kafka: the one of JAVA_HOME, else the one on PATH. */
export async function findJava(env: NodeJS.ProcessEnv): Promise<Java> {
  const home = env.JAVA_HOME
  const commands = [...(home ? [join(home, 'bin', 'java')] : []), 'java']
  let tooOld: number | undefined
  for (const command of commands) {
    const major = await javaMajor(command, env)
    if (major !== undefined && major >= javaMajorMin) return { kind: 'found', command, major }
    tooOld ??= major
  }
  return { kind: 'missing', why: tooOld === undefined ? 'there is no Java' : `Java ${tooOld} is too old` }
}

/** Answers the major version in what `java -version` prints: 17 for "17.0.15", 8 for "1.8.0_392". */
export function parseJavaMajor(printed: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(printed)
  return found ? Number(found[1]) : undefined
}

/**
 * Answers the folder with Kafka's jars, downloading them (44 MB) when they are not there.
 * @param progress is told now and then how far the download is; rejects only when `signal` aborts
 */
export async function ensureJars(
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<Jars> {
  if (existsSync(jarsFolder)) return { kind: 'there', folder: jarsFolder }
  if (!(await runs('mvn', ['-version'], env))) return { kind: 'missing', why: 'there is no Maven (mvn)' }

  const parent = dirname(jarsFolder)
  await mkdir(parent, { recursive: true })
  await removeLeftovers(parent)
  const work = join(parent, `download-${process.pid}`)
  await mkdir(work)
  const maven = await download(work, env, progress, signal)
  if (maven.kind === 'failed') {
    await rm(work, { recursive: true, force: true })
    return { kind: 'missing', why: maven.why }
  }
  try {
    await rename(join(work, 'libs'), jarsFolder)
  } catch (error) {
    if (!existsSync(jarsFolder)) throw error
  }
  await rm(work, { recursive: true, force: true })
  return { kind: 'there', folder: jarsFolder }
}

async function download(
  work: string,
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<{ kind: 'done' } | { kind: 'failed'; why: string }> {
  await writeFile(join(work, 'pom.xml'), pom)
  progress(`${kafkaVersion} from Maven Central (44 MB, once)`)
  const args = ['--batch-mode', 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'libs')}`]
  // Our own pipe reaches Maven through the supervisor; its group ends with us, and the half-filled folder with it.
  const maven = startOwned('mvn', args, { cwd: work, env, stdout: 'pipe', stderr: 'ignore' })
  let jars = 0
  let problem = ''
  if (maven.stdout === null) throw new Error('no pipe from mvn')
  createInterface({ input: maven.stdout }).on('line', (line) => {
    problem ||= /^\[ERROR\] (.+)/.exec(line)?.[1] ?? ''
    const name = /(?:Downloaded from|Copying) .*?([^/ ]+\.jar)/.exec(line)?.[1]
    if (!name) return
    if (line.includes('Copying')) progress(`${kafkaVersion} from Maven Central: all there, copying ${name}`)
    else progress(`${kafkaVersion} from Maven Central: ${++jars} jars, ${name}`)
  })
  try {
    const ended = await unlessAborted(withinMs(mavenDeadlineMs, maven.exited), signal)
    if (ended === 'late') return { kind: 'failed', why: 'Maven took longer than 15 minutes' }
    if (ended.code !== 0) return { kind: 'failed', why: `Maven could not bring Kafka: ${problem || 'no reason given'}` }
    return { kind: 'done' }
  } catch (error) {
    await maven.stop()
    await rm(work, { recursive: true, force: true })
    throw error
  } finally {
    await maven.stop()
  }
}

/** Removes the folders of downloads whose process is gone. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^download-(\d+)$/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true })
  }
}

async function javaMajor(command: string, env: NodeJS.ProcessEnv): Promise<number | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, ['-version'], { env, timeout: 10_000 })
    return parseJavaMajor(stdout + stderr)
  } catch {
    return undefined
  }
}

async function runs(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await promisify(execFile)(command, args, { env, timeout: 20_000 })
    return true
  } catch {
    return false
  }
}
