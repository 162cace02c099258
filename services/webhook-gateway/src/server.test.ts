// Real: HTTP on loopback, signatures, classification, metrics, log lines. Doubled: the publisher, which does what the test
// says. Failure: an answer that is not the table's, one after the deadline, anything published that nobody signed, a secret
// or a text in the log, a crash.

import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createLog, type Log } from '@bridge/runtime/log'
import { expect, onTestFinished, test, vi } from 'vitest'
import { messageEvent, signingKey } from '../../../test/support/webhooks.ts'
import { createMetrics } from './metrics.ts'
import type { Durability } from './pipeline.ts'
import type { Publisher } from './publisher.ts'
import type { Fact } from './records.ts'
import { WebhookServer, type WebhookServerOptions } from './server.ts'

const key = signingKey()
const reply = JSON.stringify(messageEvent())
const soon = { timeout: 5_000, interval: 5 }

type Line = { level: string; fields: Record<string, unknown>; message: string }
type Changes = { secret?: string; path?: string; deadlineMs?: number; bodyBytesMax?: number }

async function gateway(
  changes: Changes = {},
  publish: Publisher['publish'] = async () => ({ kind: 'durable', by: 'kafka' }),
) {
  const facts: Fact[] = []
  const lines: Line[] = []
  const metrics = createMetrics()
  const options: WebhookServerOptions = {
    webhook: {
      host: '127.0.0.1',
      port: 0,
      path: changes.path ?? '/webhooks/partoo',
      deadlineMs: changes.deadlineMs ?? 5_000,
      bodyBytesMax: changes.bodyBytesMax ?? 10_000,
    },
    proof: { keys: [key.publicKey], secrets: changes.secret === undefined ? undefined : () => [changes.secret ?? ''] },
    orgIds: new Set(['42']),
    topics: { replies: 'replies', receipts: 'receipts', events: 'events' },
    publisher: {
      publish(fact, byMs) {
        facts.push(fact)
        return publish(fact, byMs)
      },
    },
    metrics,
    log: recordingLog(lines),
  }
  const server = await WebhookServer.start(options)
  onTestFinished(() => server.close())
  return { server, facts, lines, metrics, port: server.port }
}

/** A log whose lines are kept instead of written. */
function recordingLog(lines: Line[]): Log {
  const log = createLog('test', 'silent')
  for (const level of ['info', 'warn', 'error'] as const) {
    log[level] = ((fields: Record<string, unknown>, message: string) => {
      lines.push({ level, fields, message })
    }) as Log['info']
  }
  return log
}

type Answered = { status: number; headers: IncomingHttpHeaders; body: string }
type Sent = { method?: string; path?: string; headers?: Record<string, string>; body?: string | Buffer }

const signed = (body: string | Buffer) => ({ 'x-partoo-signature-v1': key.sign(body) })

function send(port: number, { method = 'POST', path = '/webhooks/partoo', headers, body = reply }: Sent = {}) {
  return answerOf(open(port, method, path, headers ?? signed(body)).end(body))
}

function open(port: number, method: string, path: string, headers: Record<string, string>): ClientRequest {
  const request = httpRequest({ port, host: '127.0.0.1', method, path, headers })
  // Where no answer comes `answerOf` tells; what breaks after the answer is the end of the gateway.
  return request.on('error', () => {})
}

async function answerOf(request: ClientRequest): Promise<Answered> {
  const [response] = await once(request, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }
}

let others = 0
/** A reply that is no repeat of one before. */
function another(): string {
  others += 1
  return JSON.stringify(messageEvent({ message: { content: `text ${others}` } }))
}

