// Real: docs/asyncapi.yaml as committed, AsyncAPI's own JSON Schema of version 3.0, ajv, the topics, the headers that the services'
// own functions write. Doubled: nothing. (That the file is up to date is tested with the other generated ones.)
// Failure: a document that AsyncAPI refuses, a reference to nothing, an example that its own message refuses, a topic or header of
// the bridge that the document does not have.

import { readFileSync } from 'node:fs'
import specs from '@asyncapi/specs'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { cloudEventHeaders } from '../cloud-event.ts'
import { deadLetter } from '../dead-letter.ts'
import { recordHeaders } from '../record-headers.ts'
import { bulkTopic, topics } from '../topics.ts'
import { asyncapiPath } from './generated-files.ts'

type Message = {
  headers: { properties: object; required?: string[] }
  payload: object
  examples?: { name: string; headers: object; payload: unknown }[]
}
type Document = {
  channels: Record<string, { address: string | null; 'x-variable': string }>
  operations: Record<string, { action: string; channel: { $ref: string } }>
  components: { messages: Record<string, Message>; schemas: Record<string, object> }
}

const text = readFileSync(asyncapiPath, 'utf8')
const document: Document = parse(text)

/** Strict mode is for schemas of one's own; AsyncAPI's has formats and keywords of its tools. */
function ajv(): Ajv {
  const made = new Ajv({ strict: false, allErrors: true, validateFormats: true })
  formats.default(made)
  return made
}

test('AsyncAPI 3.0 takes it', () => {
  // As published the schema has the draft-07 meta-schema inside, under the name that ajv gives its own.
  const { definitions, ...schema } = specs.schemas['3.0.0'] as { definitions: Record<string, object> }
  const { 'http://json-schema.org/draft-07/schema': _, ...own } = definitions
  const validate = ajv().compile({ ...schema, definitions: own })
  validate(document)
  expect(validate.errors ?? []).toEqual([])
  validate({ ...document, operations: { broken: { action: 'wait', channel: { $ref: '#/channels/outbound' } } } })
  expect(validate.errors, 'the schema refuses what is wrong').not.toBeNull()
})

test('readers of YAML 1.1, to whom a bare time is no text, read the same', () => {
  expect(parse(text, { version: '1.1' })).toEqual(document)
})

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
    ([, reference]) => reference ?? '',
  )
  expect(references.length).toBeGreaterThan(10)
  for (const reference of references) {
    const found = reference
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document)
    expect(found, reference).toBeDefined()
  }
})

test('it has every topic, under its name, with its variable, and who reads and writes it', () => {
  const expected = Object.entries(topics).map(([role, { defaultName, variable }]) => [role, defaultName, variable])
  expected.push(['bulk', null as never, bulkTopic.variable])
  const has = Object.entries(document.channels).map(([role, channel]) => [role, channel.address, channel['x-variable']])
  expect(has.sort()).toEqual(expected.sort())
  for (const role of Object.keys(document.channels)) {
    const actions = Object.values(document.operations)
      .filter(({ channel }) => channel.$ref === `#/channels/${role}`)
      .map(({ action }) => action)
    expect(actions, role).toEqual([role === 'outbound' || role === 'bulk' ? 'receive' : 'send'])
  }
})

const messages = Object.entries(document.components.messages)
const examples = messages.flatMap(([message, { examples = [] }]) =>
  examples.map((example) => ({ message, name: example.name, example })),
)

test.each(examples)('the example $name of $message is one', ({ message, example }) => {
  const { headers, payload } = document.components.messages[message] as Message
  const validator = ajv().addSchema(document, 'asyncapi')
  const accepts = (schema: object, value: unknown) => {
    const { $ref } = schema as { $ref?: string }
    const validate = validator.compile($ref === undefined ? schema : { $ref: `asyncapi${$ref}` })
    validate(value)
    return validate.errors ?? []
  }
  expect(accepts(headers, example.headers)).toEqual([])
  expect(accepts(payload, example.payload)).toEqual([])
  for (const name of Object.keys(example.headers)) expect(Object.keys(headers.properties)).toContain(name)
})

test('every contract has examples', () => {
  expect(new Set(examples.map(({ message }) => message))).toEqual(new Set(['OutboundMessage', 'Receipt', 'Reply']))
})

test('the headers that are described are those that are written', () => {
  const written = cloudEventHeaders({
    id: 'i',
    type: 'partoo.reply',
    source: '/partoo/ingestor',
    time: 't',
    contentType: 'application/json',
    traceparent: 'p',
  }).map(([name]) => name)
  for (const role of ['receipts', 'replies', 'events'] as const) {
    expect(recordHeaders[role].map(({ name }) => name).slice(0, written.length)).toEqual(written)
  }
  const record = {
    topic: 't',
    partition: 0,
    offset: 0,
    timestampMs: 0,
    key: null,
    value: null,
    headers: [['n', null]] as const,
  }
  const full = { reason: 'rejected', detail: 'd', httpStatus: 400, response: Buffer.from('r'), attempts: 1 } as const
  const all = { ...full, firstAttemptAt: 'f', lastAttemptAt: 'l' }
  const described = (isAlways: boolean) => recordHeaders.dlq.filter((header) => header.isAlways || !isAlways)
  const namesOf = (headers: readonly (readonly [string, Buffer])[]) =>
    headers.map(([name]) => name).filter((name) => name !== 'n')
  expect(described(false).map(({ name }) => name)).toEqual(namesOf(deadLetter('d', record, all, 'value').headers))
  const least = { ...all, httpStatus: null, response: null, firstAttemptAt: null, lastAttemptAt: null }
  const plain = { ...record, headers: [] }
  expect(described(true).map(({ name }) => name)).toEqual(namesOf(deadLetter('d', plain, least, 'none').headers))
})
