// Real: the whole tool in this process, HTTP, the committed schemas. Doubled: the registry, by a server that answers as Confluent's
// does, as far as the tool asks. Failure: a change that was not asked for, a part of the subjects changed where one is refused,
// another exit code, a trouble without what to do next, the password in the output.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { schemaText } from '@bridge/schemas/schema-files'
import { expect, onTestFinished, test } from 'vitest'
import { runSchemas } from './run.ts'

const password = 'planted/1'
const planted = /planted|cGxhbnRlZ|OnBsYW50/

type Entry = { id: number; version: number; type: string; text: string }
type Answer = (request: IncomingMessage, response: ServerResponse) => void

type World = {
  url: string
  subjects: Map<string, Entry[]>
  /** Requests that could change something. */
  writes: string[]
  /** Of `check`: subject → what the registry says against it. */
  against: Map<string, string[]>
  /** Of `register`, though `check` said nothing. */
  refusing: Set<string>
  /** In place of the registry. */
  answer: Answer | undefined
  run(line: string, env?: NodeJS.ProcessEnv): Promise<{ code: number; out: string; err: string }>
}

async function world(): Promise<World> {
  const subjects: World['subjects'] = new Map()
  let lastId = 0
  const server = createServer(async (request, response) => {
    const say = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const { authorization } = request.headers
    if (it.answer !== undefined) return it.answer(request, response)
    if (authorization !== undefined && authorization !== `Basic ${btoa(`bridge:${password}`)}`) {
      return say(401, { error_code: 401, message: `Unauthorized: ${authorization}` })
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { schema: text, schemaType: type = 'AVRO' } = JSON.parse(Buffer.concat(chunks).toString()) as Record<
      string,
      string
    >
    const path = decodeURIComponent(request.url?.split('?')[0] ?? '')
    const [, asked, subject = '', versions] =
      /^\/(compatibility\/subjects|subjects)\/([^/]+)(\/versions.*)?$/.exec(path) ?? []
    const entries = subjects.get(subject)
    if (asked === 'compatibility/subjects') {
      const messages = it.against.get(subject)
      if (entries === undefined && messages === undefined) return say(404, { error_code: 40401, message: 'no subject' })
      return say(200, { is_compatible: messages === undefined, messages: messages ?? [] })
    }
    if (asked !== 'subjects') return say(404, { error_code: 404, message: 'HTTP 404 Not Found' })
    const found = entries?.find((each) => each.text === text && each.type === type)
    if (versions === undefined) {
      if (found !== undefined) return say(200, { subject, ...found })
      return say(404, { error_code: entries === undefined ? 40401 : 40403, message: 'not found' })
    }
    it.writes.push(subject)
    if (it.refusing.has(subject)) return say(409, { error_code: 409, message: 'one line\nanother line' })
    lastId += 1
    const entry = { id: lastId, version: (entries?.length ?? 0) + 1, type, text: text ?? '' }
    subjects.set(subject, [...(entries ?? []), entry])
    return say(200, { id: entry.id })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const it: World = {
    url,
    subjects,
    writes: [],
    against: new Map(),
    refusing: new Set(),
    answer: undefined,
    async run(line, env = {}) {
      const said = { out: '', err: '' }
      const code = await runSchemas({
        args: line.split(' '),
        env: { SCHEMA_REGISTRY_URL: url, ...env },
        output: {
          line(text = '') {
            said.out += `${text}\n`
          },
          error(text) {
            said.err += `${text}\n`
          },
          paint: (_, text) => text,
        },
      })
      expect(said.out + said.err).not.toMatch(planted)
      return { code, ...said }
    },
  }
  return it
}

const three = ['outbound-messages-value', 'partoo-delivery-receipts-value', 'partoo-replies-value']
const types = ({ subjects }: World) =>
  [...subjects].map(([name, entries]) => [name, ...entries.map(({ type }) => type)])

test('check, dry run, register, register again, check', async () => {
  const it = await world()
  const before = await it.run('check')
  expect(before).toMatchObject({ code: 1, err: 'Not registered: 3 of 3. `register` does it.\n' })
  expect(before.out).toContain('+ outbound-messages-value (avro): not registered: nothing is there yet\n')
  const dry = await it.run('register --dry-run')
  expect(dry).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Dry run: 3 would be registered') })
  expect(it.writes).toEqual([])

  const done = await it.run('register')
  expect(done).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/Done\.\n$/) })
  expect(done.out).toContain('✓ partoo-replies-value (avro): registered now: id 3, version 1\n')
  expect(it.writes).toEqual(three)
  expect(it.subjects.get('partoo-replies-value')?.[0]).toMatchObject({
    type: 'AVRO',
    text: schemaText('reply', 'avro'),
  })

  expect(await it.run('register')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/Nothing to do\.\n$/) })
  expect(await it.run('register --dry-run')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/Nothing to do\.\n$/),
  })
  const after = await it.run('check')
  expect(after).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/All are registered\.\n$/) })
  expect(after.out).toContain('= outbound-messages-value (avro): registered: id 1, version 1\n')
  expect(it.writes).toHaveLength(3)
})