/** Verified webhooks that were answered 503. */
async function notDurable(metrics: ReturnType<typeof createMetrics>): Promise<number> {
  const counts = (await metrics.registry.metrics()).matchAll(/^partoo_webhook_not_durable_total\{.*\} (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function counted(metrics: ReturnType<typeof createMetrics>, answer: string): Promise<number> {
  const text = await metrics.registry.metrics()
  return Number(text.match(new RegExp(`partoo_webhook_requests_total{answer="${answer}"} (\\d+)`))?.[1])
}

test('a signed webhook that becomes durable is answered 200, and everything about it is in one line', async () => {
  const { port, facts, lines, metrics } = await gateway()
  expect(await send(port)).toMatchObject({ status: 200 })
  expect(facts).toMatchObject([{ classified: { kind: 'reply' } }])
  expect(lines).toEqual([
    {
      level: 'info',
      message: 'webhook finished',
      fields: {
        type: 'message_created',
        destination: 'replies',
        message_id: '123',
        conversation_id: '456',
        org_id: '42',
        business_id: '789',
        channel_id: 'ch-1',
        external_conversation_id: 'conv-1',
        status: 200,
        durationMs: expect.any(Number),
      },
    },
  ])
  expect(await counted(metrics, '200')).toBe(1)
  expect(await metrics.registry.metrics()).toContain('partoo_webhook_events_total{destination="replies"} 1')
})

test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'nonsense'])(
  'content type %s does not matter',
  async (type) => {
    const { port } = await gateway()
    expect(await send(port, { headers: { ...signed(reply), 'content-type': type } })).toMatchObject({ status: 200 })
  },
)

test('neither does an expectation, a chunked body, an absolute URL, a query or a slash at the end', async () => {
  const { port, facts } = await gateway()
  for (const [path, headers] of [
    ['/webhooks/partoo', { expect: '100-continue' }],
    ['/webhooks/partoo', { expect: 'a-miracle' }],
    ['/webhooks/partoo', { 'transfer-encoding': 'chunked' }],
    [`http://gateway.example:8080/webhooks/partoo`, {}],
    ['/webhooks/partoo?from=partoo', {}],
    ['/webhooks/partoo/', {}],
  ] as const) {
    const body = another()
    expect(await send(port, { path, headers: { ...signed(body), ...headers }, body })).toMatchObject({ status: 200 })
  }
  expect(facts).toHaveLength(6)
})

test('an empty body is an event like any other once it is signed', async () => {
  const { port, facts } = await gateway()
  expect(await send(port, { body: '' })).toMatchObject({ status: 200 })
  expect(facts).toMatchObject([{ classified: { kind: 'event' }, record: { value: Buffer.alloc(0) } }])
})

test.each([
  ['missing', {}],
  ['empty', { 'x-partoo-signature-v1': '' }],
  ['no base64', { 'x-partoo-signature-v1': '%%%' }],
  ['too short', { 'x-partoo-signature-v1': 'AAAA' }],
  ['too long', { 'x-partoo-signature-v1': `${Buffer.alloc(64).toString('base64')}AAAA` }],
  ['all zero', { 'x-partoo-signature-v1': Buffer.alloc(64).toString('base64') }],
  ['all ones', { 'x-partoo-signature-v1': Buffer.alloc(64, 255).toString('base64') }],
  ['of another body', signed(`${reply} `)],
  ['of another key', { 'x-partoo-signature-v1': signingKey().sign(reply) }],
])('a signature that is %s is answered 401, and nothing is published', async (_, headers) => {
  const { port, facts, metrics } = await gateway()
  expect(await send(port, { headers })).toMatchObject({ status: 401 })
  expect(facts).toEqual([])
  expect(await counted(metrics, '401')).toBe(1)
})

test('the secret comes as the last segment of the path or as a header', async () => {
  const { port, facts, lines } = await gateway({ secret: 's/cret%' })
  const given = [
    { path: '/webhooks/partoo/s%2Fcret%25' },
    { path: '/webhooks/partoo/s%2Fcret%25/' },
    { path: '/webhooks/partoo', secret: 's/cret%' },
    { path: '/webhooks/partoo/wrong', secret: 's/cret%' },
  ]
  for (const { path, secret } of given) {
    const body = another()
    const headers = { ...signed(body), ...(secret !== undefined && { 'x-webhook-secret': secret }) }
    expect(await send(port, { path, headers, body })).toMatchObject({ status: 200 })
  }
  expect(facts).toHaveLength(given.length)
  for (const path of [
    '/webhooks/partoo',
    '/webhooks/partoo/',
    '/webhooks/partoo/wrong',
    '/webhooks/partoo/s%2Fcret%',
  ]) {
    expect(await send(port, { path })).toMatchObject({ status: 401 })
  }
  const headers = { ...signed(reply), 'x-webhook-secret': 's/cret' }
  expect(await send(port, { headers })).toMatchObject({ status: 401 })
  expect(facts).toHaveLength(given.length)
  expect(JSON.stringify(lines)).not.toContain('cret%')
})

test('another path is answered 404, another method 405', async () => {
  const { port, facts, metrics } = await gateway()
  for (const path of ['/', '/webhooks', '/webhooks/partooo', '/webhooks/partoo/x', '//webhooks/partoo', '*', '/%']) {
    expect(await send(port, { path })).toMatchObject({ status: 404 })
  }
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const answered = await send(port, { method, body: '' })
    expect(answered).toMatchObject({ status: 405, headers: { allow: 'POST' } })
  }
  expect(facts).toEqual([])
  expect(await counted(metrics, '404')).toBe(7)
  expect(await counted(metrics, '405')).toBe(6)
})

