// Real: Kafka, the ingestor as a process, the dead-letter tool in this process and as one that is killed. Doubled: Partoo, by the
// simulator, whose record is the oracle.
// Failure: a redriven message lost, created twice or out of its conversation's order; a record that goes back otherwise than it was;
// one that goes round in circles; a dry run or a refused command that writes; a text that is shown though nobody asked.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import kafkajs from 'kafkajs'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { dlqTool } from '../support/dlq-tool.ts'
import { Fleet } from '../support/fleet.ts'
import { KafkaProxy } from '../support/kafka-proxy.ts'
import { keepOutput } from '../support/kept-output.ts'
import { Load, type Sent, waitingMessages } from '../support/load.ts'
import { expectOnceInOrder, expectOneAtATime } from '../support/oracle.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const program = join(import.meta.dirname, '../../tools/dlq/src/main.ts')

let fleet: Fleet

beforeEach(async () => {
  fleet = await Fleet.start({ brokers })
})
afterEach(() => fleet.close())

function env(to = brokers): Record<string, string> {
  const { outbound, dlq } = fleet.topics.names
  return { START_KAFKA_BROKERS: to, OUTBOUND_TOPIC: outbound, DLQ_TOPIC: dlq, PARTOO_CHANNEL_ID: 'chat' }
}

async function ends(): Promise<Record<string, number>> {
  const admin = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const count = async (topic: string) =>
      (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0)
    const { outbound, dlq } = fleet.topics.names
    return { outbound: await count(outbound), dlq: await count(dlq) }
  } finally {
    await admin.disconnect()
  }
}

/** Partoo refuses every message of these conversations until the answer is called. */
function refuse(conversations: Iterable<string>): () => void {
  const faults = [...conversations].map((external_conversation_id) =>
    fleet.simulator.state.addFault({
      match: { external_conversation_id },
      effect: { kind: 'answer', status: 422, body: { errors: { content: 'no' } } },
    }),
  )
  return () => {
    for (const { id } of faults) fleet.simulator.state.removeFault(id)
  }
}

const through = () => until('a lag of 0', async () => (await fleet.lag().catch(() => 1)) === 0, 60_000)

test('conversations that were refused are redriven in order while others go on, over Ctrl-C and a kill', async () => {
  const { records, sent } = waitingMessages(800, 7, { name: 'refused' })
  const heal = refuse(sent.keys())
  await fleet.addReady(1)
  await fleet.kafka.produce(fleet.topics.names.outbound, records)
  const load = new Load({ brokers, topic: fleet.topics.names.outbound, conversations: 20, perSecond: 60 })
  try {
    await until('800 dead letters', async () => (await ends()).dlq === 800, 60_000)
    expect(
      fleet.simulator.state.messages().some(({ external_conversation_id: id }) => String(id).startsWith('refused')),
    ).toBe(false)
    heal()

    const dry = await dlqTool(env())('redrive --reason rejected --dry-run')
    expect(dry).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Dry run: nothing was sent.') })
    expect(sum(dry.out.matchAll(/Would go to \S+ partition \d+: (\d+) messages? of \d+ conversations?/g))).toBe(800)
    expect(dry.out).not.toContain('planted')
    expect((await ends()).dlq).toBe(800)

    // Ctrl-C, in the middle.
    const proxy = await KafkaProxy.start(brokers)
    try {
      proxy.slow({ delayMs: 40, bytesPerSecond: 10_000_000 })
      const ended = await redriveProcess(proxy.address, 'SIGINT', async () => ((await ends()).dlq ?? 0) > 800)
      expect(ended.code).toBe(130)
      const done = Number(/Ended before it was done: (\d+) of 800 messages redriven/.exec(ended.err)?.[1])
      expect(done).toBeGreaterThan(0)
      expect(done).toBeLessThan(800)

      // Killed, in the middle of the rest. The next one waits until it is known to be gone.
      const notes = (await ends()).dlq ?? 0
      const killed = await redriveProcess(proxy.address, 'SIGKILL', async () => ((await ends()).dlq ?? 0) > notes)
      expect(killed.code).toBe('SIGKILL')
    } finally {
      await proxy.close()
    }
    const rest = await dlqTool(env())('redrive --reason rejected')
    expect(rest.code).toBe(0)
    expect(rest.err).toBe('Somebody else redrives, or was ended just now: waiting for that…\n')
    const last = Number(/Done: (\d+) of \1 messages redriven/.exec(rest.out)?.[1])
    expect(last).toBeGreaterThan(0)
    expect(last).toBeLessThan(700)
    expect(await dlqTool(env())('redrive --all')).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/Stay: 800, redriven before\nNothing to redrive\.\n$/),
    })
  } finally {
    await load.stop()
  }
  const live = await load.stop()
  const everything: Sent = new Map([...sent, ...live])
  const messages = 800 + [...live.values()].flat().length
  await until(`${messages} messages`, () => fleet.created >= messages, 60_000)
  await through()
  expectOnceInOrder(fleet, everything)
  expectOneAtATime(fleet.simulator.state.calls().filter(({ status }) => status === 200))
})