test('topics by their variables, the bulk topic where it is named, formats of producers and of services', async () => {
  const it = await world()
  const names = { OUTBOUND_TOPIC: 'out', OUTBOUND_BULK_TOPIC: 'bulk', RECEIPTS_TOPIC: 'rec', REPLIES_TOPIC: 'rep' }
  expect(await it.run('register --format protobuf', { ...names, OUTPUT_FORMAT: 'json-schema' })).toMatchObject({
    code: 0,
  })
  expect(types(it)).toEqual([
    ['out-value', 'PROTOBUF'],
    ['bulk-value', 'PROTOBUF'],
    ['rec-value', 'JSON'],
    ['rep-value', 'JSON'],
  ])
  expect(it.subjects.get('bulk-value')?.[0]?.text).toBe(schemaText('outbound-message', 'protobuf'))
  it.subjects.clear()
  await it.run('register --format json-schema --output-format avro --only receipts,outbound')
  expect(types(it)).toEqual([
    ['partoo-delivery-receipts-value', 'AVRO'],
    ['outbound-messages-value', 'JSON'],
  ])
  const moved = await it.run('check --format protobuf --only outbound')
  expect(moved.out).toContain('there as json-schema already: id 6, version 1\n')
})

test('where one is incompatible none is registered, and each reason is a line', async () => {
  const it = await world()
  it.against.set('partoo-replies-value', ['first reason', 'second \u001b[31mreason\nwith a line', password])
  for (const command of ['check', 'register --dry-run', 'register']) {
    const env = { SCHEMA_REGISTRY_USERNAME: 'bridge', SCHEMA_REGISTRY_PASSWORD: password }
    const { code, out, err } = await it.run(command, env)
    expect(code).toBe(1)
    expect(out).toContain(
      '✗ partoo-replies-value (avro): incompatible with what is there\n      first reason\n      second [31mreason with a line\n      ***\n',
    )
    expect(err).toContain(`${it.url}/subjects/partoo-replies-value/versions/latest`)
    if (command === 'register') expect(err).toContain('Nothing was registered: the registry would not take 1 of 3.')
  }
  expect(it.writes).toEqual([])
})

test('a long list of reasons is cut, an empty one is said to be empty', async () => {
  const it = await world()
  it.against.set(
    'partoo-replies-value',
    Array.from({ length: 50 }, (_, n) => `reason ${n}`),
  )
  it.against.set('partoo-delivery-receipts-value', [])
  const { out } = await it.run('check')
  expect(out).toContain('reason 19\n      and 30 more\n')
  expect(out).toContain('the registry tells no reasons')
})

test('refused after all: what follows is not registered, and the rest is told', async () => {
  const it = await world()
  it.refusing.add('partoo-delivery-receipts-value')
  const { code, out, err } = await it.run('register')
  expect(code).toBe(1)
  expect(out).toContain('✓ outbound-messages-value (avro): registered now: id 1, version 1\n')
  expect(out).toContain('was not registered\n      one line\n      another line\n')
  expect(err).toContain('what is registered stays')
  expect([...it.subjects.keys()]).toEqual(['outbound-messages-value'])
})

