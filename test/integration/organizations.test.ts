// Real: Kafka, the ingestor as a process of its own with a channels file of three organizations and a bulk topic, HTTP.
// Doubled: Partoo, by the simulator: each organization with its own key and limit there; its record is the oracle.
// Failure: an organization, a channel or a business that delays another one; messages of one that cannot be served lost,
// dead-lettered, created twice or out of order; more than probes to it; a suspension that metrics and logs do not tell, or
// tell once a message, or that needs a restart to end; bulk messages starved, or served before the others; a key in any output.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Call } from '@bridge/partoo-simulator/calls'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { json } from '../support/kafka.ts'
import { keepText } from '../support/kept-output.ts'
import { type Sent, waitingMessages } from '../support/load.ts'
import { expectAllThrough, expectLimitKept, expectOnceInOrder, total } from '../support/oracle.ts'
import type { ServiceProcess } from '../support/service.ts'
import { until } from '../support/wait.ts'

const brokers = inject('kafkaBrokers')
const keys = { first: 'planted-key-of-first', second: 'planted-key-of-second', third: 'planted-key-of-third' }
/** Calls a minute. The third's is the one that is reached. */
const limits = { first: 1_200, second: 3_000, third: 600 }
/** A timer may be early, and a clock is read a little after what it tells of. */
const toleranceMs = 20
let fleet: Fleet

beforeEach(async () => {
  fleet = await Fleet.start({
    brokers,
    // What waits for one organization is before what another's comes after, in the same partition.
    partitions: 1,
    bulk: true,
    organizations: [
      { orgId: 1, apiKey: keys.first, limitPerMinute: limits.first, channels: ['first-chat', 'first-app'] },
      { orgId: 2, apiKey: keys.second, limitPerMinute: limits.second, channels: ['second-chat'] },
      { orgId: 3, apiKey: keys.third, limitPerMinute: limits.third, channels: ['third-chat'] },
    ],
  })
})

afterEach(async () => {
  await fleet.close()
})

type Waiting = ReturnType<typeof waitingMessages>

/** Produces to the outbound topic: all of the first, then all of the second, and so on. @returns what was sent together */
async function produce(...parts: Waiting[]): Promise<Sent> {
  await fleet.kafka.produce(
    fleet.outbound,
    parts.flatMap(({ records }) => records),
  )
  return together(parts)
}

function together(parts: readonly Waiting[]): Sent {
  return new Map(parts.flatMap(({ sent }) => [...sent]))
}

async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const ingestor = await fleet.add(env)
  await ingestor.ready()
  return ingestor
}

/** A key that is not valid is nobody's, so the record knows such calls by their channel. */
function calls(channel: string): Call[] {
  return fleet.simulator.state.calls({ channel_id: channel })
}

function createdOn(channel: string): number {
  return fleet.simulator.state.calls({ channel_id: channel, effect: 'accepted' }).length
}

function answerAll(match: { org_id?: number; channel_id?: string; business_id?: string }, status: number): () => void {
  const { id } = fleet.simulator.state.addFault({ match, effect: { kind: 'answer', status } })
  return () => void fleet.simulator.state.removeFault(id)
}

function perMinute(list: readonly Call[]): number {
  const [first, last] = [list[0], list.at(-1)]
  if (first === undefined || last === undefined || first === last) throw new Error('a rate needs two calls')
  return ((list.length - 1) * 60_000) / (last.at_ms - first.at_ms)
}

/** The waits between the first call and those that came so much later, and between those, in milliseconds. */
function gapsMs(list: readonly Call[], afterFirstMs: number): number[] {
  const firstMs = list[0]?.at_ms ?? 0
  const times = [firstMs, ...list.map(({ at_ms }) => at_ms).filter((ms) => ms > firstMs + afterFirstMs)]
  return times.slice(1).map((ms, i) => ms - (times[i] ?? 0))
}

/** Log lines about suspensions: which, of what, and how loud. */
function suspensionsTold(ingestor: ServiceProcess): unknown[] {
  return ingestor.log
    .filter(({ scope, msg }) => scope !== undefined && msg !== 'partition stuck')
    .map(({ scope, organization, channel_id, business_id, level, msg }) => {
      const which = [scope, organization, channel_id, business_id].filter((part) => part !== undefined).join(' ')
      return `${which}: ${/probe at a time/.test(String(msg)) ? 'begun' : 'over'}, ${level}`
    })
}

