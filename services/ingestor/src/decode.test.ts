// Real: decoding. Doubled: the schemas of the registry. Failure: bytes without an answer, an id that is rounded, a value in a detail, two different
// messages with one digest.

import { noIds, type OutboundMessage } from '@bridge/schemas/outbound-message'
import { writeFrame } from '@bridge/schemas/wire-format'
import { expect, test } from 'vitest'
import { decode, digestOf, type Schemas } from './decode.ts'
import type { Channels } from './organizations.ts'

const one: Channels = { byId: new Map([['chat', { organization: 'o', name: null }]]), defaultChannelId: 'chat' }
const two: Channels = {
  byId: new Map([
    ['chat', { organization: 'o', name: null }],
    ['app', { organization: 'p', name: 'App' }],
  ]),
  defaultChannelId: null,
}
const message = {
  business_id: '42',
  external_conversation_id: 'c',
  external_message_id: 'm',
  content: 'planted',
  sender_type: 'User',
}

function decoded(value: Buffer | string | null | object, channels = one) {
  const bytes = Buffer.isBuffer(value) || value === null ? value : Buffer.from(textOf(value))
  return decode(
    { topic: 't', partition: 0, offset: 1, timestampMs: 0, key: null, value: bytes, headers: [] },
    channels,
    null,
  )
}

const textOf = (value: string | object) => (typeof value === 'string' ? value : JSON.stringify(value))

test('a message is work for its channel and that channel’s organization', () => {
  const work = { kind: 'work', channelId: 'chat', organization: 'o', message: { ...message, consumer_name: null } }
  expect(decoded(message)).toMatchObject(work)
  expect(decoded({ ...message, channel_id: 'app' }, two)).toMatchObject({ channelId: 'app', organization: 'p' })
})

test('integer ids are whole, beside numbers that are none', () => {
  const text = JSON.stringify(message)
    .replace('"42"', '12345678901234567890')
    .replace('"m"', '9007199254740993')
    .replace('{', '{"rating":4.5,"deep":{"n":[1]},')
  expect(decoded(text)).toMatchObject({
    message: { business_id: '12345678901234567890', external_message_id: '9007199254740993' },
  })
  expect(decoded(JSON.stringify(message).replace('"42"', '42.0'))).toMatchObject({ kind: 'poison', reason: 'invalid' })
})

test('what can never be sent is poison, with its ids as far as they are right, and without its values', () => {
  const undecodable = (value: Buffer | string) =>
    expect(decoded(value)).toMatchObject({ reason: 'undecodable', ids: noIds })
  undecodable(Buffer.from([0, 0, 0, 0, 1, 2]))
  undecodable(Buffer.from([0xff, 0xfe]))
  undecodable('planted')
  undecodable('')
  const invalid = decoded({ ...message, sender_type: 'planted', channel_id: 'chat' })
  expect(invalid).toMatchObject({ reason: 'invalid', ids: { external_message_id: 'm', channel_id: 'chat' } })
  expect(JSON.stringify(invalid)).not.toContain('planted')
  expect(decoded([message])).toMatchObject({ reason: 'invalid' })
  expect(decoded(null)).toEqual({ kind: 'tombstone' })
})

test('the wire format of a registry: by its first byte, whatever headers say, and with the same contract', () => {
  const headers: [string, Buffer][] = [['content-type', Buffer.from('application/json')]]
  const schemas: Schemas = {
    read: (id, payload) => {
      if (id === 1) return { kind: 'read', value: { ...message, business_id: 42n, note: payload.toString() } }
      if (id === 2) return { kind: 'read', value: { ...message, sender_type: 'planted' } }
      return id === 3 ? { kind: 'undecodable', detail: 'it does not fit' } : { kind: 'schema-needed' }
    },
  }
  const framed = (id: number, using: Schemas | null = schemas) => {
    const value = writeFrame(id, Buffer.from('x'))
    return decode({ topic: 't', partition: 0, offset: 1, timestampMs: 0, key: null, value, headers }, one, using)
  }
  expect(framed(1)).toMatchObject({ kind: 'work', message: { ...message, business_id: '42' } })
  expect(framed(2)).toMatchObject({ reason: 'invalid', detail: 'sender_type must be "User" or "Consumer"' })
  expect(framed(3)).toEqual({ kind: 'poison', reason: 'undecodable', detail: 'it does not fit', ids: noIds })
  expect(framed(4)).toEqual({ kind: 'schema-needed', schemaId: 4 })
  expect(framed(1, null)).toMatchObject({ detail: expect.stringMatching(/and none is configured$/) })
  const short = {
    topic: 't',
    partition: 0,
    offset: 1,
    timestampMs: 0,
    key: null,
    value: Buffer.from([0, 0, 1]),
    headers,
  }
  expect(decode(short, one, schemas)).toMatchObject({ detail: expect.stringMatching(/too short for a schema id$/) })
})

test('a channel that is not configured, and none where several are', () => {
  const ids = { business_id: '42', external_conversation_id: 'c', external_message_id: 'm' }
  expect(decoded({ ...message, channel_id: 'else' })).toMatchObject({
    reason: 'invalid',
    detail: 'channel_id names a channel that is not configured',
    ids: { ...ids, channel_id: 'else' },
  })
  expect(decoded(message, two)).toMatchObject({
    reason: 'invalid',
    detail: 'channel_id is missing, and several channels are configured',
    ids: { ...ids, channel_id: null },
  })
})

test('a digest is the same for the same message, and another one wherever a border moves', () => {
  const base = { ...message, sender_type: 'User', consumer_name: null, consumer_image: null, channel_id: null } as const
  const digest = (more: Partial<OutboundMessage>) => digestOf({ ...base, ...more })
  expect(digest({})).toMatch(/^[A-Za-z0-9+/]{12}$/)
  expect(digest({ external_message_id: 'other', consumer_name: 'Bob', channel_id: 'chat' })).toBe(digest({}))
  const others = [
    digest({}),
    digest({ external_conversation_id: 'd' }),
    digest({ business_id: '43' }),
    digest({ sender_type: 'Consumer' }),
    digest({ content: 'planted ' }),
    digest({ content: 'plänted' }),
    digest({ external_conversation_id: 'c4', business_id: '2' }),
    digest({ external_conversation_id: 'c2:42User:planted', content: 'x' }),
    digest({ business_id: '42User:', content: 'x' }),
    digest({ business_id: '42', content: 'User:x' }),
  ]
  expect(new Set(others).size).toBe(others.length)
})
