// Real: the contracts, the generators, the committed files, the zod types. Doubled: nothing.
// Failure: a committed file that is not what `npm run generate` writes, a zod type that has another field, or takes or refuses
// another value than the contract says.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Contract, contracts, type Field } from './contracts.ts'
import { generatedFiles } from './generating/generated-files.ts'
import { outboundMessage } from './outbound-message.ts'
import { receipt } from './receipt.ts'
import { reply } from './reply.ts'

/** Of zod only what is needed here. */
type Reader = { shape: object; safeParse(value: unknown): { success: boolean } }
const readers = { 'outbound-message': outboundMessage, receipt, reply } satisfies Record<string, Reader>

const all = Object.values(contracts)

test.each(generatedFiles().map(({ path, text }) => [path, text] as const))('%s is up to date', (path, text) => {
  expect(readFileSync(path, 'utf8'), 'run: npm run generate').toBe(text)
})

/** Each probe, and which kinds take it. */
const probes: readonly (readonly [what: string, value: unknown, kinds: readonly string[]])[] = [
  ['a text', 'some text', ['id', 'string']],
  ['an empty text', '', ['empty string']],
  ['a time', '2026-11-22T12:00:00.000Z', ['id', 'string', 'time']],
  ['a time of another zone', '2026-11-22T12:00:00.000+01:00', ['id', 'string']],
  ['1,025 characters', 'x'.repeat(1025), ['string']],
  ['digits', 12n, ['id that is read']],
  ['an integer', 12, ['int', 'long']],
  ['more than 32 bits', 2 ** 40, ['long']],
  ['a negative integer', -1, []],
  ['a fraction', 1.5, []],
  ['a boolean', true, []],
  ['a list', [], []],
  ['an empty object', {}, []],
]

function takes({ type }: Field, direction: Contract['direction'], kinds: readonly string[], value: unknown): boolean {
  switch (type.kind) {
    case 'string':
      return kinds.includes('string') || (type.isEmptyAllowed && kinds.includes('empty string'))
    case 'id':
      return kinds.includes('id') || (direction === 'read by the bridge' && kinds.includes('id that is read'))
    case 'words':
      return type.words.includes(value as string)
    default:
      return kinds.includes(type.kind)
  }
}

/** A value that the field takes. */
function exampleOf({ type }: Field): unknown {
  switch (type.kind) {
    case 'id':
    case 'string':
      return 'x'
    case 'words':
      return type.words[0]
    case 'int':
    case 'long':
      return 1
    case 'time':
      return '2026-11-22T12:00:00Z'
    case 'object':
      return examplesOf(type.fields)
  }
}

function examplesOf(fields: readonly Field[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field.name, exampleOf(field)]))
}

/** Every field with the whole value around it: `wrap` puts a value of the field in its place. */
function* everyField(
  fields: readonly Field[],
  wrap: (values: Record<string, unknown>) => unknown = (values) => values,
): Generator<{ field: Field; put: (value: unknown) => unknown; without: unknown }> {
  const values = examplesOf(fields)
  for (const field of fields) {
    const { [field.name]: _, ...others } = values
    yield { field, put: (value) => wrap({ ...values, [field.name]: value }), without: wrap(others) }
    if (field.type.kind === 'object') {
      yield* everyField(field.type.fields, (nested) => wrap({ ...values, [field.name]: nested }))
    }
  }
}

test.each(all)('zod and the contract of $name agree: fields, presence, values', ({ name, fields, direction }) => {
  const reader: Reader = readers[name]
  expect(Object.keys(reader.shape)).toEqual(fields.map((field) => field.name))
  const isTaken = (value: unknown) => reader.safeParse(value).success
  for (const { field, put, without } of everyField(fields)) {
    expect(isTaken(put(exampleOf(field))), `${field.name}: an example`).toBe(true)
    expect(isTaken(put(null)), `${field.name}: null`).toBe(field.presence !== 'required')
    expect(isTaken(without), `${field.name}: absent`).toBe(field.presence === 'optional')
    expect(isTaken(put('no such word')), `${field.name}: a word`).toBe(['id', 'string'].includes(field.type.kind))
    if (field.type.kind === 'words') {
      for (const word of field.type.words) expect(isTaken(put(word)), `${field.name}: ${word}`).toBe(true)
    }
    for (const [what, value, kinds] of probes) {
      expect(isTaken(put(value)), `${field.name}: ${what}`).toBe(takes(field, direction, kinds, value))
    }
  }
  // Its objects have no field that the contract has not.
  const whole = { ...(put(fields) as object), unknown: 1 }
  const read = readers[name].safeParse(whole)
  expect(read.data).toEqual(put(fields))
})

function put(fields: readonly Field[]): unknown {
  return examplesOf(fields)
}

test.each(all)('the Protobuf numbers of $name are its own, and in order', ({ fields }) => {
  const check = (of: readonly Field[]) => {
    expect(of.map(({ number }) => number)).toEqual(of.map((_, i) => i + 1))
    for (const { type } of of) if (type.kind === 'object') check(type.fields)
  }
  check(fields)
})