function suspended(ingestor: ServiceProcess, channel: string, scope: string): Promise<number> {
  return fleet.gauge(ingestor, 'partoo_suspended', `channel="${channel}",scope="${scope}"`)
}

async function deadLetters(): Promise<{ id: unknown; reason: string | undefined; status: string | undefined }[]> {
  const { kafka, topics } = fleet
  const letters = await kafka.readAll(topics.names.dlq, topics.group('reader-dlq'))
  return letters.map((letter) => ({
    id: json(letter).external_message_id,
    reason: letter.headers['partoo-dlq-reason'],
    status: letter.headers['partoo-dlq-http-status'],
  }))
}

test('a revoked key and an outage: the third organization goes at full speed, and all of theirs comes through afterwards', async () => {
  const { state } = fleet.simulator
  state.changeOrganization(1, { revoke_keys: [keys.first] })
  const endOutage = answerAll({ org_id: 2 }, 503)
  const sent = await produce(
    waitingMessages(20, 10, { name: 'first', channel: 'first-chat' }),
    waitingMessages(20, 10, { name: 'first-app', channel: 'first-app' }),
    waitingMessages(120, 30, { name: 'second', channel: 'second-chat' }),
    waitingMessages(100, 20, { name: 'third', channel: 'third-chat' }),
  )
  const ingestor = await start()

  await until('half of the third’s messages created', () => createdOn('third-chat') >= 50)
  const waited = async (cause: string) => fleet.gauge(ingestor, 'partoo_wait_seconds_total', `cause="${cause}"`)
  const waitedBefore = { suspension: await waited('suspension'), outage: await waited('outage') }
  for (const channel of ['first-chat', 'first-app']) expect(await suspended(ingestor, channel, 'credential')).toBe(1)
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(2)
  expect(await fleet.gauge(ingestor, 'partoo_outage', 'organization="2"')).toBe(1)
  expect(await fleet.gauge(ingestor, 'partoo_outage')).toBe(1)
  expect(await fleet.gauge(ingestor, 'partoo_partition_stuck_seconds', 'cause="suspension"')).toBeGreaterThan(1)
  expect((await ingestor.readiness()).status).toBe(200)

  await until('all of the third’s messages created', () => createdOn('third-chat') === 100)
  const thirds = calls('third-chat')
  const firsts = [...calls('first-chat'), ...calls('first-app')].toSorted((a, b) => a.at_ms - b.at_ms)
  const seconds = calls('second-chat')
  expect(thirds).toHaveLength(100)
  expect(perMinute(thirds)).toBeGreaterThan(limits.third * 0.97)
  // One that is refused, and its probes after 5 s, 10 s more …; 20 that fail, and their probes after 1 s, 2 s more ….
  expect(firsts.map(({ status }) => status)).toContain(401)
  expect(firsts.length).toBeGreaterThanOrEqual(2)
  expect(firsts.length).toBeLessThan(8)
  expect(Math.min(...gapsMs(firsts, 1_000))).toBeGreaterThan(5_000 - toleranceMs)
  expect(seconds.length).toBeGreaterThan(20)
  expect(seconds.length).toBeLessThan(45)
  expect(Math.min(...gapsMs(seconds.slice(19), 500))).toBeGreaterThan(1_000 - toleranceMs)
  expect([...firsts, ...seconds].filter(({ effect }) => effect !== 'none')).toEqual([])
  // Nothing is committed past the first record, which is the first organization's.
  expect(await fleet.lag()).toBeGreaterThanOrEqual(total(sent))
  expect(await waited('suspension')).toBeGreaterThan(waitedBefore.suspension + 10)
  expect(await waited('outage')).toBeGreaterThan(waitedBefore.outage + 10)
  expect(suspensionsTold(ingestor).toSorted()).toEqual(['credential 1: begun, warn', 'outage 2: begun, warn'])
  // Of what else is loud about their messages there is a line a call, and so few.
  const loud = ingestor.log.filter((line) => line.level !== 'info' && line.external_message_id !== undefined)
  expect(loud.length).toBeLessThan(8 + 45)

  state.changeOrganization(1, { restore_keys: [keys.first] })
  endOutage()
  const through = await expectAllThrough(fleet, sent, 30_000)
  expect(through).toMatchObject({ repeatedCalls: 0, repeatedReceipts: 0 })
  for (const [orgId, limit] of Object.values(limits).entries()) expectLimitKept(fleet, limit, orgId + 1)
  expect(await deadLetters()).toEqual([])
  expect(await fleet.gauge(ingestor, 'partoo_dead_letters_total')).toBe(0)
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(0)
  expect(await fleet.gauge(ingestor, 'partoo_outage')).toBe(0)
  expect(suspensionsTold(ingestor).toSorted()).toEqual([
    'credential 1: begun, warn',
    'credential 1: over, info',
    'outage 2: begun, warn',
    'outage 2: over, info',
  ])
  expect(fleet.replicas).toEqual([ingestor])
})