test('what comes back stays, unless it is asked for again; then it is first in its conversation still', async () => {
  const { records, sent } = waitingMessages(6, 1)
  const [conversation = ''] = sent.keys()
  let heal = refuse([conversation])
  await fleet.addReady(1)
  await fleet.kafka.produce(fleet.topics.names.outbound, records.slice(0, 3))
  await until('3 dead letters', async () => (await ends()).dlq === 3)
  const run = dlqTool(env())
  expect(await run('redrive --all')).toMatchObject({ code: 0, out: expect.stringContaining('Done: 3 of 3 messages') })
  // Three letters, one note, and the three that came back.
  await until('they came back', async () => (await ends()).dlq === 7)
  expect(await run('redrive --all')).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /Stay: 3, redriven before\nStay: 3, redriven before, and put away again: --again .*\nNothing/,
    ),
  })
  await fleet.kafka.produce(fleet.topics.names.outbound, records.slice(3))
  await until('10 dead letters and notes', async () => (await ends()).dlq === 10)
  await through()
  expect(fleet.created).toBe(0)
  heal()
  heal = () => {}
  expect(await run('redrive --all --again')).toMatchObject({ code: 0, out: expect.stringContaining('Done: 6 of 6') })
  await expectAllThroughButRejected(sent)
  expect(await run('list')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/No dead letter\.\nNot shown, as redriven: 9\. --redriven shows them\.\n$/),
  })
})

