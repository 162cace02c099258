// Real: the units, by systemd's own reading where it is there; the services' own variables. Doubled: nothing runs. Failure: a unit that
// systemd does not understand, a variable or a file that no service has, a restart that cannot help, a kill before the service is done.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { variables as ingestorVariables } from '@bridge/ingestor/config'
import { variables as gatewayVariables } from '@bridge/webhook-gateway/config'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const isThere = spawnSync('systemd-analyze', ['--version']).status === 0
const variablesOf = { ingestor: ingestorVariables, 'webhook-gateway': gatewayVariables }

test.each(Object.entries(variablesOf))('%s', (service, variables) => {
  const text = readFileSync(join(root, `deploy/systemd/partoo-${service}.service`), 'utf8')
  const values = (name: string) => [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
  const [, program = ''] = /^\/usr\/bin\/node (\S+)$/.exec(values('ExecStart').join()) ?? []
  expect(program).toContain(`services/${service}/`)
  expect(existsSync(join(root, program))).toBe(true)
  for (const assignment of values('Environment')) {
    const [name = ''] = assignment.split('=')
    const secret = name.endsWith('_FILE') && variables[name.slice(0, -'_FILE'.length) as keyof typeof variables]?.secret
    expect([name, name === 'NODE_ENV' || name in variables || secret]).toEqual([name, true])
  }
  const credentials = values('LoadCredential').map((each) => each.split(':')[0])
  for (const [, name] of text.matchAll(/%d\/(\S+)/g)) expect(credentials).toContain(name)
  expect(values('RestartPreventExitStatus')).toEqual(['64 78'])
  const stopSeconds = Number(/^(\d+)s$/.exec(values('TimeoutStopSec').join())?.[1])
  expect(stopSeconds * 1_000).toBeGreaterThan(Number(variables.STOP_DEADLINE_MS.fallback) + 5_000)
})

test.skipIf(!isThere)(`systemd understands them${isThere ? '' : ' (systemd-analyze is not installed)'}`, () => {
  const files = Object.keys(variablesOf).map((service) => join(root, `deploy/systemd/partoo-${service}.service`))
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' })
  // That this machine has no such node or folder is not the unit's fault.
  const complaints = stderr
    .split('\n')
    .filter((line) => /partoo-/.test(line) && !/is not executable|No such file/.test(line))
  expect([complaints, status === 0 || /No such file|not executable/.test(stderr)]).toEqual([[], true])
})