test('an organization whose calls hang leaves a quarter of the calls at once, and another goes at full speed on that', async () => {
  const hang = fleet.simulator.state.addFault({ match: { org_id: 2 }, effect: { kind: 'hang', when: 'before' } })
  const sent = await produce(
    waitingMessages(120, 60, { name: 'second', channel: 'second-chat' }),
    waitingMessages(50, 10, { name: 'third', channel: 'third-chat' }),
  )
  const ingestor = await start({ PARTOO_MAX_IN_FLIGHT: '8', PARTOO_TIMEOUT_MS: '8000' })
  await until('all of the third’s messages created', () => createdOn('third-chat') === 50)
  expect(perMinute(calls('third-chat'))).toBeGreaterThan(limits.third * 0.97)
  expect(await fleet.gauge(ingestor, 'partoo_in_flight')).toBeGreaterThan(0)
  expect(calls('second-chat').filter(({ ended_ms }) => ended_ms === null).length).toBeLessThanOrEqual(6)
  fleet.simulator.state.removeFault(hang.id)
  await expectAllThrough(fleet, sent, 30_000)
  expect(await deadLetters()).toEqual([])
})

test('403 on one channel: its messages wait, the other channel of its organization goes on', async () => {
  const allow = answerAll({ channel_id: 'first-chat' }, 403)
  const sent = await produce(
    waitingMessages(60, 12, { name: 'chat', channel: 'first-chat', businesses: ['b1', 'b2', 'b3', 'b4'] }),
    waitingMessages(40, 10, { name: 'app', channel: 'first-app', businesses: ['b1', 'b2', 'b3', 'b4'] }),
  )
  const ingestor = await start()
  await until('all of the other channel’s messages created', () => createdOn('first-app') === 40)
  const refused = calls('first-chat')
  expect(perMinute(calls('first-app'))).toBeGreaterThan(limits.first * 0.9)
  expect(await suspended(ingestor, 'first-chat', 'channel')).toBe(1)
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(1)
  expect(refused.length).toBeLessThan(12)
  const told = suspensionsTold(ingestor)
  expect(told.filter((line) => line === 'channel 1 first-chat: begun, warn')).toHaveLength(1)
  expect(told.filter((line) => /first-app|credential|outage/.test(String(line)))).toEqual([])
  allow()
  expect(await expectAllThrough(fleet, sent, 20_000)).toMatchObject({ repeatedCalls: 0, repeatedReceipts: 0 })
  expect(await deadLetters()).toEqual([])
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(0)
  expect(suspensionsTold(ingestor).filter((line) => line === 'channel 1 first-chat: over, info')).toHaveLength(1)
})

