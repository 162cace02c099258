// Real: the readers and their cache. Doubled: the registry, which counts what it is asked. Failure: a schema asked for twice, memory
// that grows with the ids that payloads name, an unknown id that is believed for ever.

import { afterEach, expect, test, vi } from 'vitest'
import type { FetchedSchema, SchemaFetched } from '../registry.ts'
import { readerOf, SchemaReaders } from './schema-readers.ts'

const json: FetchedSchema = { type: 'JSON', text: '{}', references: [] }
const payload = Buffer.from('{"content":"planted"}')

/** A registry that answers what `answers` says, and remembers what it was asked. */
function world(answers: (id: number) => SchemaFetched) {
  const asked: number[] = []
  const readers = new SchemaReaders({
    fetchSchema: async (id) => {
      asked.push(id)
      return answers(id)
    },
  })
  return { asked, readers }
}

afterEach(() => void vi.useRealTimers())

test('each schema is asked for once, however many wait for it, and kept', async () => {
  const { asked, readers } = world(() => ({ kind: 'fetched', schema: json }))
  expect(readers.read(7, payload)).toEqual({ kind: 'schema-needed' })
  expect(await Promise.all([readers.fetch(7), readers.fetch(7), readers.fetch(8)])).toEqual(['known', 'known', 'known'])
  expect(asked).toEqual([7, 8])
  expect(readers.read(7, payload)).toEqual({ kind: 'read', value: { content: 'planted' } })
  const detail = 'the value does not fit its schema 7: it is not JSON'
  expect(readers.read(7, Buffer.from('planted'))).toEqual({ kind: 'undecodable', detail })
})

test('a registry that does not answer is asked again next time, and nothing is kept of it', async () => {
  let isAway = true
  const { readers } = world(() =>
    isAway ? { kind: 'unavailable', because: 'refused' } : { kind: 'fetched', schema: json },
  )
  expect(await readers.fetch(7)).toEqual({ unavailable: 'refused' })
  expect(readers.read(7, payload)).toEqual({ kind: 'schema-needed' })
  expect(readers.count).toBe(0)
  isAway = false
  expect(await readers.fetch(7)).toBe('known')
})

test('an unknown id is asked for twice, and believed for ten seconds', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] })
  const { asked, readers } = world(() => ({ kind: 'unknown' }))
  const fetching = readers.fetch(7)
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  // The wait of node:timers/promises is real.
  expect(await fetching).toBe('unknown')
  expect(asked).toEqual([7, 7])
  // Not twice a second.
  expect(await readers.fetch(8)).toBe('unknown')
  expect(asked).toEqual([7, 7, 8])
  const detail = 'the schema registry does not know its schema id 7'
  expect(readers.read(7, payload)).toEqual({ kind: 'undecodable', detail })
  vi.advanceTimersByTime(10_001)
  expect(readers.read(7, payload)).toEqual({ kind: 'schema-needed' })
})

test('an id that its registry learns a moment later is known', async () => {
  let times = 0
  const { readers } = world(() => {
    times += 1
    return times === 1 ? { kind: 'unknown' } : { kind: 'fetched', schema: json }
  })
  expect(await readers.fetch(7)).toBe('known')
})

test('however many ids there are, a thousand are kept, those used last', async () => {
  const { asked, readers } = world((id) => (id % 2 === 0 ? { kind: 'fetched', schema: json } : { kind: 'unknown' }))
  for (let id = 2; id <= 5_000; id += 1) {
    await readers.fetch(id)
    readers.read(2, payload)
  }
  expect(readers.count).toBe(1_000)
  expect(asked.filter((id) => id === 2)).toEqual([2])
  expect(readers.read(2, payload).kind).toBe('read')
  expect(readers.read(4, payload).kind).toBe('schema-needed')
  const detail = 'its schema id is none that a registry gives'
  expect(readers.read(0xffff_ffff, payload)).toEqual({ kind: 'undecodable', detail })
})

test('a schema that cannot be used is so for all its payloads, and says why', async () => {
  const { asked, readers } = world(() => ({ kind: 'fetched', schema: { ...json, type: 'AVRO', text: '"planted"' } }))
  expect(await readers.fetch(7)).toBe('known')
  expect(readers.read(7, payload)).toMatchObject({
    kind: 'undecodable',
    detail: expect.stringMatching(/^its schema 7 cannot be used: as Avro, it names a type/),
  })
  expect(asked).toEqual([7])
  const large = { name: 'r', type: 'AVRO' as const, text: 'x'.repeat(1_048_577) }
  for (const type of ['AVRO', 'JSON', 'PROTOBUF'] as const) {
    expect(readerOf({ type, text: '{}', references: [large] })).toMatchObject({ kind: 'unreadable' })
  }
})
