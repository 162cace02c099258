// Real: the reader. Doubled: the request, a stream with headers. Failure: bytes held for ever, a wait without an end.

import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { BodyReader } from './body.ts'

function requestOf(headers: Record<string, string> = {}) {
  const stream = Object.assign(new PassThrough(), { headers })
  return { stream, request: stream as unknown as IncomingMessage }
}

const inMs = (ms: number) => performance.now() + ms

test('a whole body, its room held until it is released', async () => {
  const reader = new BodyReader({ bodyBytesMax: 10, heldBytesMax: 20 })
  const { stream, request } = requestOf()
  const body = reader.read(request, inMs(5_000))
  stream.write('01234')
  stream.end('56789')
  expect(await body).toEqual({ kind: 'whole', bytes: Buffer.from('0123456789') })
  expect(reader.heldBytes).toBe(10)
  reader.release(Buffer.alloc(10))
  expect(reader.heldBytes).toBe(0)
})

test('too large by what it declares, and by what it is', async () => {
  const reader = new BodyReader({ bodyBytesMax: 10, heldBytesMax: 20 })
  expect(await reader.read(requestOf({ 'content-length': '11' }).request, inMs(5_000))).toEqual({ kind: 'too-large' })
  const { stream, request } = requestOf()
  const body = reader.read(request, inMs(5_000))
  stream.write('01234567890')
  expect(await body).toEqual({ kind: 'too-large' })
  expect(reader.heldBytes).toBe(0)
})

test('no room beside others, and room again once they are done', async () => {
  const reader = new BodyReader({ bodyBytesMax: 10, heldBytesMax: 15 })
  const first = requestOf()
  const firstBody = reader.read(first.request, inMs(5_000))
  first.stream.write('0123456789')
  const second = requestOf()
  const secondBody = reader.read(second.request, inMs(5_000))
  second.stream.write('012345')
  expect(await secondBody).toEqual({ kind: 'no-room' })
  first.stream.destroy()
  expect(await firstBody).toEqual({ kind: 'broken-off' })
  expect(reader.heldBytes).toBe(0)
})

test('late at its moment', async () => {
  const reader = new BodyReader({ bodyBytesMax: 10, heldBytesMax: 20 })
  const { stream, request } = requestOf()
  stream.write('0')
  expect(await reader.read(request, inMs(30))).toEqual({ kind: 'late' })
  expect(reader.heldBytes).toBe(0)
})