test('a record goes back as it was, and list and show tell of it without its text', async () => {
  const { outbound } = fleet.topics.names
  const odd = { key: Buffer.from([0, 255, 7]), value: '{"content": "planted text", ' }
  const headers = { trace: ['a', 'b'], binary: Buffer.from([1, 2, 255]), none: '' }
  await fleet.kafka.produce(outbound, [{ ...odd, headers, partition: 2 }])
  await fleet.kafka.produce(outbound, [
    {
      key: 'c',
      value: JSON.stringify({
        external_conversation_id: 'c\u001b[31m',
        external_message_id: '7',
        content: 'planted text',
      }),
    },
  ])
  await fleet.addReady(1)
  await until('2 dead letters', async () => (await ends()).dlq === 2)
  const run = dlqTool(env())

  const listed = await run('list --json')
  const letters = listed.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const letter = letters.find(({ reason }) => reason === 'undecodable')
  expect(letter).toMatchObject({
    channel_id: null,
    attempts: 0,
    redriven: false,
    source: { topic: outbound, partition: 2, offset: 0 },
  })
  expect(letters.find(({ reason }) => reason === 'invalid')).toMatchObject({
    channel_id: 'chat',
    external_conversation_id: 'c\u001b[31m',
    external_message_id: '7',
  })
  const table = await run('list')
  expect(table.out).toMatch(/\nLETTER +PUT AWAY +REASON +HTTP +CHANNEL +CONVERSATION +MESSAGE +WHY\n/)
  expect(table.out).toContain('2 dead letters: 1 undecodable, 1 invalid.\n')
  expect(table.out).not.toContain('\u001b')
  expect((await run('list --reason rejected')).out).toContain('No dead letter.')
  expect((await run('list --limit 1')).out).toContain('Shown are the latest 1')

  const name = String(letter?.letter)
  const shown = await run(`show ${name}`)
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(shown.out).toMatch(/\n {2}came from +\S+, partition 2, offset 0\n/)
  expect(listed.out + table.out + shown.out).not.toContain('planted')
  expect((await run(`show ${name} --value`)).out).toMatch(/\n {2}value +\{"content": "planted text",\n/)
  expect(await run('show 0/999')).toMatchObject({
    code: 1,
    err: '0/999 is no dead letter: list tells which there are.\n',
  })

  expect(await run(`redrive --letter ${name}`)).toMatchObject({
    code: 0,
    out: expect.stringContaining('Done: 1 of 1 message'),
  })
  await until('it is put away again', async () => (await ends()).dlq === 4)
  const [before, after] = (await fleet.kafka.readAll(outbound, fleet.topics.group('outbound-reader'))).filter(
    ({ partition }) => partition === 2,
  )
  expect(after).toEqual({
    ...before,
    offset: 1,
    headers: { ...before?.headers, 'partoo-redriven': '1', 'partoo-redriven-first': `${outbound}/2/0` },
  })
  expect((await run(`show ${name}`)).out).toMatch(/\n {2}redriven +yes\n/)
})

test('two who redrive at once send nothing twice', async () => {
  const { records, sent } = waitingMessages(40, 4)
  const heal = refuse(sent.keys())
  await fleet.addReady(1)
  await fleet.kafka.produce(fleet.topics.names.outbound, records)
  await until('40 dead letters', async () => (await ends()).dlq === 40)
  heal()
  const both = await Promise.all([dlqTool(env())('redrive --all'), dlqTool(env())('redrive --all')])
  const told = both.map(({ code, out, err }) => `${code} ${out}${err}`)
  expect(told.filter((text) => text.includes('Done: 40 of 40 messages'))).toHaveLength(1)
  expect(
    told.filter((text) => /^0 .*Nothing to redrive|^1 .*Somebody else redrives dead letters/s.test(text)),
  ).toHaveLength(1)
  await expectAllThroughButRejected(sent)
  expect((await ends()).outbound).toBe(80)
})

test('a topic that is not there, a broker that is away: one line, and what to do', async () => {
  const absent = await dlqTool({ ...env(), DLQ_TOPIC: `${fleet.topics.prefix}nowhere` })('list')
  expect(absent).toMatchObject({ code: 1, err: expect.stringMatching(/^Kafka at \S+: .*does not exist|does not host/) })
  expect(absent.err.trim().split('\n')).toHaveLength(1)
})

async function expectAllThroughButRejected(sent: Sent): Promise<void> {
  const messages = [...sent.values()].flat().length
  await until(`${messages} messages`, () => fleet.created >= messages)
  await through()
  expectOnceInOrder(fleet, sent)
}

function sum(matches: Iterable<RegExpMatchArray>): number {
  return [...matches].reduce((total, match) => total + Number(match[1]), 0)
}

/** Runs `redrive --reason rejected` as a process of its own, and signals it once `isTime`. */
async function redriveProcess(to: string, signal: NodeJS.Signals, isTime: () => Promise<boolean>) {
  const child = spawn(
    process.execPath,
    ['--disable-warning=TimeoutNegativeWarning', program, 'redrive', '--reason', 'rejected'],
    {
      env: env(to),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  keepOutput(child, 'dlq')
  const said = { out: '', err: '' }
  createInterface(child.stdout).on('line', (line) => (said.out += `${line}\n`))
  createInterface(child.stderr).on('line', (line) => (said.err += `${line}\n`))
  const ended = new Promise<number | string | null>((resolve) => child.on('close', (code, by) => resolve(code ?? by)))
  await until(`time for ${signal}`, isTime, 60_000).finally(() => child.kill(signal))
  return { code: await ended, ...said }
}
