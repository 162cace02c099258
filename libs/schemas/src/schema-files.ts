// The committed schema files: where they are, and what is in them. Others copy them from there; the services register them.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ContractName } from './contracts.ts'

export type { ContractName } from './contracts.ts'

export const schemaFormats = ['avro', 'json-schema', 'protobuf'] as const
export type SchemaFormat = (typeof schemaFormats)[number]

/** Each of the files that there is for a contract. `json-schema` is draft-07, which serializers of registries know best. */
export const schemaFileKinds = [...schemaFormats, 'json-schema-2020-12'] as const
export type SchemaFileKind = (typeof schemaFileKinds)[number]

const endings: Record<SchemaFileKind, string> = {
  avro: 'avsc',
  'json-schema': 'schema.json',
  'json-schema-2020-12': '2020-12.schema.json',
  protobuf: 'proto',
}

/** The path of a committed schema file, for version 1 of a contract. */
export function schemaPath(contract: ContractName, kind: SchemaFileKind): string {
  return fileURLToPath(new URL(`../schemas/${contract}.v1.${endings[kind]}`, import.meta.url))
}

/** The committed text of a contract's schema, read from its file. */
export function schemaText(contract: ContractName, format: SchemaFileKind): string {
  return readFileSync(schemaPath(contract, format), 'utf8')
}
