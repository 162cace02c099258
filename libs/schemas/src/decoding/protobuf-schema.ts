// A Protobuf schema as what payloads are read by: its message types in order, as message indexes count them, and of each the fields
// that bear our names. A registry has it as the text of a .proto file (read with protobufjs), or as Python's clients register it and
// not every registry translates it: a FileDescriptorProto in base64 (read here).
//
// Imports matter only where a field of ours is an enum of another file; Google's wrappers (`google.protobuf.StringValue`) are known by
// name. So a schema whose other imports cannot be had is read all the same.
//
// Message indexes count nested types in the order of the text, as Java does; of a descriptor in the order of the descriptor, as Python
// does, which counts map fields too.

import protobuf from 'protobufjs'
import { Cursor } from './cursor.ts'
import { enumTexts, outboundFields } from './outbound-fields.ts'
import type { SchemaReference } from './payload.ts'

/** As the wire has it: `other` for what is no text and no number (bytes, messages, maps). */
export type ProtobufScalar =
  | 'string'
  | 'bool'
  | 'float'
  | 'double'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'other'

export type ProtobufKind =
  | { kind: 'scalar'; scalar: ProtobufScalar }
  /** A message whose field 1 is the value, so that it may be absent. */
  | { kind: 'wrapper'; scalar: ProtobufScalar }
  /** What each number says. */
  | { kind: 'enum'; texts: ReadonlyMap<number, string> }

/** `name`: ours. `hasPresence`: whether absence is told from zero and the empty text. */
export type ProtobufField = { name: string; of: ProtobufKind; isRepeated: boolean; hasPresence: boolean }

export type ProtobufMessage = { fields: ReadonlyMap<number, ProtobufField>; nested: readonly ProtobufMessage[] }

export type ProtobufSchemaRead =
  | { kind: 'read'; messages: readonly ProtobufMessage[] }
  | { kind: 'unreadable'; detail: string }

// What a text and a descriptor have in common.
type Declared = {
  package: string
  messages: DeclaredMessage[]
  enums: DeclaredEnum[]
}
type DeclaredEnum = { name: string; values: [name: string, number: number][] }
type DeclaredMessage = { name: string; fields: DeclaredField[]; nested: DeclaredMessage[]; enums: DeclaredEnum[] }
type DeclaredField = {
  name: string
  jsonName: string
  number: number
  type: string
  isRepeated: boolean
  hasPresence: boolean
}

type Enums = Map<string, ReadonlyMap<number, string>>

const nestedMax = 32

/** Reads a schema. @param references in any order */
export function readProtobufSchema(text: string, references: readonly SchemaReference[]): ProtobufSchemaRead {
  const main = declaredIn(text)
  if (main === undefined)
    return { kind: 'unreadable', detail: 'it is neither a .proto file nor a descriptor in base64' }
  const enums: Enums = new Map()
  noteEnums(main, enums)
  for (const reference of references) {
    const declared = declaredIn(reference.text)
    if (declared !== undefined) noteEnums(declared, enums)
  }
  return { kind: 'read', messages: main.messages.map((message) => messageOf(message, main.package, enums)) }
}

function messageOf(declared: DeclaredMessage, scope: string, enums: Enums): ProtobufMessage {
  const inner = join(scope, declared.name)
  const fields = new Map<number, ProtobufField>()
  for (const name of outboundFields) {
    const camel = camelCase(name)
    // Protobuf itself knows each field by both names.
    const field =
      declared.fields.find((one) => one.name === name) ??
      declared.fields.find((one) => one.name === camel || one.jsonName === camel || one.jsonName === name)
    if (field === undefined) continue
    const { number, type, isRepeated, hasPresence } = field
    const of = kindOf(type, inner, enums)
    fields.set(number, { name, of, isRepeated, hasPresence: hasPresence || of.kind === 'wrapper' })
  }
  return { fields, nested: declared.nested.map((one) => messageOf(one, inner, enums)) }
}

const wrappers = new Map<string, ProtobufScalar>([
  ['StringValue', 'string'],
  ['Int64Value', 'int64'],
  ['UInt64Value', 'uint64'],
  ['Int32Value', 'int32'],
  ['UInt32Value', 'uint32'],
])

