// Real: the producer, the encoders, the wire format. Doubled: the producer behind it and the registry's answers.
// Failure: a record written without its schema's id, one that is lost or overtaken while that is not known, a topic that is not
// encoded and held up all the same.

import { encoderOf } from '@bridge/schemas/encoding'
import type { OutgoingRecord } from '@bridge/schemas/record'
import type { LookedUp, Registry } from '@bridge/schemas/registry'
import { readFrame } from '@bridge/schemas/wire-format'
import { expect, test, vi } from 'vitest'
import { EncodingProducer } from './encoding-producer.ts'
import { createLog } from './log.ts'
import type { Published } from './safe-producer.ts'

const paces = { againFirstMs: 1, againMaxMs: 2 }

function record(topic: string, value: string): OutgoingRecord {
  const headers = [
    ['ce_id', Buffer.from('1')],
    ['content-type', Buffer.from('application/json')],
  ] as const
  return { topic, key: Buffer.from('k'), value: Buffer.from(value), headers, sourcePartition: 0 }
}

async function producerOver(answer: (subject: string) => LookedUp, registers = false) {
  const published: OutgoingRecord[] = []
  const asked: string[] = []
  const producer = {
    publish: async (one: OutgoingRecord): Promise<Published> => {
      published.push(one)
      return { kind: 'stored' }
    },
    close: async () => {},
  }
  const registry: Pick<Registry, 'lookUp' | 'register'> = {
    lookUp: async (subject) => {
      asked.push(`look up ${subject}`)
      return answer(subject)
    },
    register: async (subject) => {
      asked.push(`register ${subject}`)
      return { kind: 'registered', id: 9 }
    },
  }
  const encoders = new Map([['receipts', await encoderOf('receipt', 'json-schema')]])
  const options = { producer, registry, encoders, registers, log: createLog('test', 'silent') }
  return { encoding: new EncodingProducer(options, paces), published, asked }
}

test('a record of an encoded topic is framed with the id that the registry has; all others pass as they are', async () => {
  const { encoding, published } = await producerOver(() => ({ kind: 'registered', id: 7, version: 1 }))
  await vi.waitFor(() => expect(encoding.problems).toEqual([]))
  const plain = record('dlq', '{}')
  const tombstone = { ...record('receipts', ''), value: null }
  await encoding.publish(record('receipts', '{"a":1}'))
  await encoding.publish(plain)
  await encoding.publish(tombstone)
  expect(readFrame(published[0]?.value as Buffer)).toEqual({ schemaId: 7, payload: Buffer.from('{"a":1}') })
  expect(published[0]?.headers.map(([name, value]) => `${name}: ${value}`)).toEqual([
    'ce_id: 1',
    'content-type: application/json',
  ])
  expect(published.slice(1)).toEqual([plain, tombstone])
  await encoding.close()
})

test('while the id is not known nothing of the topic is written, and it is said what to do; then it is', async () => {
  let answer: LookedUp = { kind: 'unavailable', because: 'connection failed (ECONNREFUSED)' }
  const { encoding, published } = await producerOver(() => answer)
  const publish = () => encoding.publish(record('receipts', '{}'))
  await vi.waitFor(() => expect(encoding.problems[0]).toContain('ECONNREFUSED'))
  expect(await publish()).toMatchObject({ kind: 'failed', detail: expect.stringContaining('ECONNREFUSED') })
  answer = { kind: 'not-registered' }
  await vi.waitFor(() => expect(encoding.problems[0]).toContain('npm run schemas -- register'))
  expect(await publish()).toMatchObject({ kind: 'failed' })
  expect(await encoding.publish(record('dlq', 'x'))).toEqual({ kind: 'stored' })
  expect(published).toHaveLength(1)
  answer = { kind: 'registered', id: 7, version: 1 }
  await vi.waitFor(() => expect(encoding.problems).toEqual([]))
  expect(await publish()).toEqual({ kind: 'stored' })
  await encoding.close()
})

test('it registers where it is told to, and asks nothing more once the id is known', async () => {
  const { encoding, asked } = await producerOver(() => ({ kind: 'not-registered' }), true)
  await vi.waitFor(() => expect(encoding.problems).toEqual([]))
  expect(asked).toEqual(['register receipts-value'])
  await encoding.close()
})
