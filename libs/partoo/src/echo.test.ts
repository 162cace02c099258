// Real: the file itself. Doubled: nothing. Failure: a key or a text that an answer repeats and that is kept, or an answer that is spoiled.

import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import { expect, test } from 'vitest'
import type { Answer } from './answer.ts'
import { withoutEcho } from './echo.ts'

function told(body: string | Buffer, content: string, consumer: string | null = null): string {
  const message = { content, consumer_name: consumer } as OutboundMessage
  const answer: Answer = { kind: 'rejected', status: 422, body: Buffer.from(body) }
  const kept = withoutEcho(answer, { apiKey: 'planted-key', message })
  return 'body' in kept ? String(kept.body) : ''
}

test.each([
  ['the key', 'x-APIKey planted-key is unknown', 'hello you', 'x-APIKey *** is unknown'],
  [
    'the content, as JSON has it',
    JSON.stringify({ detail: 'bad', input: 'planted "text"' }),
    'planted "text"',
    '{"detail":"bad","input":"***"}',
  ],
  ['a short content, in quotes only', '{"input":"ok","detail":"not ok"}', 'ok', '{"input":"***","detail":"not ok"}'],
  ['nothing', '{"detail":"not ok"}', 'planted text', '{"detail":"not ok"}'],
])('%s', (_, body, content, kept) => {
  expect(told(body, content)).toBe(kept)
})

test('the name of the consumer', () => {
  expect(told('Planted Doe may not', 'a text of mine', 'Planted Doe')).toBe('*** may not')
})

test('a text whose end was not read: nothing from its beginning on', () => {
  const content = `planted ${'long\n'.repeat(5_000)}`
  const body = JSON.stringify({ detail: 'too long', input: content }).slice(0, 16_384)
  expect(told(body, content)).toBe('{"detail":"too long","input":"***')
})

test('what is no UTF-8 stays as it came', () => {
  const body = Buffer.from([0xff, 0xfe, 0x41])
  const answer: Answer = { kind: 'rejected', status: 400, body }
  const message = { content: 'planted text', consumer_name: null } as OutboundMessage
  expect(withoutEcho(answer, { apiKey: 'planted-key', message })).toBe(answer)
})