test('the path may be the root', async () => {
  const { port } = await gateway({ path: '/', secret: 'open' })
  expect(await send(port, { path: '/open' })).toMatchObject({ status: 200 })
  expect(await send(port, { path: '/' })).toMatchObject({ status: 401 })
})

test.each([
  ['declared', {}],
  ['not declared', { 'transfer-encoding': 'chunked' }],
])('a body that is too large, its length %s, is answered 413 and logged as an error', async (_, headers) => {
  const { port, facts, lines, metrics } = await gateway({ bodyBytesMax: 1_000 })
  const large = 'x'.repeat(1_001)
  expect(await send(port, { body: large, headers: { ...signed(large), ...headers } })).toMatchObject({ status: 413 })
  const fits = 'x'.repeat(1_000)
  expect(await send(port, { body: fits, headers: { ...signed(fits), ...headers } })).toMatchObject({ status: 200 })
  expect(facts).toHaveLength(1)
  expect(lines[0]).toMatchObject({ level: 'error', fields: { status: 413 } })
  expect(await counted(metrics, '413')).toBe(1)
})

test('the sender of megabytes too many still gets to read its 413', async () => {
  const { port } = await gateway()
  const large = Buffer.alloc(8_000_000, 'x')
  expect(await send(port, { body: large })).toMatchObject({ status: 413 })
})

test('what is not durable is answered 503 and may come again', async () => {
  const answers: Durability[] = [
    { kind: 'not-durable', cause: 'failed', because: 'replies: Connection error' },
    { kind: 'durable', by: 'kafka' },
  ]
  const { port, lines, metrics } = await gateway({}, async () => answers.shift() as Durability)
  expect(await send(port)).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  expect(await send(port)).toMatchObject({ status: 200 })
  expect(lines[0]).toMatchObject({
    level: 'warn',
    fields: { status: 503, because: 'replies: Connection error', cause: 'failed', message_id: '123' },
  })
  expect(await counted(metrics, '503')).toBe(1)
  expect(await metrics.registry.metrics()).toContain('partoo_webhook_not_durable_total{cause="failed"} 1')
  expect(await metrics.registry.metrics()).toContain('partoo_webhook_events_total{destination="replies"} 1')
})

test('a repeat of what is durable is answered and not published; of what is not, published; a test delivery is no repeat', async () => {
  const answers: Durability[] = [
    { kind: 'not-durable', cause: 'failed', because: 'replies: Connection error' },
    ...Array<Durability>(3).fill({ kind: 'durable', by: 'spool' }),
  ]
  const { port, facts, lines, metrics } = await gateway({}, async () => answers.shift() as Durability)
  expect(await send(port)).toMatchObject({ status: 503 })
  expect(await send(port)).toMatchObject({ status: 200 })
  expect(await send(port)).toMatchObject({ status: 200 })
  expect(facts).toHaveLength(2)
  expect(lines.map(({ fields }) => fields.durable)).toEqual([undefined, 'spool', 'repeat'])
  const text = await metrics.registry.metrics()
  expect(text).toContain('partoo_repeats_dropped_total 1')
  expect(text).toContain('partoo_webhook_durable_seconds_count{kind="spool"} 1')
  // The same status may come twice of itself: only message_created is told by its bytes.
  const body = JSON.stringify(messageEvent({ type: 'message_updated', message: { status: 'Sending' } }))
  for (let i = 0; i < 2; i += 1)
    expect(await send(port, { body, headers: signed(body) })).toMatchObject({ status: 200 })
  expect(facts).toHaveLength(4)
})

test('more requests at once than the gateway takes are answered 503, and those in progress go on', async () => {
  const gate = Promise.withResolvers<void>()
  const { port, facts, metrics } = await gateway({}, async () => {
    await gate.promise
    return { kind: 'durable', by: 'kafka' }
  })
  const answers = Array.from({ length: 1_000 }, () => {
    const body = another()
    return send(port, { body, headers: signed(body) })
  })
  await vi.waitFor(() => expect(facts).toHaveLength(1_000), { timeout: 20_000, interval: 20 })
  expect(await send(port)).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  expect(await metrics.registry.metrics()).toContain('partoo_webhook_unproven_total{cause="overload"} 1')
  expect(await notDurable(metrics)).toBe(0)
  gate.resolve()
  expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]))
  expect(await send(port)).toMatchObject({ status: 200 })
}, 30_000)

