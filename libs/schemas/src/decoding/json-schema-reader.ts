// Payloads written with JSON Schema: JSON text. They are not checked against the writer's schema: the writer's serializer has done
// that, and what counts here is our own contract. So the draft of the schema does not matter, nor what it refers to; it is asked
// for all the same, as only the registry knows that a payload is JSON and not Avro or Protobuf.

import { decodeUtf8, parseJsonOutermost } from '../json.ts'
import type { PayloadReader } from './payload.ts'

/** Reads JSON text as it is read without a registry. */
export const readJsonPayload: PayloadReader = (payload) => {
  const text = decodeUtf8(payload)
  if (text === undefined) return { kind: 'undecodable', detail: 'it is not UTF-8' }
  const value = parseJsonOutermost(text)
  return value === undefined ? { kind: 'undecodable', detail: 'it is not JSON' } : { kind: 'read', value }
}
