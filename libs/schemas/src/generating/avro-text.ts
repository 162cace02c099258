// A contract as an Avro schema. What may be null is a union with null first, so that null is its default and the field may be
// left out or added later. Words that may become more are strings: an enum would break every reader that does not know a new one.

import { type Contract, type Field, type FieldKind, namespace } from '../contracts.ts'
import { jsonText } from './json-text.ts'

type AvroType = string | { [key: string]: unknown } | AvroType[]

/** @returns the text of an `.avsc` file */
export function avroText({ recordName, description, fields }: Contract): string {
  const record = { type: 'record', name: recordName, namespace, doc: description, fields: fields.map(avroField) }
  return jsonText(record)
}

function avroField({ name, presence, type, description }: Field) {
  const own = avroType(type, description)
  return {
    name,
    type: presence === 'required' ? own : ['null', own],
    doc: description,
    ...(presence !== 'required' && { default: null }),
  }
}

function avroType(type: FieldKind, doc: string): AvroType {
  switch (type.kind) {
    case 'id':
    case 'string':
    case 'time':
      return 'string'
    case 'words':
      return type.closed ? { type: 'enum', name: type.name, doc, symbols: [...type.words] } : 'string'
    case 'int':
    case 'long':
      return type.kind
    case 'object':
      return { type: 'record', name: type.name, doc, fields: type.fields.map(avroField) }
  }
}
