// Owns .local/running: one file for each running `npm start`, named by its process, by which `npm run produce` and
// `npm run tail` find it. Of several, the last one to start is found.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { localFolder } from '@bridge/local-kafka/maven'
import { isAlive } from '@bridge/local-kafka/owned-process'
import { type TopicNames, topicNames } from '@bridge/local-kafka/topics'

const runningFolder = join(localFolder, 'running')

export type Running = { pid: number; startedAt: string; brokers: string; topics: TopicNames; inbox: string }

/** Writes the file of this process, and clears away those of processes that are gone. Answers what removes it again. */
export function announceRunning(running: Omit<Running, 'pid' | 'startedAt'>, folder = runningFolder): () => void {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) {
    if (!isAlive(Number.parseInt(name, 10))) rmSync(join(folder, name), { force: true })
  }
  const file = join(folder, `${process.pid}.json`)
  const whole: Running = { pid: process.pid, startedAt: new Date().toISOString(), ...running }
  writeFileSync(`${file}.unfinished`, `${JSON.stringify(whole, null, 2)}\n`)
  renameSync(`${file}.unfinished`, file)
  return () => rmSync(file, { force: true })
}

/** Answers the start that runs, the last one where there are several. */
export function findRunning(folder = runningFolder): Running | undefined {
  const all = fileNames(folder).flatMap((name) => read(join(folder, name)))
  return all.filter(({ pid }) => isAlive(pid)).sort((a, b) => b.startedAt.localeCompare(a.startedAt))[0]
}

export type Target = { kind: 'found'; brokers: string; topics: TopicNames } | { kind: 'none'; why: string }

/** Answers the Kafka that the commands beside a start talk to: START_KAFKA_BROKERS, else the running start's. */
export function findKafka(env: NodeJS.ProcessEnv, folder = runningFolder): Target {
  const given = env.START_KAFKA_BROKERS?.trim()
  const running = findRunning(folder)
  if (given)
    return { kind: 'found', brokers: given, topics: running?.brokers === given ? running.topics : topicNames() }
  if (running) return { kind: 'found', brokers: running.brokers, topics: running.topics }
  return {
    kind: 'none',
    why: 'Nothing runs here: start it with `npm start` in another terminal, or set START_KAFKA_BROKERS to a Kafka of your own.',
  }
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'))
  } catch {
    return []
  }
}

/** A file that its owner removes in this very moment is no start. */
function read(file: string): Running[] {
  try {
    return [JSON.parse(readFileSync(file, 'utf8')) as Running]
  } catch {
    return []
  }
}
