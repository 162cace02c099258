// Real: the reading of variables, of the channels file and of key files. Doubled: the environment. Failure: a wrong value that
// is taken, a problem that is not told with the others, a secret that is shown.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configText } from '@bridge/runtime/config'
import { afterAll, expect, test } from 'vitest'
import { type IngestorConfig, readConfig, shownBesideVariables, variables } from './config.ts'
import { assignmentSettings } from './organizations.ts'

const folder = mkdtempSync(join(tmpdir(), 'ingestor-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'key-43'), 'planted-43\n')

const oneChannel = { KAFKA_BROKERS: 'kafka:9092', PARTOO_API_KEY: 'planted', PARTOO_CHANNEL_ID: 'chat' }

function inFile(text: string): { KAFKA_BROKERS: string; PARTOO_CHANNELS_FILE: string } {
  const path = join(folder, 'channels.yaml')
  writeFileSync(path, text)
  return { KAFKA_BROKERS: 'kafka:9092', PARTOO_CHANNELS_FILE: path }
}

const twoOrganizations = `
organizations:
  - { org_id: 42, api_key: planted-42, channels: [{ channel_id: chat, name: Chat }] }
  - { org_id: 43, api_key_file: key-43, rate_limit_per_minute: 600, channels: [{ channel_id: app }] }
`

function configOf(env: NodeJS.ProcessEnv): IngestorConfig {
  const read = readConfig(env)
  if (read.kind === 'wrong') throw new Error(read.problems.join('\n'))
  return read.config
}

function problemsOf(env: NodeJS.ProcessEnv): string[] {
  const read = readConfig(env)
  return read.kind === 'wrong' ? read.problems : []
}

test('one channel', () => {
  const config = configOf({ ...oneChannel, PARTOO_ORG_ID: '42' })
  expect(config).toMatchObject({
    organizations: [{ name: '42', apiKey: expect.any(Function), limitPerMinute: 300, channels: ['chat'] }],
    topics: { outbound: 'outbound-messages', bulk: null },
    assignment: 'single',
    admittedMax: 65_536,
    benchmarkWithoutReceipts: false,
  })
  expect(config.channels.defaultChannelId).toBe('chat')
  expect(configOf(oneChannel).organizations).toMatchObject([{ name: 'default' }])
})

test('several organizations from the channels file; a missing limit is the variable’s', () => {
  const config = configOf({ ...inFile(twoOrganizations), PARTOO_RATE_LIMIT_PER_MINUTE: '120' })
  expect(config.organizations).toEqual([
    { name: '42', apiKey: expect.any(Function), limitPerMinute: 120, channels: ['chat'] },
    { name: '43', apiKey: expect.any(Function), limitPerMinute: 600, channels: ['app'] },
  ])
  expect(config.channels.byId.get('chat')).toEqual({ organization: '42', name: 'Chat' })
  expect(config.channels.defaultChannelId).toBeNull()
})

test('the only channel of the file is the default', () => {
  const only = inFile('organizations: [{ org_id: 42, api_key: k, channels: [{ channel_id: chat }] }]')
  expect(configOf(only).channels.defaultChannelId).toBe('chat')
})

test('everything that is wrong with the file, and with the variables beside it, at once', () => {
  const env = {
    ...inFile(`${twoOrganizations}  - { org_id: 42, api_key: planted, channels: [{ channel_id: app }] }`),
    PARTOO_API_KEY: 'planted',
    PARTOO_CHANNEL_ID: 'chat',
    PARTOO_ORG_ID: '4 2',
    PARTOO_BURST: 'many',
  }
  expect(problemsOf(env)).toEqual([
    "PARTOO_ORG_ID must be an organization's id",
    'PARTOO_BURST must be a whole number from 1 to 100000',
    'PARTOO_CHANNELS_FILE: organizations[2].org_id is the same as organizations[0].org_id',
    'PARTOO_CHANNELS_FILE: organizations[2].channels[0].channel_id is the same as organizations[1].channels[0].channel_id',
    'PARTOO_API_KEY and PARTOO_CHANNELS_FILE are both set: set one of them',
    'PARTOO_CHANNEL_ID and PARTOO_CHANNELS_FILE are both set: set one of them',
    'PARTOO_ORG_ID and PARTOO_CHANNELS_FILE are both set: set one of them',
  ])
  const keyFile = { ...inFile(twoOrganizations), PARTOO_API_KEY_FILE: join(folder, 'key-43') }
  expect(problemsOf(keyFile)).toEqual(['PARTOO_API_KEY_FILE and PARTOO_CHANNELS_FILE are both set: set one of them'])
  const none = join(folder, 'none.yaml')
  expect(problemsOf({ KAFKA_BROKERS: 'kafka:9092', PARTOO_CHANNELS_FILE: none })).toEqual([
    `PARTOO_CHANNELS_FILE: ${none} cannot be read (ENOENT)`,
  ])
})

test.each(
  Object.entries(variables).flatMap(([name, { secret }]) =>
    secret ? [`${name}_FILE`] : name.endsWith('_FILE') ? [name] : [],
  ),
)('a secret put into %s, where the name of its file belongs, is not shown', (name) => {
  for (const value of ['planted/abc', '-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----']) {
    const env = { KAFKA_BROKERS: 'kafka:9092', [name]: value }
    const problems = problemsOf(env)
    expect(problems.join('\n')).toContain(`${name.replace(/_FILE$/, '')}`)
    expect(problems.join('\n')).not.toContain('planted')
    expect(configText(variables, env, problems)).not.toContain('planted')
  }
})

test('records that are held must fit the memory, and the heap', () => {
  const mebibyte = 1024 * 1024
  const problems = (admitted: number, [all, heap]: [number, number]) => {
    const memory = { heapBytes: heap * mebibyte, bytes: all * mebibyte }
    const read = readConfig({ ...oneChannel, ADMITTED_BYTES_MAX: String(admitted * mebibyte) }, memory)
    return read.kind === 'wrong' ? read.problems : []
  }
  // As Node 24 has it in containers of 256, 512 and 1,024 MiB.
  const [small, middle, large] = [
    [256, 259],
    [512, 259],
    [1_024, 560],
  ] as [[number, number], [number, number], [number, number]]
  expect([problems(64, small), problems(128, middle), problems(384, large)]).toEqual([[], [], []])
  expect(problems(128, small)).toEqual([
    'ADMITTED_BYTES_MAX needs 304 MiB of memory, and this process may have 256: give it more, or lower it',
  ])
  expect(problems(256, middle)).toEqual([
    'ADMITTED_BYTES_MAX needs a heap of 352 MiB, and Node takes less, half of the memory that there is: ' +
      'set NODE_OPTIONS=--max-old-space-size=352, or lower it',
  ])
})

test('a key that is set wrongly is not told as missing too', () => {
  expect(problemsOf({ ...oneChannel, PARTOO_API_KEY: 'two words' })).toEqual([
    'PARTOO_API_KEY must be printable ASCII without spaces',
  ])
})

test('--config shows the file as it is understood, without keys, and nothing of one that is wrong', () => {
  const shown = [
    '  organization 42: key ***, limit 300 a minute (PARTOO_RATE_LIMIT_PER_MINUTE), channels chat (Chat)',
    '  organization 43: key ***, limit 600 a minute, channels app',
  ]
  expect(shownBesideVariables(inFile(twoOrganizations), undefined)).toEqual(shown)
  expect(shownBesideVariables(inFile('planted'), undefined)).toEqual([])
  expect(shownBesideVariables(oneChannel, undefined)).toEqual([])
  const inForce = 'In force: assignment single, API at https://api.partoo.co/v2'
  expect(shownBesideVariables(inFile(twoOrganizations), configOf(inFile(twoOrganizations)))).toEqual([
    ...shown,
    '',
    inForce,
  ])
})

test('topics differ, the one for bulk too', () => {
  expect(configOf({ ...oneChannel, OUTBOUND_BULK_TOPIC: 'bulk' }).topics.bulk).toBe('bulk')
  expect(problemsOf({ ...oneChannel, OUTBOUND_BULK_TOPIC: 'outbound-messages' })).toEqual([
    'OUTBOUND_TOPIC, OUTBOUND_BULK_TOPIC, DLQ_TOPIC and RECEIPTS_TOPIC must differ',
  ])
})

test.each([
  ['auto', [300], 'single'],
  ['auto', [60_000], 'single'],
  ['auto', [60_000, 1], 'spread'],
  ['auto', [300, 0], 'spread'],
  ['single', [0], 'single'],
  ['spread', [300], 'spread'],
])('assignment %s with limits %j is %s', (INGESTOR_ASSIGNMENT, limits, assignment) => {
  const organizations = limits.map(
    (limit, i) => `{ org_id: ${i}, api_key: k, rate_limit_per_minute: ${limit}, channels: [{ channel_id: c${i} }] }`,
  )
  const env = inFile(`organizations: [${organizations.join(', ')}]`)
  expect(configOf({ ...env, INGESTOR_ASSIGNMENT })).toMatchObject({ assignment })
})

test('the settings that decide the assignment are the same text in whatever order, and hold no key', () => {
  const settings = (organizations: IngestorConfig['organizations'], topics: string[]) =>
    assignmentSettings({ topics, organizations, burst: 20 })
  const { organizations } = configOf(inFile(twoOrganizations))
  const text = settings(organizations, ['a', 'b'])
  expect(settings(organizations.toReversed(), ['b', 'a'])).toBe(text)
  expect(JSON.parse(text)).toEqual({ topics: ['a', 'b'], organizations: ['42', '43'], limits: [300, 600], burst: 20 })
})

test('leaving receipts out is refused where it is not meant for measuring', () => {
  const env = { ...oneChannel, BENCHMARK_WITHOUT_RECEIPTS: 'true' }
  expect(problemsOf({ ...env, NODE_ENV: 'production' })).toEqual([
    'BENCHMARK_WITHOUT_RECEIPTS is for measuring only: it may lose messages, and needs NODE_ENV=benchmark',
  ])
  expect(problemsOf(env)).toHaveLength(1)
  expect(configOf({ ...env, NODE_ENV: 'benchmark' }).benchmarkWithoutReceipts).toBe(true)
})

test('brokers are addresses and nothing else; a channel’s id is one in a path', () => {
  for (const KAFKA_BROKERS of ['user:planted@kafka:9092', 'kafka:99999', 'kafka', 'ssl://kafka:9092']) {
    expect(problemsOf({ ...oneChannel, KAFKA_BROKERS })).toEqual(['KAFKA_BROKERS must be host:port, comma-separated'])
  }
  for (const PARTOO_CHANNEL_ID of ['..', '.', '\ud800']) {
    expect(problemsOf({ ...oneChannel, PARTOO_CHANNEL_ID })).toEqual(["PARTOO_CHANNEL_ID must be a channel's id"])
  }
})
