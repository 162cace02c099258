// What `npm run generate` writes: every generated file, with its text.

import { fileURLToPath } from 'node:url'
import { type Contract, contracts } from '../contracts.ts'
import { type SchemaFileKind, schemaFileKinds, schemaPath } from '../schema-files.ts'
import { asyncapiText } from './asyncapi-text.ts'
import { avroText } from './avro-text.ts'
import { jsonSchemaText } from './json-schema-text.ts'
import { protobufText } from './protobuf-text.ts'

export type GeneratedFile = { path: string; text: string }

export const asyncapiPath = fileURLToPath(new URL('../../../../docs/asyncapi.yaml', import.meta.url))

/** All of them, by absolute path. */
export function generatedFiles(): GeneratedFile[] {
  const schemas = Object.values(contracts).flatMap((contract) =>
    schemaFileKinds.map((kind) => ({ path: schemaPath(contract.name, kind), text: textOf(contract, kind) })),
  )
  return [...schemas, { path: asyncapiPath, text: asyncapiText() }]
}

function textOf(contract: Contract, kind: SchemaFileKind): string {
  switch (kind) {
    case 'avro':
      return avroText(contract)
    case 'json-schema':
      return jsonSchemaText(contract, 'draft-07')
    case 'json-schema-2020-12':
      return jsonSchemaText(contract, '2020-12')
    case 'protobuf':
      return protobufText(contract)
  }
}
