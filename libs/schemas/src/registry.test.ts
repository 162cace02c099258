// Real: the client, HTTP on loopback. Doubled: the registry, by a server that answers what the test says.
// Failure: an answer of something else taken for the registry's word, a call without an end, a password in a text.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Registry } from './registry.ts'

type Handler = (request: IncomingMessage & { body: string }, response: ServerResponse) => void

let server: Server
let registry: Registry
let handle: Handler
let asked: { line: string; authorization: string | undefined; body: string }[]

beforeEach(async () => {
  asked = []
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      asked.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization, body })
      handle(Object.assign(request, { body }), response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  registry = registryAt((server.address() as AddressInfo).port)
})

afterEach(async () => {
  await registry.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function registryAt(port: number, timeoutMs = 2_000): Registry {
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  return new Registry({ url, username: 'bridge', password: () => 'planted-secret', timeoutMs })
}

const answer =
  (status: number, body: unknown): Handler =>
  (_, response) =>
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))

const own = { type: 'JSON', text: '{"type":"object"}' } as const

test('a schema is told with its type, Avro where none is named, and asked for with the credentials', async () => {
  handle = answer(200, { schema: '"string"' })
  expect(await registry.fetchSchema(3)).toEqual({
    kind: 'fetched',
    schema: { type: 'AVRO', text: '"string"', references: [] },
  })
  const authorization = `Basic ${Buffer.from('bridge:planted-secret').toString('base64')}`
  expect(asked).toEqual([{ line: 'GET /apis/ccompat/v7/schemas/ids/3', authorization, body: '' }])
})

test('what it refers to comes with it, what is needed first comes first, each once, in a circle too', async () => {
  const reference = (name: string) => ({ name, subject: `s/${name}`, version: 1 })
  const schemas: Record<string, unknown> = {
    '/schemas/ids/1': { schemaType: 'PROTOBUF', schema: 'top', references: [reference('a'), reference('b')] },
    '/subjects/s%2Fa/versions/1': { schemaType: 'PROTOBUF', schema: 'A', references: [reference('b')] },
    '/subjects/s%2Fb/versions/1': { schemaType: 'PROTOBUF', schema: 'B', references: [reference('a')] },
  }
  handle = (request, response) =>
    answer(200, schemas[(request.url ?? '').replace('/apis/ccompat/v7', '')])(request, response)
  const fetched = await registry.fetchSchema(1)
  expect(fetched).toEqual({
    kind: 'fetched',
    schema: {
      type: 'PROTOBUF',
      text: 'top',
      references: [
        { name: 'b', type: 'PROTOBUF', text: 'B' },
        { name: 'a', type: 'PROTOBUF', text: 'A' },
      ],
    },
  })
})

test('only the registry’s own word says that an id is unknown', async () => {
  handle = answer(404, { error_code: 40403, message: 'Schema not found' })
  expect(await registry.fetchSchema(1)).toEqual({ kind: 'unknown' })
  for (const [status, body] of [
    [404, '<html>planted page of a proxy</html>'],
    [404, { detail: 'Not Found' }],
    [200, '<html></html>'],
    [200, { schemaType: 'COBOL', schema: '' }],
    [302, ''],
    [500, { error_code: 50001, message: 'store failed' }],
    [503, ''],
    [401, { error_code: 401, message: 'Unauthorized' }],
    [403, ''],
  ] as const) {
    handle = answer(status, body)
    const fetched = await registry.fetchSchema(1)
    expect(fetched, String(status)).toMatchObject({ kind: 'unavailable' })
    expect(JSON.stringify(fetched)).not.toMatch(/planted/)
  }
})

test('a wrong password is named as such, and not shown', async () => {
  handle = answer(401, { error_code: 401, message: 'Unauthorized' })
  expect(await registry.lookUp('s', own)).toEqual({
    kind: 'unavailable',
    because: 'HTTP 401: the user name or the password is wrong',
  })
})