const scalars = new Set<string>([
  ...['string', 'bool', 'float', 'double', 'int32', 'int64', 'uint32', 'uint64'],
  ...['sint32', 'sint64', 'fixed32', 'fixed64', 'sfixed32', 'sfixed64'],
])

function kindOf(type: string, scope: string, enums: Enums): ProtobufKind {
  if (scalars.has(type)) return { kind: 'scalar', scalar: type as ProtobufScalar }
  const [, wrapper = ''] = /^\.?google\.protobuf\.(\w+)$/.exec(type) ?? []
  const wrapped = wrappers.get(wrapper)
  if (wrapped !== undefined) return { kind: 'wrapper', scalar: wrapped }
  const texts = enumNamed(type, scope, enums)
  return texts === undefined ? { kind: 'scalar', scalar: 'other' } : { kind: 'enum', texts }
}

/** A name is looked for in the innermost scope first; one that begins with a dot is whole. */
function enumNamed(type: string, scope: string, enums: Enums): ReadonlyMap<number, string> | undefined {
  if (type.startsWith('.')) return enums.get(type.slice(1))
  for (let outer = scope; ; outer = outer.slice(0, Math.max(0, outer.lastIndexOf('.')))) {
    const found = enums.get(join(outer, type))
    if (found !== undefined || outer === '') return found
  }
}

function noteEnums(file: Declared, enums: Enums): void {
  const note = (scope: string, own: readonly DeclaredEnum[], messages: readonly DeclaredMessage[]) => {
    for (const { name, values } of own) {
      const texts = enumTexts(values.map(([value]) => value))
      // Of several names of one number the first is the one that is written.
      const byNumber = new Map<number, string>()
      values.forEach(([, number], i) => {
        if (!byNumber.has(number)) byNumber.set(number, texts[i] ?? '')
      })
      enums.set(join(scope, name), byNumber)
    }
    for (const message of messages) note(join(scope, message.name), message.enums, message.nested)
  }
  note(file.package, file.enums, file.messages)
}

function join(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function declaredIn(text: string): Declared | undefined {
  // No .proto file is without spaces and braces.
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text.trim()) ? declaredInDescriptor(text) : declaredInText(text)
}

// ── Text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const syntaxStatement = /^(syntax|edition)\s*=\s*["']([^"']+)["']/

function declaredInText(text: string): Declared | undefined {
  let parsed: protobuf.IParserResult
  try {
    parsed = protobuf.parse(text, new protobuf.Root(), { keepCase: true })
  } catch {
    return undefined
  }
  const [, statement, version] = syntaxStatement.exec(fromFirstStatement(text)) ?? []
  // In an edition absence is told from zero, but where features say otherwise.
  const isImplicit =
    statement === 'edition' ? /features\.field_presence\s*=\s*IMPLICIT/.test(text) : version === 'proto3'
  const scope = parsed.package === undefined ? parsed.root : parsed.root.lookup(parsed.package)
  if (!(scope instanceof protobuf.Namespace)) return undefined
  return { package: parsed.package ?? '', ...declaredUnder(scope, isImplicit, 0) }
}

/** The text without the comments that it begins with. */
function fromFirstStatement(text: string): string {
  for (let rest = text.trimStart(); ; ) {
    const end = rest.startsWith('//') ? '\n' : rest.startsWith('/*') ? '*/' : undefined
    if (end === undefined) return rest
    const at = rest.indexOf(end, 2)
    if (at < 0) return ''
    rest = rest.slice(at + end.length).trimStart()
  }
}

function declaredUnder(scope: protobuf.NamespaceBase, isImplicit: boolean, depth: number) {
  const messages: DeclaredMessage[] = []
  const enums: DeclaredEnum[] = []
  for (const one of scope.nestedArray) {
    if (one instanceof protobuf.Enum) enums.push({ name: one.name, values: Object.entries(one.values) })
    if (!(one instanceof protobuf.Type) || depth >= nestedMax) continue
    const { messages: nested, enums: ownEnums } = declaredUnder(one, isImplicit, depth + 1)
    const fields = one.fieldsArray.map((field) => declaredField(field, isImplicit))
    messages.push({ name: one.name, fields, nested, enums: ownEnums })
  }
  return { messages, enums }
}