test('403 for one business: it waits; only a message refused again, while others are accepted, is put away', async () => {
  const allow = answerAll({ org_id: 2, business_id: 'closed' }, 403)
  const sent = await produce(
    waitingMessages(3, 1, { name: 'closed', channel: 'second-chat', businesses: ['closed'] }),
    waitingMessages(60, 10, { name: 'open', channel: 'second-chat', businesses: ['b1', 'b2'] }),
  )
  const ingestor = await start()
  await until('all of the other businesses’ messages created', () => createdOn('second-chat') === 60)
  expect(perMinute(calls('second-chat'))).toBeGreaterThan(limits.second * 0.9)
  expect(await suspended(ingestor, 'second-chat', 'business')).toBe(1)
  const refused = () => fleet.simulator.state.calls({ business_id: 'closed', status: 403 })
  expect(refused()).toHaveLength(1)
  expect(suspensionsTold(ingestor)).toEqual(['business 2 second-chat closed: begun, warn'])
  await until('it refused again', () => refused().length === 2)
  allow()
  const theRest = new Map([...sent, ['closed-0', ['closed-0/1', 'closed-0/2']]])
  await until('the rest created', () => fleet.created === 62)
  await until('a lag of 0', async () => (await fleet.lag()) === 0)
  expectOnceInOrder(fleet, theRest)
  expect(await deadLetters()).toEqual([{ id: 'closed-0/0', reason: 'rejected', status: '403' }])
  expect(refused().map((call) => call.external_message_id)).toEqual(['closed-0/0', 'closed-0/0'])
  expect(gapsMs(refused(), 0)[0]).toBeGreaterThan(5_000 - toleranceMs)
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(0)
  expect(suspensionsTold(ingestor)).toEqual([
    'business 2 second-chat closed: begun, warn',
    'business 2 second-chat closed: over, info',
  ])
})

test('400 for all of a channel: from the twentieth in a row on messages are kept; among accepted ones each is put away', async () => {
  const fix = answerAll({ business_id: 'refused' }, 400)
  const sent = await produce(
    // The channel has no other business …
    waitingMessages(60, 10, { name: 'chat', channel: 'first-chat', businesses: ['refused'] }),
    // … and here every other conversation is accepted.
    waitingMessages(60, 10, { name: 'mixed', channel: 'second-chat', businesses: ['refused', 'open'] }),
    waitingMessages(20, 10, { name: 'app', channel: 'first-app' }),
  )
  const ingestor = await start()
  await until('the other channels done', () => calls('second-chat').length === 60 && createdOn('first-app') === 20)
  await until('the channel suspended', async () => (await suspended(ingestor, 'first-chat', 'channel')) === 1)
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(1)
  expect(createdOn('second-chat')).toBe(30)
  await until(
    '30 and 19 put away',
    async () => (await fleet.gauge(ingestor, 'partoo_dead_letters_total', 'rejected')) === 49,
  )
  expect(suspensionsTold(ingestor)).toEqual(['channel 1 first-chat: begun, warn'])
  fix()
  await until('the rest created', () => fleet.created === 30 + 20 + 60 - 19)
  await until('a lag of 0', async () => (await fleet.lag()) === 0)
  const dead = await deadLetters()
  expect(dead).toHaveLength(49)
  expect(new Set(dead.map(({ reason, status }) => `${reason} ${status}`))).toEqual(new Set(['rejected 400']))
  // Each is either there or put away, and those that are there are in order.
  const away = new Set(dead.map(({ id }) => String(id)))
  const rest = [...sent].map(([conversation, ids]) => [conversation, ids.filter((id) => !away.has(id))] as const)
  expectOnceInOrder(fleet, new Map(rest.filter(([, ids]) => ids.length > 0)))
  expect(await fleet.gauge(ingestor, 'partoo_suspended')).toBe(0)
  expect(suspensionsTold(ingestor)).toEqual(['channel 1 first-chat: begun, warn', 'channel 1 first-chat: over, info'])
})