test('requests that prove nothing are counted by what is missing, and do not fill the log', async () => {
  const { port, lines, metrics } = await gateway({ secret: 'planted' })
  const secret = { 'x-webhook-secret': 'planted' }
  await send(port, { headers: signed(reply) })
  await send(port, { headers: secret })
  await send(port, { headers: { ...secret, 'x-partoo-signature-v1': 'nonsense' } })
  for (let i = 0; i < 50; i += 1) await send(port, { headers: { ...secret, ...signed('another') } })
  const text = await metrics.registry.metrics()
  for (const [cause, count] of [
    ['secret', 1],
    ['signature-missing', 1],
    ['signature-malformed', 1],
    ['signature-wrong', 50],
  ]) {
    expect(text).toContain(`partoo_webhook_unproven_total{cause="${cause}"} ${count}`)
  }
  expect(lines.length).toBeLessThan(40)
})

test('a publisher is told a moment before the deadline', async () => {
  let leftMs = 0
  const { port } = await gateway({ deadlineMs: 2_000 }, async (_, byMs) => {
    leftMs = byMs - performance.now()
    return { kind: 'durable', by: 'kafka' }
  })
  await send(port)
  expect(leftMs).toBeGreaterThan(1_000)
  expect(leftMs).toBeLessThanOrEqual(1_900)
})

test('a body that trickles in is answered 503 within the deadline', async () => {
  const { port, facts, metrics } = await gateway({ deadlineMs: 300 })
  const request = open(port, 'POST', '/webhooks/partoo', { ...signed(reply), 'content-length': String(reply.length) })
  const startMs = performance.now()
  request.write(reply.slice(0, 10))
  expect(await answerOf(request)).toMatchObject({ status: 503 })
  expect(performance.now() - startMs).toBeLessThan(300)
  request.destroy()
  expect(facts).toEqual([])
  expect(await metrics.registry.metrics()).toContain('partoo_webhook_unproven_total{cause="incomplete"} 1')
  expect(await notDurable(metrics)).toBe(0)
})

test('a bug is answered 503, without its message in the log, and the gateway lives', async () => {
  const { port, lines, metrics } = await gateway({}, () => {
    throw new TypeError('quotes We open at nine.')
  })
  expect(await send(port)).toMatchObject({ status: 503 })
  expect(await send(port, { path: '/elsewhere' })).toMatchObject({ status: 404 })
  expect(lines[0]).toMatchObject({ level: 'error', message: 'bug', fields: { thrown: 'TypeError' } })
  expect(JSON.stringify(lines)).not.toContain('nine')
  expect(await notDurable(metrics)).toBe(1)
})

test('a sender that leaves early crashes nothing, and nothing of it is published', async () => {
  const { port, facts, lines, metrics } = await gateway()
  const request = open(port, 'POST', '/webhooks/partoo', { ...signed(reply), 'content-length': String(reply.length) })
  request.write(reply.slice(0, 10))
  await once(request, 'socket')
  await vi.waitFor(() => expect(request.socket?.bytesWritten).toBeGreaterThan(10), soon)
  request.socket?.resetAndDestroy()
  await vi.waitFor(() => expect(lines).toMatchObject([{ fields: { status: null } }]), soon)
  expect(facts).toEqual([])
  expect(await counted(metrics, 'none')).toBe(1)
  expect(await send(port)).toMatchObject({ status: 200 })
})

test('what a sender sent whole is published even where it did not wait for the answer', async () => {
  const gate = Promise.withResolvers<void>()
  const { port, facts, lines } = await gateway({}, async () => {
    await gate.promise
    return { kind: 'durable', by: 'kafka' }
  })
  const request = open(port, 'POST', '/webhooks/partoo', signed(reply))
  request.end(reply)
  await vi.waitFor(() => expect(facts).toHaveLength(1), soon)
  request.destroy()
  // The server has seen the end of the connection once it serves one that was opened after it.
  await send(port, { path: '/elsewhere' })
  gate.resolve()
  await vi.waitFor(() => expect(lines.at(-1)).toMatchObject({ fields: { status: 200, senderGone: true } }), soon)
})

test('a test delivery is an event, whatever its header says', async () => {
  const { port, facts, lines } = await gateway()
  await send(port, { headers: { ...signed(reply), 'x-partoo-webhook-tryout': '' } })
  expect(facts).toMatchObject([{ classified: { kind: 'event' }, record: { topic: 'events' } }])
  expect(lines[0]).toMatchObject({ fields: { tryout: true, destination: 'events' } })
})

