// Owns which Java there is on this machine.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const javaMajorMin = 17

export type Java = { kind: 'found'; command: string; major: number } | { kind: 'missing'; why: string }

/** Answers a Java that runs Kafka and the registry: the one of JAVA_HOME, else the one on PATH. */
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

async function javaMajor(command: string, env: NodeJS.ProcessEnv): Promise<number | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, ['-version'], { env, timeout: 10_000 })
    return parseJavaMajor(stdout + stderr)
  } catch {
    return undefined
  }
}