test('a bulk topic: one call in ten while both wait, all of them when the other is empty', async () => {
  const { kafka, bulk, outbound } = fleet
  if (bulk === null) throw new Error('the fleet has a bulk topic')
  const ordinary = waitingMessages(400, 100, { name: 'ordinary', channel: 'second-chat' })
  const campaign = waitingMessages(150, 50, { name: 'campaign', channel: 'second-chat' })
  await kafka.produce(outbound, ordinary.records)
  await kafka.produce(bulk, campaign.records)
  await start()
  const through = await expectAllThrough(fleet, together([ordinary, campaign]), 30_000)
  expect(through).toMatchObject({ repeatedCalls: 0, repeatedReceipts: 0 })
  expectLimitKept(fleet, limits.second, 2)
  const all = calls('second-chat')
  const isBulk = (call: Call) => call.external_conversation_id?.startsWith('campaign') === true
  // Either topic may be the first to be read.
  const bothFrom = Math.max(
    all.findIndex(isBulk),
    all.findIndex((call) => !isBulk(call)),
  )
  const ordinaryLast = all.findLastIndex((call) => !isBulk(call))
  const both = all.slice(bothFrom, ordinaryLast + 1)
  expect(both.length).toBeGreaterThan(350)
  for (let from = 0; from + 100 <= both.length; from += 20) {
    const share = both.slice(from, from + 100).filter(isBulk).length
    expect(share, `of 100 calls from ${from} on`).toBeGreaterThanOrEqual(5)
    expect(share, `of 100 calls from ${from} on`).toBeLessThanOrEqual(15)
  }
  const after = all.slice(ordinaryLast)
  expect(after.length).toBeGreaterThan(80)
  expect(perMinute(after)).toBeGreaterThan(limits.second * 0.9)
  const { names, group } = fleet.topics
  const receipts = (await kafka.readAll(names.receipts, group('reader-sources'))).map(json)
  const fromBulk = receipts.filter(({ source }) => (source as { topic: string }).topic === bulk)
  expect(fromBulk.map((receipt) => receipt.external_message_id).toSorted()).toEqual(
    [...campaign.sent.values()].flat().toSorted(),
  )
})

test('no key is in any output: logs to the last detail, --config, metrics, readiness, receipts, the channels file at fault', async () => {
  const main = join(import.meta.dirname, '../../services/ingestor/src/main.ts')
  const run = (env: Record<string, string>, ...args: string[]) => {
    const options = { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: 20_000 } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], options)
    keepText('ingestor', stdout + stderr)
    return { status, output: stdout + stderr }
  }
  const shown = run(fleet.env, '--config')
  expect(shown.status).toBe(0)
  expect(shown.output).toContain('organization 3: key ***, limit 600 a minute, channels third-chat')
  expect(shown.output).not.toContain('planted')
  // A key in place of the file that holds it.
  const wrong = await Fleet.start({
    brokers,
    organizations: [{ orgId: 1, apiKey: 'planted key with spaces', limitPerMinute: 60, channels: ['chat'] }],
  })
  const refused = run(wrong.env)
  await wrong.close()
  expect(refused.status).toBe(78)
  expect(refused.output).toContain('PARTOO_CHANNELS_FILE: organizations[0].api_key_file names a file whose content')
  expect(refused.output).not.toContain('planted')

  fleet.simulator.state.changeOrganization(1, { revoke_keys: [keys.first] })
  answerAll({ org_id: 2 }, 400)
  await produce(
    waitingMessages(4, 2, { name: 'first', channel: 'first-chat' }),
    waitingMessages(4, 2, { name: 'second', channel: 'second-chat' }),
    waitingMessages(4, 2, { name: 'third', channel: 'third-chat' }),
  )
  const ingestor = await start({ LOG_LEVEL: 'trace' })
  await until('a call with each key', () =>
    ['first-chat', 'second-chat', 'third-chat'].every((channel) =>
      calls(channel).some(({ status }) => status !== null),
    ),
  )
  await until('4 put away', async () => (await fleet.gauge(ingestor, 'partoo_dead_letters_total')) === 4)
  const { text } = await ingestor.readiness()
  const metrics = await ingestor.metrics()
  const { kafka, topics } = fleet
  const reads = await Promise.all(
    [topics.names.receipts, topics.names.dlq].map((topic) => kafka.readAll(topic, topics.group(`reader-${topic}`))),
  )
  const published = reads.flat().map(({ value, headers }) => `${value?.toString()} ${JSON.stringify(headers)}`)
  expect(await ingestor.end('SIGTERM')).toBe(0)
  expect(ingestor.output).toContain('credential suspended')
  // Texts of messages are planted too; dead letters have theirs.
  expect(`${ingestor.output}${metrics}${text}`).not.toContain('planted')
  for (const key of Object.values(keys)) expect(published.join('\n')).not.toContain(key)
})