test.each([
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
  ['x'.repeat(257), false],
  ['two, values', false],
])('traceparent %j is passed on: %s', async (traceparent, passedOn) => {
  const { port, facts } = await gateway()
  await send(port, { headers: { ...signed(reply), traceparent } })
  const header = facts[0]?.record.headers.find(([name]) => name === 'traceparent')
  expect(header?.[1].toString()).toBe(passedOn ? traceparent : undefined)
})

test('foreign events are counted', async () => {
  const { port, metrics, lines } = await gateway()
  const foreign = JSON.stringify(messageEvent({ payload: { org_id: 43 } }))
  expect(await send(port, { body: foreign })).toMatchObject({ status: 200 })
  expect(await metrics.registry.metrics()).toContain('partoo_foreign_events_total 1')
  expect(lines[0]).toMatchObject({ level: 'warn', fields: { foreign: true, org_id: '43' } })
})

/** Writes raw bytes and answers everything that comes back until the end. */
async function raw(port: number, text: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.write(text)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('what is no HTTP is answered 400, too many headers 431, and both are counted', async () => {
  const { port, metrics } = await gateway()
  expect(await raw(port, 'hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
  const headers = 'POST /webhooks/partoo HTTP/1.1\r\nhost: x\r\n'
  expect(await raw(port, `${headers}x: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
  expect(await counted(metrics, '400')).toBe(1)
  expect(await counted(metrics, '431')).toBe(1)
  expect(await send(port)).toMatchObject({ status: 200 })
})

test('a body that stops being HTTP ends its connection and nothing else', async () => {
  const { port, facts, lines } = await gateway()
  const head = `POST /webhooks/partoo HTTP/1.1\r\nhost: x\r\nx-partoo-signature-v1: ${key.sign(reply)}\r\n`
  expect(await raw(port, `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`)).toBe('')
  await vi.waitFor(() => expect(lines).toMatchObject([{ fields: { status: null } }]), soon)
  expect(facts).toEqual([])
  expect(await send(port)).toMatchObject({ status: 200 })
})

test('requests sent one after the other without waiting are answered in order; a sender that leaves leaves nothing', async () => {
  const gate = Promise.withResolvers<void>()
  const { port, server, facts } = await gateway({}, async () => {
    await gate.promise
    return { kind: 'durable', by: 'kafka' }
  })
  const head = `POST /webhooks/partoo HTTP/1.1\r\nhost: x\r\nx-partoo-signature-v1: ${key.sign(reply)}\r\n`
  const whole = `${head}content-length: ${Buffer.byteLength(reply)}\r\n\r\n${reply}`
  const leaving = connect(port, '127.0.0.1')
  leaving.write(whole + whole)
  await vi.waitFor(() => expect(facts).toHaveLength(2), soon)
  leaving.resetAndDestroy()
  const staying = raw(port, `${whole}GET /webhooks/partoo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
  await vi.waitFor(() => expect(facts).toHaveLength(3), soon)
  gate.resolve()
  expect((await staying).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 405'])
  const startMs = performance.now()
  await server.close()
  expect(performance.now() - startMs).toBeLessThan(2_000)
})

test('while stopping, what is in progress is answered, and then everything is closed', async () => {
  const { port, server } = await gateway({ deadlineMs: 5_000 })
  const idle = connect(port, '127.0.0.1')
  await once(idle, 'connect')
  const request = open(port, 'POST', '/webhooks/partoo', { ...signed(reply), 'content-length': String(reply.length) })
  request.write(reply.slice(0, 10))
  await vi.waitFor(() => expect(request.socket?.bytesWritten).toBeGreaterThan(10), soon)
  // The server has begun with it once it has answered something that came after it.
  await send(port, { path: '/elsewhere' })
  const startMs = performance.now()
  const closed = server.close()
  request.end(reply.slice(10))
  expect(await answerOf(request)).toMatchObject({ status: 200, headers: { connection: 'close' } })
  await closed
  expect(performance.now() - startMs).toBeLessThan(2_000)
  await server.close()
})

test('a request that never ends does not keep the gateway from stopping', async () => {
  const { port, server } = await gateway({ deadlineMs: 300 })
  const request = open(port, 'POST', '/webhooks/partoo', { ...signed(reply), 'content-length': '9999' })
  request.write('x')
  await vi.waitFor(() => expect(request.socket?.bytesWritten).toBeGreaterThan(1), soon)
  await send(port, { path: '/elsewhere' })
  const startMs = performance.now()
  await server.close()
  expect(performance.now() - startMs).toBeLessThan(2_000)
})
