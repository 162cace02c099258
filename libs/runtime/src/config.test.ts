// Real: declared variables, files on disk. Doubled: the environment. Failure: a problem not told, a secret shown.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configText, defaultsTo, helpText, optional, readVariables, required, secret, types } from './config.ts'

const declared = {
  NAME: required('what it is called', types.text),
  PORT: defaultsTo('8080', 'where it listens', types.port),
  KEY: secret(optional('what opens it', types.text)),
  LEVEL: defaultsTo('info', 'how loud', types.oneOf(['info', 'debug'])),
}

test('defaults are used, an empty variable counts as absent', () => {
  expect(readVariables(declared, { NAME: 'x', PORT: '' })).toEqual({
    kind: 'read',
    config: { NAME: 'x', PORT: 8080, LEVEL: 'info' },
  })
})

test('everything that is wrong is told at once, relations too', () => {
  const env = { PORT: '70000', LEVEL: 'loud', KEY: 'a', KEY_FILE: '/b' }
  expect(readVariables(declared, env, () => ['NAME and PORT do not go together'])).toEqual({
    kind: 'wrong',
    problems: [
      'NAME is required: what it is called',
      'PORT must be a port, 0 to 65535',
      'KEY and KEY_FILE are both set: set one of them',
      'LEVEL must be one of info, debug',
      'NAME and PORT do not go together',
    ],
  })
})

test('a secret comes from a file, without its last newline; one that cannot be read is told by its path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  try {
    writeFileSync(join(folder, 'key'), 'planted\n')
    const read = readVariables(declared, { NAME: 'x', KEY_FILE: join(folder, 'key') })
    expect(read).toMatchObject({ config: { KEY: 'planted' } })
    expect(readVariables(declared, { NAME: 'x', KEY_FILE: join(folder, 'none') })).toMatchObject({
      problems: [`KEY_FILE names ${join(folder, 'none')}, which cannot be read (ENOENT)`],
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('--help tells every variable; --config works on a broken configuration and masks secrets', () => {
  expect(helpText('It does.', declared)).toContain('  KEY, KEY_FILE\n      what opens it [none]')
  const text = configText(declared, { KEY: 'planted', PORT: 'x' }, ['NAME is required'])
  expect(text).toBe('NAME= (not set)\nPORT=?\nKEY=***\nLEVEL=info (default)\n\nNAME is required')
})

test('an id that was written as a number and came as one with an exponent is refused', () => {
  for (const id of ['1.234567e+06', '1e+21', '1e6']) expect(types.organizationId.safeParse(id).success).toBe(false)
  for (const id of ['42', '1234567', 'e6', '1e', '1a2e+6']) expect(types.organizationId.parse(id)).toBe(id)
})
