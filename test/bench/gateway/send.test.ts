// Real: the sending, connections. Doubled: the server, a few lines. Failure: a request that is not sent, sent twice or not timed;
// a pace that a slow server slows down, or whose waits are left out; a connection that ends and is not told.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { RequestReader, wireAnswer } from '../http-wire.ts'
import { dueAfter, sendAll } from './send.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that hands over every request. @returns its port */
async function serve(onRequest: (body: string, socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    const reader = new RequestReader()
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const { body } of reader.take(chunk)) onRequest(body, socket)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const requests = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    Buffer.from(`POST / HTTP/1.1\r\ncontent-length: ${String(i).length}\r\n\r\n${i}`),
  )

test('flat out: each once, never two at once on a connection, statuses counted', async () => {
  const seen: string[] = []
  const underWay = new Set<Socket>()
  const port = await serve((body, socket) => {
    expect(underWay.has(socket)).toBe(false)
    underWay.add(socket)
    seen.push(body)
    setImmediate(() => {
      underWay.delete(socket)
      socket.write(wireAnswer(body === '7' ? 503 : 200, '{}'))
    })
  })
  const report = await sendAll(requests(200), { port, connections: 8, perSecond: null })
  expect(seen.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
  expect(report.statuses).toEqual({ 200: 199, 503: 1 })
  expect(report.p50Ms).toBeGreaterThan(0)
  expect(report.p99Ms).toBeGreaterThanOrEqual(report.p50Ms)
  expect(report.lateP99Ms).toBe(0)
})

test('at a pace: what a slow server makes wait counts from its moment on', async () => {
  const port = await serve((_, socket) => setTimeout(() => socket.write(wireAnswer(200, '{}')), 50))
  // Ten moments in 18 ms, and one connection that takes 50 ms each: the last one is answered about 480 ms after its moment.
  const report = await sendAll(requests(10), { port, connections: 1, perSecond: 500 })
  expect(report.p99Ms).toBeGreaterThan(450)
  expect(report.lateP99Ms).toBeGreaterThan(400)
  expect(report.tookMs).toBeGreaterThan(490)
})

test('a moment is not left out: at 500 a second one is due every 2 ms', () => {
  expect([0, 1.9, 2, 1_000].map((ms) => dueAfter(ms, 500))).toEqual([1, 1, 2, 501])
})

test('a connection that ends early is a failure', async () => {
  const port = await serve((_, socket) => socket.destroy())
  await expect(sendAll(requests(3), { port, connections: 2, perSecond: null })).rejects.toThrow('after 0 answers')
})
