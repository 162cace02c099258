// Real: the log, in a process of its own under plain node. Doubled: nothing. Failure: a line that was logged and is not out
// when the process has ended, or lines out of order.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorLine } from './log.ts'

const log = join(import.meta.dirname, 'log.ts')

function numbersLoggedBy(program: string): number[] {
  const text = `import { createLog } from ${JSON.stringify(log)}; const log = createLog('test', 'info'); ${program}`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', text], {
    encoding: 'utf8',
    timeout: 9000,
  })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).n as number)
}

const thousand = Array.from({ length: 1000 }, (_, n) => n)
const logThousand = "for (let n = 0; n < 1000; n += 1) log.info({ n }, 'line');"

test.each([
  ['ends by itself', logThousand],
  ['exits in the same turn', `${logThousand} process.exit(1)`],
  ['throws', `process.on('uncaughtException', () => process.exit(1)); ${logThousand} throw new Error('bug')`],
])('every line is out, in order, when a process %s', (_, program) => {
  expect(numbersLoggedBy(program)).toEqual(thousand)
})

test('a line is out soon, while the process goes on', () => {
  const program = "log.info({ n: 1 }, 'line'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200)"
  expect(numbersLoggedBy(program)).toEqual([1])
})

test('an error without a message is told by its code', () => {
  const refused = Object.assign(new Error('Connection error: '), { code: 'ECONNREFUSED' })
  expect(errorLine(refused)).toBe('Connection error: ECONNREFUSED')
  expect(errorLine(new Error('outer', { cause: refused }))).toBe('outer: Connection error: ECONNREFUSED')
})