test('a reference that the registry does not have, or an answer that is too large: the schema cannot be used', async () => {
  handle = (request, response) =>
    request.url?.includes('/subjects/')
      ? answer(404, { error_code: 40402, message: 'Version not found' })(request, response)
      : answer(200, { schema: 'x', references: [{ name: 'a', subject: 'a', version: 2 }] })(request, response)
  expect(await registry.fetchSchema(1)).toEqual({
    kind: 'unusable',
    because: 'it refers to version 2 of a, which the registry does not have',
  })
  handle = answer(200, { schema: 'x'.repeat(5 * 1_048_576) })
  expect(await registry.fetchSchema(1)).toMatchObject({ kind: 'unusable' })
})

test('looking up tells id and version, or that it is not registered', async () => {
  handle = answer(200, { subject: 't-value', id: 4, version: 2, schema: '' })
  expect(await registry.lookUp('t-value', own)).toEqual({ kind: 'registered', id: 4, version: 2 })
  expect(asked[0]).toMatchObject({ line: 'POST /apis/ccompat/v7/subjects/t-value' })
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ schema: own.text, schemaType: 'JSON' })
  for (const code of [40401, 40403]) {
    handle = answer(404, { error_code: code, message: 'not found' })
    expect(await registry.lookUp('t-value', own)).toEqual({ kind: 'not-registered' })
  }
})

test('registering: the id, or why not', async () => {
  handle = answer(200, { id: 4 })
  expect(await registry.register('t-value', { type: 'AVRO', text: '"string"' })).toEqual({ kind: 'registered', id: 4 })
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ schema: '"string"' })
  handle = answer(409, { error_code: 409, message: 'incompatible\nfield x' })
  expect(await registry.register('t', own)).toEqual({ kind: 'incompatible', because: ['incompatible', 'field x'] })
  handle = answer(422, { error_code: 42201, message: 'Invalid schema' })
  expect(await registry.register('t', own)).toEqual({ kind: 'refused', because: 'Invalid schema' })
})

test('checking changes nothing, and tells compatible, incompatible or new', async () => {
  handle = answer(200, { is_compatible: true })
  expect(await registry.check('t', own)).toEqual({ kind: 'compatible' })
  expect(asked[0]?.line).toBe('POST /apis/ccompat/v7/compatibility/subjects/t/versions/latest?verbose=true')
  handle = answer(200, { is_compatible: false, messages: ['field x'] })
  expect(await registry.check('t', own)).toEqual({ kind: 'incompatible', because: ['field x'] })
  handle = answer(404, { error_code: 40401, message: 'Subject not found' })
  expect(await registry.check('t', own)).toEqual({ kind: 'new-subject' })
})

test('a registry that says nothing, breaks off or is not there: unavailable, in time', async () => {
  const silent = registryAt((server.address() as AddressInfo).port, 100)
  handle = () => {}
  expect(await silent.fetchSchema(1)).toEqual({ kind: 'unavailable', because: 'no answer in 100 ms' })
  handle = (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{')
    setImmediate(() => response.destroy())
  }
  expect(await silent.fetchSchema(1)).toMatchObject({ kind: 'unavailable' })
  await silent.close()
  const absent = registryAt(1)
  expect(await absent.fetchSchema(1)).toEqual({ kind: 'unavailable', because: 'connection failed (ECONNREFUSED)' })
  await absent.close()
})

test.each([409, 422, 404, 500, 503])('what it repeats of the login is not told: %i', async (status) => {
  handle = (request, response) => {
    const message = `${request.headers.authorization} planted-secret`
    response.writeHead(status).end(JSON.stringify({ error_code: status * 100 + 9, message }))
  }
  const told = [await registry.fetchSchema(1), await registry.lookUp('s', own), await registry.register('s', own)]
  told.push((await registry.check('s', own)) as never)
  expect(JSON.stringify(told)).toContain('***')
  expect(JSON.stringify(told)).not.toMatch(/planted-secret|YnJpZGdl/)
})

test('nor where it is said against a schema', async () => {
  handle = answer(200, { is_compatible: false, messages: ['planted-secret is not compatible'] })
  expect(await registry.check('s', own)).toEqual({ kind: 'incompatible', because: ['*** is not compatible'] })
})
