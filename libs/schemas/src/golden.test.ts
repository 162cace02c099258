// Real: the golden examples, the committed schemas, the libraries that read them, our readers of payloads. Doubled: nothing.
// Failure: a validator that says of an example what its note does not; a reason that does not name the field; a note that is not
// true any more; a valid message that the bridge reads as another, from JSON or from what avsc or protobufjs wrote; a wrong one
// that a format lets pass and the bridge does too.

import { describe, expect, test } from 'vitest'
import { contractNames } from './contracts.ts'
import { avroReader } from './decoding/avro-reader.ts'
import type { PayloadReader } from './decoding/payload.ts'
import { protobufReader } from './decoding/protobuf-reader.ts'
import { avroType, protobufType, type ValidatorName, validatorNames, validatorsOf } from './generating/validators.ts'
import { type GoldenExample, goldenExamples } from './golden.ts'
import { parseJson } from './json.ts'
import { type OutboundMessage, type OutboundRead, outboundMessage, readOutboundMessage } from './outbound-message.ts'
import { schemaText } from './schema-files.ts'
import { writeMessageIndexes } from './wire-format.ts'

const expected = ({ folder, note }: GoldenExample, name: ValidatorName) =>
  name === 'zod' ? folder : (note.verdicts?.[name] ?? folder)

/** What the example is about, where it is invalid. */
const fieldOf = ({ name }: GoldenExample) => name.split('.')[0] ?? ''

describe.each(contractNames)('golden examples: %s', (contract) => {
  const examples = goldenExamples(contract)
  const validators = validatorsOf(contract)

  test('there are some of both', () => {
    expect(examples.filter(({ folder }) => folder === 'valid').length).toBeGreaterThan(5)
    expect(examples.filter(({ folder }) => folder === 'invalid').length).toBeGreaterThan(5)
  })

  test.each(examples)('$folder/$name: every validator says what is noted', (example) => {
    const judged = validatorNames.map((name) => [name, validators[name](example.text)] as const)
    expect(Object.fromEntries(judged.map(([name, { verdict }]) => [name, verdict]))).toEqual(
      Object.fromEntries(validatorNames.map((name) => [name, expected(example, name)])),
    )
    if (example.folder === 'valid' || fieldOf(example) === 'value') return
    for (const [name, { verdict, detail }] of judged) {
      if (verdict === 'invalid') expect(detail, name).toContain(fieldOf(example))
    }
  })

  test.each(examples)('$folder/$name: its note says nothing that goes without saying', ({ folder, note }) => {
    expect(note.about).toMatch(/^[^a-z].*\.\)?$/)
    expect(note.because === undefined).toBe(note.verdicts === undefined)
    expect(Object.values(note.verdicts ?? {})).not.toContain(folder)
  })
})

/** The writers of other people, and our readers of what they wrote. */
const formats: Record<'avro' | 'protobuf', { write: (value: object) => Buffer; read: PayloadReader }> = {
  avro: {
    write: (value) => avroType('outbound-message').toBuffer(value),
    read: readerOf(avroReader(schemaText('outbound-message', 'avro'), [])),
  },
  protobuf: {
    write: (value) => {
      const type = protobufType('outbound-message')
      return Buffer.concat([writeMessageIndexes([0]), type.encode(type.create(value)).finish()])
    },
    read: readerOf(protobufReader(schemaText('outbound-message', 'protobuf'), [])),
  },
}

function readerOf(made: ReturnType<typeof avroReader>): PayloadReader {
  if (made.kind === 'unreadable') throw new Error(`our own schema is unreadable: ${made.detail}`)
  return made.read
}

describe('what the bridge reads of outbound messages', () => {
  const examples = goldenExamples('outbound-message')
  const right = examples.filter(({ folder }) => folder === 'valid')

  test.each(right)('valid/$name: from JSON', ({ text, note }) => {
    const written = Object.entries(JSON.parse(text)).filter(([name]) => Object.hasOwn(outboundMessage.shape, name))
    const absent = { consumer_name: null, consumer_image: null, channel_id: null }
    expect(readOutboundMessage(parseJson(text) ?? null)).toEqual({
      kind: 'valid',
      message: { ...absent, ...Object.fromEntries(written), ...note.reads },
    })
  })

  describe.each(['avro', 'protobuf'] as const)('from %s', (format) => {
    const { write, read } = formats[format]

    const taken = right.filter((example) => expected(example, format) === 'valid')
    test.each(taken)('valid/$name: as from JSON', ({ text, note }) => {
      const fromJson = readOutboundMessage(parseJson(text) ?? null)
      if (fromJson.kind === 'invalid') throw new Error(fromJson.detail)
      const other = format === 'protobuf' ? note.readsFromProtobuf : {}
      expect(readPayload(write(JSON.parse(text)))).toEqual({
        kind: 'valid',
        message: { ...fromJson.message, ...other },
      })
    })

    const passed = examples.filter((example) => example.folder === 'invalid' && expected(example, format) !== 'invalid')
    test.each(passed)('invalid/$name: the format lets it pass, the bridge does not', (example) => {
      const result = readPayload(write(JSON.parse(example.text)))
      const { readsFromProtobuf } = example.note
      if (format === 'protobuf' && readsFromProtobuf !== undefined) {
        expect(result).toMatchObject({ kind: 'valid', message: readsFromProtobuf })
      } else if (expected(example, format) === 'changed' && result.kind === 'valid') {
        // The writer replaced what UTF-8 does not have: the bridge never sees that it was there.
        expect(result.message[fieldOf(example) as keyof OutboundMessage]).toContain('\ufffd')
      } else {
        expect(result.kind).not.toBe('valid')
        expect(result).toMatchObject({ detail: expect.stringContaining(fieldOf(example)) })
      }
    })

    function readPayload(bytes: Buffer): OutboundRead | { kind: 'undecodable'; detail: string } {
      const payload = read(bytes)
      return payload.kind === 'read' ? readOutboundMessage(payload.value) : payload
    }
  })
})
