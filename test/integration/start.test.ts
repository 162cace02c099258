// Real: `npm start` through its launcher, with a Kafka, a simulator and both services of its own; `npm run produce` and
// `npm run tail` beside it; signals. Doubled: Partoo itself (the simulator). Only one test uses the Kafka of the run.
// Failure: a step of the story missing or out of order; a process, port or folder left behind, whatever ended it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import { isAlive } from '@bridge/local-kafka/owned-process'
import { isPortFree } from '@bridge/local-kafka/ports'
import { afterAll, expect, inject, onTestFinished, test, vi } from 'vitest'
import { keepOutput } from '../support/kept-output.ts'
import { testTopics } from '../support/topics.ts'

const root = resolve(import.meta.dirname, '../..')
const startUp = { timeout: 90_000, interval: 50 }
/** Where everything below keeps what it needs for a while: broker data, claims on ports. */
const temporary = mkdtempSync(join(tmpdir(), 'start-test-'))
afterAll(() => rmSync(temporary, { recursive: true }))
const shortly = { timeout: 15_000, interval: 50 }

/** One of the repository's commands, as npm runs it. */
class Command {
  readonly process: ChildProcess
  output = ''

  constructor(entry: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(process.execPath, ['tools/launch.mjs', `tools/start/src/${entry}`, ...args], {
      cwd: root,
      env: { ...process.env, START_KAFKA_BROKERS: '', TMPDIR: temporary, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    keepOutput(this.process, entry)
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  async says(text: string | RegExp, deadline = shortly): Promise<void> {
    await vi.waitFor(() => expect(this.output).toMatch(text), deadline)
  }

  async end(signal?: NodeJS.Signals): Promise<number | null> {
    const ended = this.process.exitCode === null ? once(this.process, 'close') : undefined
    if (signal) this.process.kill(signal)
    await ended
    return this.process.exitCode
  }

  /** Every process below this one, with its command line. */
  descendants(): { pid: number; command: string }[] {
    const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n')
    const all = rows.map((row) => {
      const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? []
      return { pid: Number(pid), parent: Number(parent), command: command ?? '' }
    })
    const below = (parent: number | undefined): typeof all => {
      return all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)])
    }
    return below(this.process.pid)
  }
}

async function nothingIsLeft(processes: { pid: number }[], ports: number[] = []): Promise<void> {
  await vi.waitFor(async () => {
    expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([])
    for (const port of ports) expect(await isPortFree(port), `port ${port}`).toBe(true)
    // Node may keep compiled code there, which is nobody's process.
    expect(readdirSync(temporary).filter((name) => name !== 'node-compile-cache')).toEqual([])
  }, shortly)
}

test('npm start tells its story, serves produce and tail, and ends by Ctrl-C with nothing left', async () => {
  const start = new Command('main.ts')
  await start.says(/Ready after [\d.]+ s/, startUp)

  const steps = ['message produced', 'accepted by Partoo', 'created', 'reply typed', 'reply in partoo-replies']
  const told = [...start.output.matchAll(/^ {2}\d\d:\d\d:\d\d\.\d{3} {2}(.+?) {2}/gm)].map(([, step]) => step)
  expect(told).toEqual(steps)
  const ports = [...start.output.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
  expect(new Set(ports).size).toBe(5)

  const produce = new Command('produce.ts', ['--conversation', 'bob', '--message', 'from-the-test', 'Hello'])
  expect(await produce.end()).toBe(0)
  expect(produce.output).toContain('produced message from-the-test in conversation bob')
  const tail = new Command('tail.ts', ['receipts', '--from-beginning'])
  await tail.says(/key bob .*\n.*partoo\.receipt\.created\n[^}]*"from-the-test"/)
  expect(await tail.end('SIGINT')).toBe(0)

  const processes = start.descendants()
  for (const part of ['services/ingestor', 'services/webhook-gateway', 'tools/partoo-simulator']) {
    expect(
      processes.some(({ command }) => command.includes(part)),
      part,
    ).toBe(true)
  }
  expect(await start.end('SIGINT')).toBe(0)
  await nothingIsLeft(processes, ports)
})

test('ended while Kafka is still starting: at once, and nothing is left', async () => {
  const start = new Command('main.ts', [], { LOCAL_KAFKA: 'java' })
  await vi.waitFor(
    () =>
      expect(
        start
          .descendants()
          .map(({ command }) => command)
          .join(),
      ).toContain('kafka.Kafka'),
    startUp,
  )
  const processes = start.descendants()
  expect(await start.end('SIGINT')).toBe(0)
  expect(start.output).not.toContain('✓ Kafka')
  await nothingIsLeft(processes)
})

test('a service that dies ends everything, and the end of its log is shown', async () => {
  const start = new Command('main.ts')
  await start.says(/Ready after [\d.]+ s/, startUp)
  // Everything was installed by the starts before it, or before them.
  expect(Number(/Ready after ([\d.]+) s/.exec(start.output)?.[1])).toBeLessThan(15)
  const processes = start.descendants()
  const ingestor = processes.find(({ command }) => /^\S*node\S* \S*services\/ingestor/.test(command))
  process.kill(Number(ingestor?.pid), 'SIGKILL')
  expect(await start.end()).toBe(1)
  expect(start.output).toMatch(/✗ Ingestor ended \(SIGKILL\)\.\n {2}The end of \.local\/\S*ingestor\.log:\n\{/)
  await nothingIsLeft(processes)
})

test('an unknown argument is not a start', async () => {
  const start = new Command('main.ts', ['--port', '1'])
  expect(await start.end()).toBe(64)
  expect(start.output).toContain('START_KAFKA_BROKERS')
})

test('a Kafka that is given, with an ingestor at work on it: names of its own, and nothing of them is left', async () => {
  const brokers = inject('kafkaBrokers')
  const topics = await testTopics(brokers)
  const atWork = kafkaClient(brokers).consumer({ groupId: 'partoo-ingestor' })
  const isMember = Promise.withResolvers<void>()
  atWork.on('consumer.group_join', () => isMember.resolve())
  await atWork.connect()
  await atWork.subscribe({ topic: topics.names.replies })
  await atWork.run({ eachMessage: async () => {} })
  await isMember.promise
  try {
    const start = new Command('main.ts', [], { START_KAFKA_BROKERS: brokers })
    await start.says(/Ready after [\d.]+ s/, startUp)
    expect(start.output).toContain(`An ingestor is at work in group partoo-ingestor on ${brokers}`)
    const processes = start.descendants()
    expect(await start.end('SIGINT')).toBe(0)
    await nothingIsLeft(processes)
    const left = await withAdmin(kafkaClient(brokers), (admin) => admin.listTopics())
    expect(left.filter((topic) => topic.startsWith('start-'))).toEqual([])
  } finally {
    await atWork.disconnect()
    await withAdmin(kafkaClient(brokers), (admin) => admin.deleteGroups(['partoo-ingestor']))
    await topics.remove()
  }
})
