// Owns the test's own reading of what the bridge publishes, to say what the clients must read: JSON as it is, the framed formats by
// the committed schemas, with a library that the product does not encode with where there is one.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import avro from 'avsc'
import type { OutputFormat } from './clients.ts'
import { schemas } from './toolchains.ts'

/** Magic byte and schema id. */
const frameBytes = 5

export function decodeOwn(format: OutputFormat, contract: 'receipt' | 'reply', value: Buffer | null): unknown {
  if (value === null) throw new Error('a record without a value')
  if (format === 'json') return JSON.parse(value.toString())
  if (value[0] !== 0) throw new Error(`not framed: ${format}`)
  const payload = value.subarray(frameBytes)
  if (format === 'json-schema') return JSON.parse(payload.toString())
  const schema = JSON.parse(readFileSync(join(schemas, `${contract}.v1.avsc`), 'utf8')) as avro.Schema
  // Through JSON: avsc's records have prototypes of their own. Its longs are safe integers, or it throws.
  return JSON.parse(JSON.stringify(avro.Type.forSchema(schema).fromBuffer(payload)))
}
