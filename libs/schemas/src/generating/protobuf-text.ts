// A contract as a Protobuf file, proto3: one message, the first and only one of its file, those of its fields nested in it, so that
// the list of message indexes in Confluent's wire format is the single zero byte. What may be null is `optional`: absent is null.
//
// Words are strings, those of sender_type too: a proto3 enum needs a zero value, which would stand for a field that was forgotten.

import { type Contract, type Field, type FieldKind, namespace } from '../contracts.ts'

const columnsMax = 120

/** @returns the text of a `.proto` file */
export function protobufText({ recordName, description, fields }: Contract): string {
  const head = ['syntax = "proto3";', '', `package ${namespace};`, '', 'option java_multiple_files = true;', '']
  return `${[...head, ...message(recordName, description, fields, '')].join('\n')}\n`
}

function message(name: string, description: string, fields: readonly Field[], indent: string): string[] {
  const inner = `${indent}  `
  const nested = fields.flatMap(({ type, description: own }) =>
    type.kind === 'object' ? [...message(type.name, own, type.fields, inner), ''] : [],
  )
  const lines = fields.flatMap((field, i) => [
    ...(i === 0 ? [] : ['']),
    ...comment(field.description, inner),
    `${inner}${field.presence === 'required' ? '' : 'optional '}${protobufType(field.type)} ${field.name} = ${field.number};`,
  ])
  return [...comment(description, indent), `${indent}message ${name} {`, ...nested, ...lines, `${indent}}`]
}

function protobufType(type: FieldKind): string {
  switch (type.kind) {
    case 'id':
    case 'string':
    case 'time':
    case 'words':
      return 'string'
    case 'int':
      return 'int32'
    case 'long':
      return 'int64'
    case 'object':
      return type.name
  }
}

/** Comment lines, broken between words. */
function comment(text: string, indent: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columnsMax) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`${indent}// ${word}`)
  }
  return lines
}
