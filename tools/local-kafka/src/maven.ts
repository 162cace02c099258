// Owns folders that Maven brings from Maven Central, once: under .local at the repository root.
//
// A folder either exists whole or not at all: Maven fills one beside it, which is then renamed. Two that download at once do
// not meet: each has its own, and the second to finish uses the first one's.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { unlessAborted, withinMs } from './deadline.ts'
import { isAlive, startOwned } from './owned-process.ts'

/** What a person at the repository root finds everything local under; git ignores it. */
export const localFolder = resolve(import.meta.dirname, '../../..', '.local')

const mavenDeadlineMs = 15 * 60_000

export type MavenFolder = {
  /** For a person: what is in it, and how much is downloaded. */
  name: string
  version: string
  megabytes: number
  /** Where it is to be: has a folder of its own around it. */
  folder: string
  /** What depends on what, for goals that go by it. */
  dependencies: readonly { groupId: string; artifactId: string; version: string }[]
  /** What Maven is to do, to fill a folder. */
  goal: (into: string) => string[]
}

export type Brought = { kind: 'there'; folder: string } | { kind: 'missing'; why: string }

/**
 * Answers the folder, downloading it when it is not there.
 * @param progress is told now and then how far the download is; rejects only when `signal` aborts
 */
export async function ensureMavenFolder(
  wanted: MavenFolder,
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<Brought> {
  const { folder } = wanted
  if (existsSync(folder)) return { kind: 'there', folder }
  if (!(await runs('mvn', ['-version'], env))) return { kind: 'missing', why: 'there is no Maven (mvn)' }

  const parent = dirname(folder)
  await mkdir(parent, { recursive: true })
  await removeLeftovers(parent)
  const work = join(parent, `download-${process.pid}`)
  await mkdir(work)
  const maven = await download(wanted, work, env, progress, signal)
  if (maven.kind === 'failed') {
    await rm(work, { recursive: true, force: true })
    return { kind: 'missing', why: maven.why }
  }
  try {
    await rename(join(work, basename(folder)), folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
  await rm(work, { recursive: true, force: true })
  return { kind: 'there', folder }
}

async function download(
  { name, version, megabytes, folder, dependencies, goal }: MavenFolder,
  work: string,
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<{ kind: 'done' } | { kind: 'failed'; why: string }> {
  await writeFile(join(work, 'pom.xml'), pomOf(dependencies))
  progress(`${version} from Maven Central (${megabytes} MB, once)`)
  const args = ['--batch-mode', ...goal(join(work, basename(folder)))]
  // Our own pipe reaches Maven through the supervisor; its group ends with us, and the half-filled folder with it.
  const maven = startOwned('mvn', args, { cwd: work, env, stdout: 'pipe', stderr: 'ignore' })
  let files = 0
  let problem = ''
  if (maven.stdout === null) throw new Error('no pipe from mvn')
  createInterface({ input: maven.stdout }).on('line', (line) => {
    problem ||= /^\[ERROR\] (.+)/.exec(line)?.[1] ?? ''
    const file = /(?:Downloaded from|Copying|Unpacking) .*?([^/ ]+\.(?:jar|gz))/.exec(line)?.[1]
    if (!file) return
    if (line.includes('Downloaded')) progress(`${version} from Maven Central: ${++files} files, ${file}`)
    else progress(`${version} from Maven Central: all there, copying ${file}`)
  })
  try {
    const ended = await unlessAborted(withinMs(mavenDeadlineMs, maven.exited), signal)
    if (ended === 'late') return { kind: 'failed', why: 'Maven took longer than 15 minutes' }
    if (ended.code !== 0)
      return { kind: 'failed', why: `Maven could not bring ${name}: ${problem || 'no reason given'}` }
    return { kind: 'done' }
  } catch (error) {
    await maven.stop()
    await rm(work, { recursive: true, force: true })
    throw error
  } finally {
    await maven.stop()
  }
}

function pomOf(dependencies: MavenFolder['dependencies']): string {
  const each = dependencies.map(
    ({ groupId, artifactId, version }) =>
      `    <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>\n`,
  )
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>local</artifactId><version>1</version>
  <dependencies>
${each.join('')}  </dependencies>
</project>
`
}

/** Removes the folders of downloads whose process is gone. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^download-(\d+)$/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true })
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
