// A contract as JSON Schema: draft-07 and 2020-12, which say the same of these fields. Members that are not described are allowed,
// as readers ignore them. What the bridge reads may have ids as integers; what it writes has them as strings.
//
// No schema says: that an id is at most 1,024 bytes (maxLength counts characters), that half a surrogate pair is invalid, that an
// integer id has digits only (1.0 is an integer to JSON Schema). The golden examples show each.

import type { Contract, Direction, Field, FieldKind } from '../contracts.ts'
import { idBytesMax } from '../ids.ts'
import { jsonText } from './json-text.ts'

const drafts = {
  'draft-07': 'http://json-schema.org/draft-07/schema#',
  '2020-12': 'https://json-schema.org/draft/2020-12/schema',
} as const

export type Draft = keyof typeof drafts

/** @returns the text of a `.schema.json` file */
export function jsonSchemaText(contract: Contract, draft: Draft): string {
  return jsonText({ $schema: drafts[draft], ...jsonSchema(contract) })
}

/** The schema without `$schema`, right in both drafts. Some serializers ask for a `title`. */
export function jsonSchema({ recordName, description, fields, direction }: Contract): object {
  return { title: recordName, description, ...objectSchema(fields, direction) }
}

function objectSchema(fields: readonly Field[], direction: Direction) {
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field, direction)])),
    required: fields.filter(({ presence }) => presence !== 'optional').map(({ name }) => name),
    additionalProperties: true,
  }
}

function fieldSchema({ presence, type, description }: Field, direction: Direction) {
  const { types, ...rules } = kindSchema(type, direction)
  const all = presence === 'required' ? types : [...types, 'null']
  return { description, type: all.length === 1 ? all[0] : all, ...rules }
}

const utcTime = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$'

function kindSchema(type: FieldKind, direction: Direction): { types: string[]; [rule: string]: unknown } {
  switch (type.kind) {
    case 'id': {
      const size = { minLength: 1, maxLength: idBytesMax }
      return direction === 'read by the bridge'
        ? { types: ['string', 'integer'], ...size, minimum: 0 }
        : { types: ['string'], ...size }
    }
    case 'string':
      return { types: ['string'], ...(!type.isEmptyAllowed && { minLength: 1 }) }
    case 'words':
      return type.closed
        ? { types: ['string'], enum: [...type.words] }
        : { types: ['string'], examples: [...type.words] }
    case 'time':
      // Not as `format`: ajv refuses a schema with one that it was not told of, and so do the clients that use it as it comes.
      return { types: ['string'], pattern: utcTime }
    case 'int':
      return { types: ['integer'], minimum: 0, maximum: 2 ** 31 - 1 }
    case 'long':
      return { types: ['integer'], minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
    case 'object':
      return { types: ['object'], ...omitType(objectSchema(type.fields, direction)) }
  }
}

function omitType({ type: _, ...rules }: ReturnType<typeof objectSchema>) {
  return rules
}
