// Real: the operations guide, the sources. Doubled: nothing. Failure: a cause, variable, log line, command or section that the guide
// names and that is not there, or a cause that it does not name. (Its metrics and alerts: monitoring.test.ts.)

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StuckCause } from '@bridge/ingestor/core/view'
import { waitCauses } from '@bridge/ingestor/core/waits'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const text = (file: string) => readFileSync(join(root, file), 'utf8')
const guide = text('docs/operations.md')
const quoted = [...guide.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words.replaceAll(/\s+/g, ' '))
const sources = ['libs', 'services'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.includes('/src/') && file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => !file.includes('node_modules'))
    .map((file) => text(join(folder, file))),
)

test('each cause for which something waits, and no other', () => {
  // Every one of the type's, by the type.
  const stuck: Record<StuckCause, true> = {
    'schema-registry': true,
    limit: true,
    'retry-after': true,
    backoff: true,
    calling: true,
    suspension: true,
    outage: true,
    stopping: true,
    'in-flight': true,
    kafka: true,
    membership: true,
  }
  const table = guide.slice(guide.indexOf('| cause ')).split('\n\n')[0] ?? ''
  const told = [...table.matchAll(/^\| `([\w-]+)`/gm)].map(([, cause]) => cause)
  expect(told.sort()).toEqual([...new Set([...waitCauses, ...Object.keys(stuck)])].sort())
})

test('variables are read by a service, or as a file beside one', () => {
  const names = quoted.filter((words) => /^[A-Z][A-Z_]{3,}$/.test(words))
  expect(names.length).toBeGreaterThan(5)
  for (const name of names) {
    const read = name.replace(/_FILE$/, '')
    const isRead = sources.some((source) => source.includes(`${name}: `) || source.includes(`${read}: `))
    expect([name, isRead]).toEqual([name, true])
  }
})

test('log lines are written so', () => {
  const lines = quoted.filter((words) => /^[a-z]+( [a-z]+)+$/.test(words) && !/^(npm|docker|promtool) /.test(words))
  expect(lines.length).toBeGreaterThan(5)
  // They are put together of the scope and this word.
  const scopes = ['credential', 'channel', 'business'].map((scope) => `${scope} suspended`)
  for (const line of lines.filter((one) => !scopes.includes(one)))
    expect([line, sources.some((source) => source.includes(line))]).toEqual([line, true])
})

test('commands are ours, and know their word', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> }
  const commands = [...guide.matchAll(/npm run (\w+) -- (\w+)((?: --[a-z-]+(?: [\w-]+)?)*)/g)]
  expect(commands.length).toBeGreaterThan(3)
  for (const [command, tool = '', word = '', options = ''] of commands) {
    expect([command, scripts[tool]]).toEqual([command, expect.any(String)])
    const help = text(`tools/${tool}/src/help.ts`)
    for (const known of [word, ...(options.match(/--[a-z-]+/g) ?? [])])
      expect([command, help]).toEqual([command, expect.stringContaining(known)])
  }
})

test('other documents that it points to are there, with their sections', () => {
  for (const [, target = ''] of guide.matchAll(/\]\(([^#)][^)]*)\)/g)) {
    const [file = '', anchor] = target.split('#')
    const path = join(dirname('docs/operations.md'), file)
    expect([target, existsSync(join(root, path))]).toEqual([target, true])
    if (anchor === undefined) continue
    const anchors = [...text(path).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    expect([target, anchors]).toEqual([target, expect.arrayContaining([anchor])])
  }
})
