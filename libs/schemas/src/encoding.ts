// What the services publish through a schema registry: receipts and replies, in Confluent's wire format.
//
//   avro         binary, by the contract's Avro schema; content-type application/avro
//   json-schema  the same JSON as without a registry, behind the schema's id; content-type application/json
//
// The content type is that of the data behind the wire format's five bytes, as a deserializer of a registry gives it.

import type { Schema } from 'avsc'
import type { OwnSchema } from './registry.ts'
import { schemaText } from './schema-files.ts'

export const outputFormats = ['json', 'avro', 'json-schema'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** The contracts that are published by the services. */
export type PublishedContract = 'receipt' | 'reply'

export type Encoder = {
  /** What is registered, and names what is written. */
  schema: OwnSchema
  contentType: string
  /** From the JSON of a value of the contract to the payload behind the frame. Throws where it is none: a bug. */
  encode: (json: Buffer) => Buffer
}

/** The encoder of a contract. Avro is loaded only where it is asked for: it would take memory for nothing. */
export async function encoderOf(contract: PublishedContract, format: Exclude<OutputFormat, 'json'>): Promise<Encoder> {
  const text = schemaText(contract, format)
  switch (format) {
    case 'avro': {
      const { default: avro } = await import('avsc')
      const type = avro.Type.forSchema(JSON.parse(text) as Schema)
      return {
        schema: { type: 'AVRO', text },
        contentType: 'application/avro',
        encode: (json) => type.toBuffer(JSON.parse(json.toString('utf8'), (_, value) => wellFormed(value))),
      }
    }
    case 'json-schema':
      return { schema: { type: 'JSON', text }, contentType: 'application/json', encode: (json) => json }
  }
}

/** Half a surrogate pair, which JSON may hold, becomes U+FFFD: avsc writes it as bytes that are not UTF-8 in short texts. */
function wellFormed(value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value
}
