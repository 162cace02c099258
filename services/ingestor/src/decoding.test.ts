// Real: decoding, its order, the readers of schemas and their cache. Doubled: the registry (what it answers and when), the core (the
// facts are kept). Failure: a result out of the order of its partition, a partition that waits for another's schema, anything put
// away while the registry is away, a result for what was lost, a timer that outlives the end.

import type { Log } from '@bridge/runtime/log'
import { SchemaReaders } from '@bridge/schemas/decoding/schema-readers'
import type { SchemaFetched } from '@bridge/schemas/registry'
import { writeFrame } from '@bridge/schemas/wire-format'
import { afterEach, expect, test, vi } from 'vitest'
import type { Decoded } from './core/facts.ts'
import { Decoding } from './decoding.ts'

const json: SchemaFetched = { kind: 'fetched', schema: { type: 'JSON', text: '{}', references: [] } }
const unavailable: SchemaFetched = { kind: 'unavailable', because: 'connection refused' }
const channels = { byId: new Map([['chat', { organization: 'o', name: null }]]), defaultChannelId: 'chat' }

/** A registry that answers when it is told to, by id. */
function world() {
  const asked: { id: number; answer: (fetched: SchemaFetched) => void }[] = []
  const registry = {
    fetchSchema: (id: number) =>
      new Promise<SchemaFetched>((resolve) => {
        asked.push({ id, answer: resolve })
      }),
  }
  const results: { token: number; kind: Decoded['kind']; detail: string | undefined }[] = []
  const told: { level: string; text: string; fields: object }[] = []
  const at = (level: string) => (fields: object, text: string) => told.push({ level, text, fields })
  let onSubmit = () => {}
  const decoding = new Decoding({
    channels,
    schemas: new SchemaReaders(registry),
    submit: (fact) => {
      for (const { token, decoded } of fact.results) {
        results.push({ token, kind: decoded.kind, detail: 'detail' in decoded ? decoded.detail : undefined })
      }
      onSubmit()
    },
    log: { info: at('info'), warn: at('warn') } as unknown as Log,
  })
  ends.push(() => decoding.stop())
  let tokens = 0
  return {
    decoding,
    asked,
    results,
    told,
    tokens: () => results.map(({ token }) => token),
    /** The next records of a partition: a schema id, or null for plain JSON. */
    give(partition: number, ids: (number | null)[]) {
      decoding.decode(
        ids.map((id) => {
          tokens += 1
          return { token: tokens, record: recordOf(partition, id) }
        }),
      )
    },
    /** Answers the last request for this id. */
    answer(id: number, fetched: SchemaFetched) {
      const request = asked.findLast((one) => one.id === id)
      if (request === undefined) throw new Error(`schema ${id} was not asked for`)
      request.answer(fetched)
    },
    onSubmit(run: () => void) {
      onSubmit = run
    },
  }
}

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

function recordOf(partition: number, schemaId: number | null) {
  const text = Buffer.from(
    JSON.stringify({
      business_id: '42',
      external_conversation_id: 'c',
      external_message_id: 'm',
      content: 'planted',
      sender_type: 'User',
    }),
  )
  const value = schemaId === null ? text : writeFrame(schemaId, text)
  return { topic: 't', partition, offset: 1, timestampMs: 0, key: null, value, headers: [] }
}

test('plain JSON comes back in the same turn, in order, and asks for nothing', () => {
  const { give, tokens, asked, decoding } = world()
  give(0, [null, null])
  give(1, [null])
  expect(tokens()).toEqual([1, 2, 3])
  expect(asked).toEqual([])
  expect(decoding.waiting).toEqual([])
})

test('a partition waits for its schema, with whatever follows; others go on', async () => {
  const { give, answer, tokens, decoding, results } = world()
  give(0, [null, 7, null])
  give(0, [null, 8])
  give(1, [null, 9])
  expect(tokens()).toEqual([1, 6])
  expect(decoding.waiting).toEqual([
    { topic: 't', partition: 0, records: 4 },
    { topic: 't', partition: 1, records: 1 },
  ])
  answer(7, json)
  await vi.waitFor(() => expect(tokens()).toEqual([1, 6, 2, 3, 4]))
  give(0, [7])
  answer(8, json)
  await vi.waitFor(() => expect(tokens()).toEqual([1, 6, 2, 3, 4, 5, 8]))
  give(0, [8])
  expect(tokens().at(-1)).toBe(9)
  answer(9, json)
  await vi.waitFor(() => expect(decoding.waiting).toEqual([]))
  expect(results.every(({ kind }) => kind === 'work')).toBe(true)
})

