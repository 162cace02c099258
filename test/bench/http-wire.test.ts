// Real: the readers of the benchmark's servers and clients. Doubled: the connection, by buffers cut anywhere.
// Failure: a message missed, cut short or taken twice, wherever the bytes are cut.

import { expect, test } from 'vitest'
import { AnswerReader, RequestReader, type WireRequest, wireAnswer } from './http-wire.ts'

const first = 'POST /v2/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'
const second = 'GET /b HTTP/1.1\r\nhost: x\r\n\r\n'
const both: WireRequest[] = [
  { path: '/v2/a', body: 'hello' },
  { path: '/b', body: '' },
]

test('two requests at once', () => {
  expect(new RequestReader().take(Buffer.from(first + second))).toEqual(both)
})

test('two requests cut at every byte', () => {
  const bytes = Buffer.from(first + second)
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const reader = new RequestReader()
    expect([...reader.take(bytes.subarray(0, cut)), ...reader.take(bytes.subarray(cut))]).toEqual(both)
  }
})

test('the length counts bytes', () => {
  const body = 'é'
  const request = Buffer.from(`POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n${body}${second}`)
  expect(new RequestReader().take(request)).toHaveLength(2)
})

test('a chunked request is refused, not misread', () => {
  const request = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  expect(() => new RequestReader().take(Buffer.from(request))).toThrow('chunked')
})

test('an answer tells its length and when to come again', () => {
  expect(wireAnswer(429, '{}', 3)).toContain('retry-after: 3\r\ncontent-length: 2\r\n\r\n{}')
})

test('answers cut at every byte', () => {
  const bytes = Buffer.from(`${wireAnswer(200, '{}')}HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n`)
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const reader = new AnswerReader()
    expect([...reader.take(bytes.subarray(0, cut)), ...reader.take(bytes.subarray(cut))]).toEqual([200, 503])
  }
})
