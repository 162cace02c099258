// Real: the variables, and a file. Doubled: nothing. Failure: a setting that would silently do nothing, a password that is shown.

import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { configText, readVariables } from './config.ts'
import { checkSchemaRegistry, schemaRegistryConnection, schemaRegistryVariables } from './schema-registry-variables.ts'

const variables = schemaRegistryVariables('what for')
const file = fileURLToPath(import.meta.url)

function read(env: NodeJS.ProcessEnv) {
  const values = readVariables(variables, env, (checked) => checkSchemaRegistry(checked))
  return values.kind === 'wrong' ? values.problems : schemaRegistryConnection(values.config)
}

test('none is configured, or one with or without a login and a certificate', () => {
  expect(read({})).toBeUndefined()
  const url = 'https://registry.example:8081/apis/ccompat/v7'
  expect(read({ SCHEMA_REGISTRY_URL: `${url}/` })).toMatchObject({ url, username: undefined, ca: undefined })
  const login = { SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: 'planted' }
  expect(read({ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_CA_FILE: file, ...login })).toMatchObject({
    username: 'me',
    password: 'planted',
    ca: expect.stringContaining('Failure: a setting'),
  })
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
