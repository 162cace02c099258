// Real: the variables, and a file. Doubled: nothing. Failure: a setting that would silently do nothing, a password that is shown.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { configText, readVariables } from './config.ts'
import { proxyVariables } from './http-variables.ts'
import { checkSchemaRegistry, schemaRegistryConnection, schemaRegistryVariables } from './schema-registry-variables.ts'

const variables = { ...schemaRegistryVariables('what for'), ...proxyVariables() }
const folder = mkdtempSync(join(tmpdir(), 'registry-variables-'))
const file = join(folder, 'ca.pem')
writeFileSync(file, '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n')
afterAll(() => rmSync(folder, { recursive: true }))

function read(env: NodeJS.ProcessEnv) {
  const values = readVariables(variables, env, (checked) => checkSchemaRegistry(checked))
  return values.kind === 'wrong' ? values.problems : schemaRegistryConnection(values.config, env)
}

test('none is configured, or one with or without a login and a certificate', () => {
  expect(read({})).toBeUndefined()
  const url = 'https://registry.example:8081/apis/ccompat/v7'
  expect(read({ SCHEMA_REGISTRY_URL: `${url}/` })).toMatchObject({ url, username: undefined, way: undefined })
  const login = { SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: 'planted' }
  const connection = read({ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_CA_FILE: file, ...login })
  if (connection === undefined || Array.isArray(connection)) throw new Error('a connection was described')
  expect(connection).toMatchObject({ username: 'me', way: { proxy: null } })
  expect(connection.password?.()).toBe('planted')
  expect(configText(variables, { SCHEMA_REGISTRY_URL: url, ...login }, [])).not.toContain('planted')
})

test('what would do nothing, or not work, is a problem', () => {
  const problems = (env: NodeJS.ProcessEnv) => expect(read(env))
  problems({ SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: 'p' }).toEqual([
    'SCHEMA_REGISTRY_USERNAME is set, and SCHEMA_REGISTRY_URL is not: no registry would be asked',
    'SCHEMA_REGISTRY_PASSWORD is set, and SCHEMA_REGISTRY_URL is not: no registry would be asked',
  ])
  const url = 'http://127.0.0.1:1'
  problems({ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_USERNAME: 'me' }).toMatchObject([
    expect.stringContaining('go together'),
  ])
  problems({ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_USERNAME: 'a:b', SCHEMA_REGISTRY_PASSWORD: 'p' }).toMatchObject([
    expect.stringContaining('no colon'),
  ])
  problems({ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_CA_FILE: '/nowhere' }).toMatchObject([
    expect.stringContaining('use https'),
    expect.stringContaining('ENOENT'),
  ])
  problems({ SCHEMA_REGISTRY_URL: 'http://me:planted@127.0.0.1' }).toMatchObject([
    expect.not.stringContaining('planted'),
  ])
})
