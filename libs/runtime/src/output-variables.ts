// In which format the services publish receipts and replies: the variables, for both.

import { type OutputFormat, outputFormats } from '@bridge/schemas/encoding'
import { defaultsTo, types, type Values } from './config.ts'
import type { SchemaRegistryValues } from './schema-registry-variables.ts'

/** @param what the service publishes, to read on after “format of” */
export function outputVariables(what: string) {
  return {
    OUTPUT_FORMAT: defaultsTo(
      'json',
      `format of ${what}: json, or avro or json-schema through the schema registry`,
      types.oneOf(outputFormats),
    ),
    SCHEMA_REGISTRY_AUTO_REGISTER: defaultsTo(
      'false',
      'register the schemas of what is published, instead of waiting until `npm run schemas -- register` has',
      types.flag,
    ),
  }
}

export type OutputValues = Values<ReturnType<typeof outputVariables>>

/** Relations between these variables: problems, one line each. */
export function checkOutput(values: Partial<OutputValues & SchemaRegistryValues>): string[] {
  const { OUTPUT_FORMAT: format, SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_AUTO_REGISTER: registers } = values
  const problems: string[] = []
  if (format !== undefined && format !== 'json' && url === undefined) {
    problems.push(`OUTPUT_FORMAT is ${format}, and SCHEMA_REGISTRY_URL is not set: the schemas' ids come from there`)
  }
  if (registers && format === 'json') {
    problems.push('SCHEMA_REGISTRY_AUTO_REGISTER is set, and OUTPUT_FORMAT is json: nothing would be registered')
  }
  return problems
}

export type Output = { format: OutputFormat; registers: boolean }

/** What checked variables say. */
export function outputOf(values: OutputValues): Output {
  return { format: values.OUTPUT_FORMAT, registers: values.SCHEMA_REGISTRY_AUTO_REGISTER }
}
