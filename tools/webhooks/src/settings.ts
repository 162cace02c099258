// Owns the environment variables of the tool, which are those of the services: whose webhooks, with which key and secret.

import { connectTimeoutMs } from '@bridge/partoo/client'
import { type Environment, environments } from '@bridge/partoo/environment'
import {
  type ConfigRead,
  defaultsTo,
  optional,
  optionalFile,
  readVariables,
  required,
  secret,
  types,
} from '@bridge/runtime/config'
import { checkCaFile, checkTls, proxyVariables, wayTo } from '@bridge/runtime/http-variables'
import type { HttpWay } from '@bridge/schemas/http-way'
import { z } from 'zod'

const printable = z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')

export const variables = {
  PARTOO_ENVIRONMENT: defaultsTo(
    'production',
    'production or sandbox: where the API is',
    types.oneOf(Object.keys(environments) as [Environment, ...Environment[]]),
  ),
  PARTOO_BASE_URL: optional(
    `base URL with /v2, instead of the environment’s: ${environments.production.baseUrl}, ${environments.sandbox.baseUrl}`,
    types.httpUrl,
  ),
  PARTOO_CA_FILE: optionalFile(
    'PEM file of the certificate authority of Partoo’s address, where it is not a public one',
  ),
  ...proxyVariables(),
  PARTOO_API_KEY: secret(required('API key with ORG_ADMIN or PROVIDER rights', printable)),
  // developers.partoo.co, "Webhooks": the org_id query parameter is "only required for PROVIDER keys". So the others may
  // send it, and then a key of another organization does not go unnoticed.
  PARTOO_ORG_ID: optional(
    'the organization meant, sent as org_id wherever it is set; only a PROVIDER key needs it',
    types.organizationId,
  ),
  WEBHOOK_SECRET: secret(
    optional(
      "the gateway's secret: appended to --url as the path's last segment, and masked wherever addresses are shown; of several, one a line, the first",
      z
        .string()
        .transform((text) => text.split(/\r?\n/, 1)[0] ?? '')
        .pipe(printable.refine((text) => text !== '.' && text !== '..', { error: 'cannot be a segment of a path' })),
    ),
  ),
}

export type Settings = {
  baseUrl: string
  /** What PARTOO_BASE_URL or PARTOO_ENVIRONMENT calls it, for people. */
  where: string
  /** How it is reached; undefined: directly. */
  way: HttpWay | undefined
  apiKey: string
  orgId: string | undefined
  secret: string | undefined
}

/** Reads and checks the variables. @returns them, or every problem, one line each */
export function readSettings(env: NodeJS.ProcessEnv): ConfigRead<Settings> {
  const read = readVariables(variables, env, (values) => [
    ...checkTls(env),
    ...checkCaFile('PARTOO_CA_FILE', values.PARTOO_CA_FILE),
  ])
  if (read.kind === 'wrong') return read
  const { PARTOO_ENVIRONMENT: environment, PARTOO_BASE_URL: given, PARTOO_ORG_ID: orgId } = read.config
  const baseUrl = given ?? environments[environment].baseUrl
  return {
    kind: 'read',
    config: {
      baseUrl,
      where: given === undefined ? `${baseUrl} (${environment})` : baseUrl,
      way: wayTo(baseUrl, read.config, env, {
        caFile: read.config.PARTOO_CA_FILE,
        timeoutMs: connectTimeoutMs(Number.POSITIVE_INFINITY),
      }),
      apiKey: read.config.PARTOO_API_KEY,
      orgId,
      secret: read.config.WEBHOOK_SECRET,
    },
  }
}