function declaredField(field: protobuf.Field, isImplicit: boolean): DeclaredField {
  const jsonName: unknown = field.options?.json_name
  return {
    name: field.name,
    jsonName: typeof jsonName === 'string' ? jsonName : camelCase(field.name),
    number: field.id,
    type: field.map ? 'map' : field.type,
    isRepeated: field.repeated || field.map,
    hasPresence: !isImplicit || field.partOf !== null,
  }
}

// ── Descriptor ───────────────────────────────────────────────────────────────────────────────────────────────────────
// The numbers are those of google/protobuf/descriptor.proto, which are fixed.

const fieldTypes: readonly (ProtobufScalar | 'named')[] = [
  ...(['other', 'double', 'float', 'int64', 'uint64', 'int32', 'fixed64', 'fixed32', 'bool', 'string'] as const),
  ...(['other', 'named', 'other', 'uint32', 'named', 'sfixed32', 'sfixed64', 'sint32', 'sint64'] as const),
]

function declaredInDescriptor(base64: string): Declared | undefined {
  const file = partsOf(Buffer.from(base64, 'base64'))
  if (file === undefined) return undefined
  const isImplicit = file.text(12) === 'proto3'
  const messages = file.all(4).map((bytes) => describedMessage(bytes, isImplicit, 0))
  const enums = file.all(5).map(describedEnum)
  if (messages.includes(undefined) || enums.includes(undefined)) return undefined
  return { package: file.text(2), messages: messages.filter(isThere), enums: enums.filter(isThere) }
}

function describedMessage(bytes: Buffer, isImplicit: boolean, depth: number): DeclaredMessage | undefined {
  const message = partsOf(bytes)
  if (message === undefined || depth > nestedMax) return undefined
  const nested = message.all(3).map((one) => describedMessage(one, isImplicit, depth + 1))
  const enums = message.all(4).map(describedEnum)
  const fields = message.all(2).map((one) => describedField(one, isImplicit))
  if (nested.includes(undefined) || enums.includes(undefined) || fields.includes(undefined)) return undefined
  return {
    name: message.text(1),
    fields: fields.filter(isThere),
    nested: nested.filter(isThere),
    enums: enums.filter(isThere),
  }
}

function describedField(bytes: Buffer, isImplicit: boolean): DeclaredField | undefined {
  const field = partsOf(bytes)
  if (field === undefined) return undefined
  const type = fieldTypes[field.number(5) ?? 0] ?? 'other'
  return {
    name: field.text(1),
    jsonName: field.text(10) || camelCase(field.text(1)),
    number: field.number(3) ?? 0,
    type: type === 'named' ? field.text(6) : type,
    isRepeated: field.number(4) === 3,
    // A oneof, a made-up one of `optional` too, has an index.
    hasPresence: !isImplicit || field.number(9) !== undefined,
  }
}

function describedEnum(bytes: Buffer): DeclaredEnum | undefined {
  const described = partsOf(bytes)
  const values = described?.all(2).map(partsOf)
  if (described === undefined || values === undefined || values.includes(undefined)) return undefined
  return {
    name: described.text(1),
    values: values.filter(isThere).map((value) => [value.text(1), value.number(2) ?? 0]),
  }
}

/** The parts of a message by field number, or undefined where it is none. */
function partsOf(bytes: Buffer) {
  const cursor = new Cursor(bytes)
  const parts = new Map<number, (Buffer | number)[]>()
  while (!cursor.isAtEnd && cursor.step()) {
    const tag = cursor.varint()
    const [number, wire] = [Math.floor(tag / 8), tag % 8]
    if (wire !== 0 && wire !== 2) return undefined
    const part = wire === 0 ? Number(BigInt.asIntN(32, cursor.varint64())) : cursor.take(cursor.varint())
    const known = parts.get(number)
    if (known === undefined) parts.set(number, [part])
    else known.push(part)
  }
  if (cursor.fault !== null) return undefined
  const all = (number: number) => (parts.get(number) ?? []).filter((part) => typeof part !== 'number')
  return {
    all,
    text: (number: number) => all(number).at(-1)?.toString() ?? '',
    number: (number: number) => (parts.get(number) ?? []).findLast((part) => typeof part === 'number'),
  }
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined
}
