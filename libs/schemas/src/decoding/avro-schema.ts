// An Avro schema as a tree that payloads are read along. As tolerant as Java's parser or more: documentation, defaults, aliases,
// orders and properties that we do not know are passed over. Named types may be recursive, and may come from referenced schemas.

import { enumTexts } from './outbound-fields.ts'
import type { SchemaReference } from './payload.ts'

export type AvroNode =
  | { kind: 'null' | 'boolean' | 'long' | 'float' | 'double' | 'string' }
  /** `isInteger`: a decimal without digits behind the point. */
  | { kind: 'bytes'; isInteger: boolean }
  | { kind: 'fixed'; size: number; isInteger: boolean; isUuid: boolean }
  /** What each symbol says. */
  | { kind: 'enum'; texts: readonly string[] }
  | { kind: 'array' | 'map'; items: AvroNode }
  | { kind: 'record'; fields: { name: string; type: AvroNode }[] }
  | { kind: 'union'; branches: AvroNode[] }

export type AvroSchemaRead = { kind: 'read'; node: AvroNode } | { kind: 'unreadable'; detail: string }

const nodesMax = 50_000
const depthMax = 100

/** What stands where there is nothing: after a fault. */
const none: AvroNode = { kind: 'null' }

const primitives = new Map<unknown, AvroNode>([
  ['null', { kind: 'null' }],
  ['boolean', { kind: 'boolean' }],
  ['int', { kind: 'long' }],
  ['long', { kind: 'long' }],
  ['float', { kind: 'float' }],
  ['double', { kind: 'double' }],
  ['string', { kind: 'string' }],
  ['bytes', { kind: 'bytes', isInteger: false }],
])

/** Reads a schema. @param references those that come first in it are needed by those that follow */
export function readAvroSchema(text: string, references: readonly SchemaReference[]): AvroSchemaRead {
  const parser = new AvroSchemaParser()
  let node: AvroNode = none
  for (const schema of [...references, { text }]) node = parser.read(schema.text)
  return parser.fault === null ? { kind: 'read', node } : { kind: 'unreadable', detail: parser.fault }
}

type Properties = { [name: string]: unknown }

/** Faults are noted, and the first one is what counts: from then on the nodes mean nothing. */
class AvroSchemaParser {
  fault: string | null = null
  readonly #named = new Map<string, AvroNode>()
  #nodes = 0
  #depth = 0

  read(text: string): AvroNode {
    let schema: unknown
    try {
      schema = JSON.parse(text)
    } catch {
      return this.#fail('it is not JSON')
    }
    return this.#node(schema, '')
  }

  /** @param namespace of the type around it; empty for none */
  #node(schema: unknown, namespace: string): AvroNode {
    this.#nodes += 1
    if (this.#nodes > nodesMax || this.#depth > depthMax) return this.#fail('it is too large or nested too deeply')
    if (this.fault !== null) return none
    this.#depth += 1
    const node = this.#nodeOf(schema, namespace)
    this.#depth -= 1
    return node
  }

  #nodeOf(schema: unknown, namespace: string): AvroNode {
    if (typeof schema === 'string') return this.#byName(schema, namespace)
    if (Array.isArray(schema)) return { kind: 'union', branches: schema.map((branch) => this.#node(branch, namespace)) }
    if (typeof schema !== 'object' || schema === null) return this.#fail('a type is neither a name nor an object')
    const own = schema as Properties
    switch (own.type) {
      case 'record':
      case 'error':
        return this.#record(own, namespace)
      case 'enum':
        return this.#enum(own, namespace)
      case 'fixed':
        return this.#fixed(own, namespace)
      case 'array':
        return { kind: 'array', items: this.#node(own.items, namespace) }
      case 'map':
        return { kind: 'map', items: this.#node(own.values, namespace) }
      case 'bytes':
        return { kind: 'bytes', isInteger: isInteger(own) }
      default:
        // `{"type": "string"}`, and what some generators make of it: `{"type": {"type": "string"}}`.
        return this.#node(own.type, namespace)
    }
  }

  #byName(name: string, namespace: string): AvroNode {
    const known =
      primitives.get(name) ??
      (name.includes('.') ? undefined : this.#named.get(`${namespace}.${name}`)) ??
      this.#named.get(name.includes('.') ? name : `.${name}`)
    return known ?? this.#fail('it names a type that neither it nor what it refers to defines')
  }

  #record(own: Properties, namespace: string): AvroNode {
    const node: AvroNode = { kind: 'record', fields: [] }
    const inner = this.#define(own, namespace, node)
    if (!Array.isArray(own.fields)) return this.#fail('a record has no fields')
    for (const field of own.fields as (Properties | null)[]) {
      if (typeof field?.name !== 'string') return this.#fail('a field has no name')
      node.fields.push({ name: field.name, type: this.#node(field.type, inner) })
    }
    return node
  }

  #enum(own: Properties, namespace: string): AvroNode {
    const { symbols } = own
    if (!Array.isArray(symbols)) return this.#fail('an enum has no symbols')
    const node: AvroNode = { kind: 'enum', texts: enumTexts(symbols.map(String)) }
    this.#define(own, namespace, node)
    return node
  }

  #fixed(own: Properties, namespace: string): AvroNode {
    const { size } = own
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return this.#fail('a fixed has no size')
    const isUuid = own.logicalType === 'uuid' && size === 16
    const node: AvroNode = { kind: 'fixed', size, isInteger: isInteger(own), isUuid }
    this.#define(own, namespace, node)
    return node
  }

  /** Notes a named type, before its fields are read, as they may name it. @returns its namespace */
  #define(own: Properties, outer: string, node: AvroNode): string {
    const name = typeof own.name === 'string' ? own.name : ''
    const dot = name.lastIndexOf('.')
    const given = typeof own.namespace === 'string' ? own.namespace : outer
    const namespace = dot >= 0 ? name.slice(0, dot) : given
    this.#named.set(`${namespace}.${name.slice(dot + 1)}`, node)
    return namespace
  }

  #fail(detail: string): AvroNode {
    this.fault ??= detail
    return none
  }
}

function isInteger({ logicalType, scale }: Properties): boolean {
  return logicalType === 'decimal' && (scale === undefined || scale === 0)
}