const page: Answer = (_, response) =>
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in</html>')
const json =
  (status: number, value: unknown): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

test.each<[what: string, answer: Answer, said: RegExp[]]>([
  ['a page of a proxy', page, [/HTTP 200, which is no answer/, /a GET of its \/subjects must answer a JSON list/]],
  ['another service', json(404, { error: 'not found' }), [/HTTP 404, which is no answer/, /\/apis\/ccompat\/v7/]],
  ['a registry of another path', json(404, { error_code: 404, message: 'HTTP 404' }), [/says 404/, /\/subjects must/]],
  [
    'a proxy that redirects',
    (_, response) => response.writeHead(302, { location: '/login' }).end(),
    [/302/, /\/subjects/],
  ],
  ['a login that is asked for', json(401, {}), [/HTTP 401/, /none is set: set SCHEMA_REGISTRY_USERNAME/]],
  ['no right', json(403, { error_code: 40301, message: 'denied' }), [/HTTP 403/, /the right to read and write/]],
  ['a proxy without a registry', (_, response) => response.writeHead(502).end('<html>'), [/HTTP 502/, /see its log/]],
  ['a connection that is cut', (request) => request.socket.destroy(), [/connection failed/, /https where/]],
])('%s: what it is, and what to do', async (_, answer, said) => {
  const it = await world()
  it.answer = answer
  const checked = await it.run('check')
  expect(checked.code).toBe(1)
  for (const pattern of said) expect(checked.err).toMatch(pattern)
  expect(checked.err.split('\n')).toHaveLength(3)
  expect((await it.run('register')).err).toMatch(/Nothing was registered\.\n$/)
})

test('a wrong password, and a registry that is away', async () => {
  const it = await world()
  const wrong = await it.run('check', { SCHEMA_REGISTRY_USERNAME: 'bridge', SCHEMA_REGISTRY_PASSWORD: 'planted-other' })
  expect(wrong).toMatchObject({ code: 1, out: `# Schema registry at ${it.url}, as bridge\n` })
  expect(wrong.err).toMatch(/HTTP 401.*\nCheck SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD/)
  const away = await it.run('check --registry http://127.0.0.1:1')
  expect(away.err).toMatch(/127\.0\.0\.1:1: connection failed \(ECONNREFUSED\)\nNothing listens there/)
  const nowhere = await it.run('check --registry http://no-such-host.invalid')
  expect(nowhere).toMatchObject({ code: 1, err: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) })
})

test.each<[line: string, env: NodeJS.ProcessEnv, code: number, said: string]>([
  ['check --dry-run', {}, 64, 'check takes no --dry-run'],
  ['check --format xml', {}, 64, '--format takes one of these: avro, json-schema, protobuf.'],
  ['check --output-format json', {}, 64, 'Plain JSON has no schema'],
  ['check --only dlq', {}, 64, 'outbound, bulk, receipts, replies'],
  ['check more', {}, 64, 'takes options only'],
  ['delete', {}, 64, 'There are: check, register.'],
  ['check --registry http://u:planted@x', {}, 64, '--registry must be a plain URL'],
  ['check', { SCHEMA_REGISTRY_URL: '' }, 78, 'SCHEMA_REGISTRY_URL is required'],
  ['check', { SCHEMA_REGISTRY_PASSWORD: 'planted' }, 78, 'go together'],
  ['check', { REPLIES_TOPIC: 'outbound-messages' }, 78, 'must differ'],
  ['check --only bulk', {}, 78, 'OUTBOUND_BULK_TOPIC is not set'],
  ['check --output-format protobuf', { OUTPUT_FORMAT: 'avro' }, 78, 'the services would not find it'],
])('%s is told to be wrong', async (line, env, code, said) => {
  const it = await world()
  const run = await it.run(line, env)
  expect(run).toMatchObject({ code, out: '' })
  expect(run.err).toContain(said)
  expect(it.writes).toEqual([])
})