test('records that come of the results are decoded behind them', async () => {
  const { give, answer, tokens, onSubmit } = world()
  give(0, [7, 8])
  onSubmit(() => {
    onSubmit(() => {})
    give(0, [null])
  })
  answer(7, json)
  await vi.waitFor(() => expect(tokens()).toEqual([1]))
  answer(8, json)
  await vi.waitFor(() => expect(tokens()).toEqual([1, 2, 3]))
})

test('many records that waited do not come in one turn, and what comes meanwhile is behind them', async () => {
  const { give, answer, tokens, onSubmit } = world()
  const submits: number[] = []
  give(0, Array(1_000).fill(7))
  onSubmit(() => {
    submits.push(tokens().length)
    if (submits.length === 1) give(0, [null])
  })
  answer(7, json)
  await vi.waitFor(() => expect(tokens()).toHaveLength(1_001))
  expect(tokens()).toEqual(Array.from({ length: 1_001 }, (_, i) => i + 1))
  expect(submits.length).toBeGreaterThan(3)
})

test('while the registry is away nothing is put away; it is told once, shown, and over when nothing waits', async () => {
  const { give, answer, asked, told, tokens, decoding, results } = world()
  give(0, [7, null])
  give(1, [7])
  for (let times = 1; times <= 3; times += 1) {
    await vi.waitFor(() => expect(asked).toHaveLength(times))
    answer(7, unavailable)
  }
  await vi.waitFor(() => expect(asked).toHaveLength(4))
  expect(tokens()).toEqual([])
  expect(told).toMatchObject([{ level: 'warn', fields: { topic: 't', schemaId: 7, error: 'connection refused' } }])
  expect(decoding.beside({ ready: true })).toEqual({
    ready: true,
    detail: 'the schema registry is away (connection refused): t/0, t/1 wait for a schema',
  })
  expect(decoding.beside({ ready: true, detail: 'standing by' })).toMatchObject({
    detail: expect.stringMatching(/^standing by; the schema registry/),
  })
  expect(decoding.beside({ ready: false, because: 'stopping' })).toEqual({ ready: false, because: 'stopping' })
  answer(7, json)
  await vi.waitFor(() => expect(tokens()).toHaveLength(3))
  await vi.waitFor(() => expect(told).toHaveLength(2))
  expect(told[1]).toMatchObject({ level: 'info' })
  expect(decoding.beside({ ready: true })).toEqual({ ready: true })
  expect(results.every(({ kind }) => kind === 'work')).toBe(true)
})

test('an id that the registry does not know is undecodable, and what follows goes on', async () => {
  const { give, answer, asked, results } = world()
  give(0, [7, null])
  answer(7, { kind: 'unknown' })
  await vi.waitFor(() => expect(asked).toHaveLength(2))
  answer(7, { kind: 'unknown' })
  await vi.waitFor(() => expect(results).toHaveLength(2))
  expect(results).toMatchObject([
    { kind: 'poison', detail: 'the schema registry does not know its schema id 7' },
    { kind: 'work' },
  ])
})

test('a partition that is lost while it waits is forgotten; when it returns it is decoded anew', async () => {
  const { give, answer, asked, tokens, decoding } = world()
  give(0, [7, null])
  give(1, [7])
  decoding.assigned([{ topic: 't', partition: 1 }])
  expect(decoding.waiting).toEqual([{ topic: 't', partition: 1, records: 1 }])
  give(0, [8, null])
  answer(7, json)
  await vi.waitFor(() => expect(tokens()).toEqual([3]))
  answer(8, json)
  await vi.waitFor(() => expect(tokens()).toEqual([3, 4, 5]))
  expect(asked.map(({ id }) => id)).toEqual([7, 8])
})

test('a partition lost in an outage ends it, where no other waits', async () => {
  const { give, answer, told, decoding } = world()
  give(0, [7])
  answer(7, unavailable)
  await vi.waitFor(() => expect(told).toHaveLength(1))
  decoding.assigned([])
  expect(told).toHaveLength(2)
  expect(decoding.beside({ ready: true })).toEqual({ ready: true })
})

test('at the end nothing waits any more, and nothing is asked', async () => {
  const { give, answer, asked, told, tokens, decoding } = world()
  give(0, [7])
  answer(7, unavailable)
  await vi.waitFor(() => expect(told).toHaveLength(1))
  decoding.stop()
  give(1, [8])
  give(2, [null])
  expect(decoding.waiting).toEqual([])
  expect(tokens()).toEqual([3])
  // As long as it takes another one to ask three times.
  const other = world()
  other.give(0, [7])
  for (let times = 1; times <= 3; times += 1) {
    await vi.waitFor(() => expect(other.asked).toHaveLength(times))
    other.answer(7, unavailable)
  }
  expect(asked).toHaveLength(1)
})
