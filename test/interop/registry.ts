// Owns schemas in the registry of the interop tests, spoken to as any producer's deployment does.

import { join } from 'node:path'
import { run } from './programs.ts'
import { root } from './toolchains.ts'

const contentType = 'application/vnd.schemaregistry.v1+json'
const deadlineMs = 20_000

export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

/** Registers a schema. Rejects where the registry refuses it. @param url of the registry, with its path */
export async function register(url: string, subject: string, schemaType: SchemaType, schema: string): Promise<void> {
  const response = await fetch(`${url}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body: JSON.stringify({ schema, schemaType }),
    signal: AbortSignal.timeout(deadlineMs),
  })
  if (!response.ok) throw new Error(`${subject}: ${response.status} ${await response.text()}`)
}

/** Registers what the services publish, as an operator does it. @param topics the variables that name the topics */
export async function registerOutput(
  url: string,
  format: 'avro' | 'json-schema',
  topics: Record<string, string>,
): Promise<void> {
  const ended = await run(
    {
      command: process.execPath,
      args: [join(root, 'tools/schemas/src/main.ts'), 'register', '--only', 'receipts,replies', '--format', format],
      env: { ...topics, SCHEMA_REGISTRY_URL: url },
    },
    deadlineMs,
  )
  if (ended.kind === 'failed') throw new Error(ended.why)
}
