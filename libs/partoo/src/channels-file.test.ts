// Real: files on disk. Doubled: nothing. Failure: a wrong file that is taken, a problem that is not told with the others, an
// id that is not as it was written, or a key in a problem.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type ChannelsFileRead, channelsFileHelp, readChannelsFile } from './channels-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'channels-file-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'keys'))
writeFileSync(join(folder, 'keys/42'), 'planted-42\n')
writeFileSync(join(folder, 'keys/two-lines'), 'planted\nplanted\n')

function read(text: string, keys = true): ChannelsFileRead {
  const path = join(folder, 'channels.yaml')
  writeFileSync(path, text)
  return readChannelsFile(path, { keys })
}

function problemsOf(text: string): string[] {
  const answer = read(text)
  return answer.kind === 'wrong' ? answer.problems : []
}

test('organizations, their keys, limits and channels', () => {
  const text = `
organizations:
  - org_id: 42
    api_key_file: keys/42
    rate_limit_per_minute: 600
    channels: [{ channel_id: chat, name: Chat }, { channel_id: app }]
  - { org_id: 43, api_key: planted-43, channels: [{ channel_id: bookings }] }
`
  const organizations = [
    {
      orgId: '42',
      apiKey: 'planted-42',
      apiKeyFile: join(folder, 'keys/42'),
      limitPerMinute: 600,
      channels: [
        { channelId: 'chat', name: 'Chat' },
        { channelId: 'app', name: null },
      ],
    },
    {
      orgId: '43',
      apiKey: 'planted-43',
      apiKeyFile: null,
      limitPerMinute: null,
      channels: [{ channelId: 'bookings', name: null }],
    },
  ]
  expect(read(text)).toEqual({ kind: 'read', organizations })
  // Who needs no keys reads none: the file that holds one may not be there for it.
  expect(read(text.replace('keys/42', 'keys/none'), false)).toEqual({
    kind: 'read',
    organizations: organizations.map((organization) => ({ ...organization, apiKey: null, apiKeyFile: null })),
  })
})

test('JSON too, with tabs; ids as they were written, an empty optional field as absent', () => {
  const text = `{
\t"organizations": [
\t\t{ "org_id": 12345678901234567890, "api_key": "k", "api_key_file": null, "rate_limit_per_minute": null,
\t\t\t"channels": [{ "channel_id": 10000000000000000001 }] }
\t]
}`
  expect(read(text)).toMatchObject({
    organizations: [
      { orgId: '12345678901234567890', limitPerMinute: null, channels: [{ channelId: '10000000000000000001' }] },
    ],
  })
  expect(read('organizations: [{ org_id: 0042, api_key: k, channels: [{ channel_id: 007, name: }] }]')).toMatchObject({
    organizations: [{ orgId: '0042', channels: [{ channelId: '007', name: null }] }],
  })
})

test('everything that is wrong at once, with its place', () => {
  const text = `organizations:
  - org_id: 4 2
    api_key: plan ted
    rate_limit_per_minute: -1
    chanels: planted
    channels: [{ channel_id: "", nam: planted }, { channel_id: chat }]
  - org_id: 43
    api_key: planted
    api_key_file: keys/42
    channels: [{ channel_id: chat }, { channel_id: chat }]
  - { org_id: 43, api_key_file: planted/none, channels: [] }
  - { org_id: 44, api_key_file: keys/two-lines, rate_limit_per_minute: 10000001, channels: 1 }
  - { }
  - planted
`
  const problems = problemsOf(text)
  expect(problems.sort()).toEqual(
    [
      "organizations[0].org_id must be an organization's id",
      'organizations[0].api_key must be printable ASCII without spaces',
      'organizations[0].rate_limit_per_minute must be a whole number from 0 to 10000000',
      'organizations[0] has a field that is not known, on line 5',
      'organizations[0].channels[0].channel_id must not be empty',
      'organizations[0].channels[0] has a field that is not known, on line 6',
      'organizations[1] has api_key and api_key_file: give one',
      'organizations[1].channels[0].channel_id is the same as organizations[0].channels[1].channel_id',
      'organizations[1].channels[1].channel_id is the same as organizations[0].channels[1].channel_id',
      'organizations[2].org_id is the same as organizations[1].org_id',
      `organizations[2].api_key_file names a file that cannot be read (ENOENT); relative paths begin at ${folder}`,
      'organizations[2].channels must name channels',
      'organizations[3].api_key_file names a file whose content must be printable ASCII without spaces',
      'organizations[3].rate_limit_per_minute must be a whole number from 0 to 10000000',
      'organizations[3].channels must be a list of channels',
      'organizations[4].org_id is missing',
      'organizations[4].channels is missing',
      'organizations[5] must have the fields org_id, api_key or api_key_file, channels and, if wanted, rate_limit_per_minute',
    ].sort(),
  )
})

test('an organization without a key', () => {
  expect(problemsOf('organizations: [{ org_id: 1, channels: [{ channel_id: chat }] }]')).toEqual([
    'organizations[0] has no key: give api_key or api_key_file',
  ])
})

test.each([
  ['nothing', '', ['the file must have the field organizations']],
  ['an empty list', 'organizations:\n', ['organizations is missing']],
  ['another field', 'orgs: planted', ['organizations is missing', 'the file has a field that is not known, on line 1']],
  ['a field twice', 'organizations: 1\norganizations: 2', ['line 2, column 1 is not understood (duplicate key)']],
  ['two documents', 'a: 1\n---\nb: 2', ['line 2, column 1 is not understood (multiple docs)']],
  ['an open quote', 'organizations: "planted', ['line 1, column 24 is not understood (missing char)']],
  ['a key that is an alias', 'organizations: *planted', ['aliases (*) are not taken: write out what they stand for']],
  ['a key that is a tag', 'organizations: !planted', ['line 1, column 16 is not understood (tag resolve failed)']],
])('%s is told', (_, text, problems) => {
  expect(problemsOf(text)).toEqual(problems)
})

test('a key that lost the space behind its colon is not shown', () => {
  const problems = problemsOf('organizations: [{ org_id: 1, api_key:planted, channels: [{ channel_id: chat }] }]')
  expect(problems).toEqual([
    'organizations[0] has a field that is not known, on line 1',
    'organizations[0] has no key: give api_key or api_key_file',
  ])
})

test('a file that is not there', () => {
  const path = join(folder, 'none.yaml')
  expect(readChannelsFile(path, { keys: true })).toEqual({
    kind: 'wrong',
    problems: [`${path} cannot be read (ENOENT)`],
  })
})

test('the sample, the README’s excerpt of it and the format that --help tells are right', () => {
  const inRepository = (path: string) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8')
  const sample = inRepository('docs/channels.example.yaml')
  const [, excerpt = ''] = /```yaml\n([^`]*)```/.exec(inRepository('README.md')) ?? []
  expect(read(excerpt)).toMatchObject({ kind: 'read', organizations: [{ apiKey: 'planted-42', limitPerMinute: 600 }] })
  expect(read(sample, false)).toMatchObject({ kind: 'read', organizations: [{ orgId: '42' }, { orgId: '43' }] })
  const shown = channelsFileHelp.slice(channelsFileHelp.indexOf('  organizations:'))
  expect(read(shown)).toMatchObject({ kind: 'read', organizations: [{ apiKey: 'planted-42', limitPerMinute: 600 }] })
})
