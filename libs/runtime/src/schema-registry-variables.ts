// The connection to a schema registry that speaks Confluent's API: the variables that describe it, for both services.

import type { RegistryConnection } from '@bridge/schemas/registry'
import { optional, optionalFile, secret, secretText, types, type Values } from './config.ts'
import { checkCaFile, type ProxyValues, wayTo } from './http-variables.ts'

/** How long one request to the registry may take. */
const timeoutMs = 5_000

/** @param what the service does with it, to read on after “URL of a schema registry:” */
export function schemaRegistryVariables(what: string) {
  return {
    SCHEMA_REGISTRY_URL: optional(
      `base URL of a schema registry that speaks Confluent’s API, with its path (Apicurio: /apis/ccompat/v7): ${what}`,
      types.httpUrl,
    ),
    SCHEMA_REGISTRY_USERNAME: optional('user name for basic authentication at the registry', types.text),
    SCHEMA_REGISTRY_PASSWORD: secret(optional('password for it', types.text)),
    SCHEMA_REGISTRY_CA_FILE: optionalFile(
      'PEM file of the certificate authority of the registry, where it is not a public one',
    ),
  }
}

export type SchemaRegistryValues = Values<ReturnType<typeof schemaRegistryVariables>>

/** Relations between these variables: problems, one line each. */
export function checkSchemaRegistry(values: Partial<SchemaRegistryValues>): string[] {
  const problems: string[] = []
  const {
    SCHEMA_REGISTRY_URL: url,
    SCHEMA_REGISTRY_USERNAME: username,
    SCHEMA_REGISTRY_PASSWORD: password,
    SCHEMA_REGISTRY_CA_FILE: caFile,
  } = values
  if (username?.includes(':'))
    problems.push('SCHEMA_REGISTRY_USERNAME must hold no colon: basic authentication cannot carry it')
  if ((username === undefined) !== (password === undefined)) {
    problems.push('SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD go together: set both or none')
  }
  if (url === undefined) {
    for (const name of ['USERNAME', 'PASSWORD', 'CA_FILE'] as const) {
      const set = values[`SCHEMA_REGISTRY_${name}`] !== undefined
      if (set)
        problems.push(`SCHEMA_REGISTRY_${name} is set, and SCHEMA_REGISTRY_URL is not: no registry would be asked`)
    }
  }
  if (caFile !== undefined && url?.startsWith('http:')) {
    problems.push('SCHEMA_REGISTRY_CA_FILE is set, and SCHEMA_REGISTRY_URL is http: use https')
  }
  return [...problems, ...checkCaFile('SCHEMA_REGISTRY_CA_FILE', caFile)]
}

/**
 * The registry that checked variables describe; undefined where none is configured.
 *
 * @param env tells which secrets came from files: those, and the certificates, are read again when they change
 */
export function schemaRegistryConnection(
  values: SchemaRegistryValues & ProxyValues,
  env: NodeJS.ProcessEnv,
): RegistryConnection | undefined {
  const { SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_CA_FILE: caFile, SCHEMA_REGISTRY_PASSWORD: password } = values
  if (url === undefined) return undefined
  return {
    url: url.replace(/\/+$/, ''),
    username: values.SCHEMA_REGISTRY_USERNAME,
    password: password === undefined ? undefined : secretText(env, 'SCHEMA_REGISTRY_PASSWORD', password),
    way: wayTo(url, values, env, { caFile, timeoutMs }),
    timeoutMs,
  }
}
