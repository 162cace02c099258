// What a reader of payloads is, whatever the schema's language.

import type { JsonValue } from '../json.ts'

/** `detail` is one line for a person: it names fields and rules, never a value. */
export type PayloadRead = { kind: 'read'; value: JsonValue } | { kind: 'undecodable'; detail: string }

/** Total: there is an answer for any bytes, within time that grows with their number only. */
export type PayloadReader = (payload: Buffer) => PayloadRead

/** What comes of a schema: a reader, or why none can be made of it. */
export type ReaderMade = { kind: 'reader'; read: PayloadReader } | { kind: 'unreadable'; detail: string }

/** A schema that another one refers to. */
export type SchemaReference = { name: string; text: string }
