// Real: the encoders, the committed schemas, avsc as the reader. Doubled: nothing. Failure: a value that is read otherwise than
// it was, or one of the contract that cannot be written.

import avro from 'avsc'
import { expect, test } from 'vitest'
import { encoderOf } from './encoding.ts'
import type { Receipt } from './receipt.ts'
import type { Reply } from './reply.ts'
import { schemaText } from './schema-files.ts'

const receipt: Receipt = {
  status: 'accepted',
  reason: null,
  channel_id: 'c',
  external_conversation_id: 'né le 🎂 \u0000 שלום',
  external_message_id: 'm/ 1',
  business_id: '42',
  at: '2026-11-22T12:00:00.000Z',
  attempts: 3,
  http_status: 200,
  source: { topic: 'outbound-messages', partition: 5, offset: 9_007_199_254_740_000 },
  partoo: null,
}
const rejected: Receipt = {
  ...receipt,
  status: 'rejected',
  reason: 'undecodable',
  channel_id: null,
  external_conversation_id: null,
  external_message_id: null,
  business_id: null,
  attempts: 0,
  http_status: null,
}
const created: Receipt = {
  ...receipt,
  status: 'created',
  source: null,
  partoo: { message_id: '7', conversation_id: null },
}
const reply: Reply = {
  message_id: '9007199254740993',
  conversation_id: '1',
  external_conversation_id: null,
  channel_id: null,
  business_id: '42',
  org_id: '1',
  content: 'x'.repeat(200_000),
  content_type: 'Text',
  sender_type: 'User',
  sender_label: 'Jane',
  user_id: null,
  created_at: null,
  consumer_name: '',
  event: '{"type":"message_created"}',
}
const values = [
  ['receipt', receipt],
  ['receipt', rejected],
  ['receipt', created],
  ['reply', reply],
  ['reply', { ...reply, event: null }],
] as const

test('what is written as Avro is read by the committed schema as it was', async () => {
  for (const [contract, value] of values) {
    const { schema, encode, contentType } = await encoderOf(contract, 'avro')
    expect(schema).toEqual({ type: 'AVRO', text: schemaText(contract, 'avro') })
    expect(contentType).toBe('application/avro')
    const read = avro.Type.forSchema(JSON.parse(schema.text) as avro.Schema).fromBuffer(
      encode(Buffer.from(JSON.stringify(value))),
    )
    expect(JSON.parse(JSON.stringify(read))).toEqual(value)
  }
})

test('with JSON Schema the payload is the JSON itself', async () => {
  for (const [contract, value] of values) {
    const { schema, encode, contentType } = await encoderOf(contract, 'json-schema')
    expect(schema).toEqual({ type: 'JSON', text: schemaText(contract, 'json-schema') })
    expect(contentType).toBe('application/json')
    expect(encode(Buffer.from(JSON.stringify(value))).toString()).toBe(JSON.stringify(value))
  }
})

test('half a surrogate pair is no text in Avro: the bytes are UTF-8 all the same, in short texts and long ones', async () => {
  const { encode } = await encoderOf('reply', 'avro')
  const type = avro.Type.forSchema(JSON.parse(schemaText('reply', 'avro')) as avro.Schema)
  for (const length of [1, 60, 200]) {
    const content = `${'x'.repeat(length)}\ud83d`
    const bytes = encode(Buffer.from(JSON.stringify({ ...reply, content })))
    expect(bytes.includes(Buffer.from(`${'x'.repeat(length)}\ufffd`))).toBe(true)
    expect((type.fromBuffer(bytes) as Reply).content).toBe(content.toWellFormed())
  }
})
