// Real: the file itself. Doubled: nothing. Failure: a wrong command line that is taken, or one whose address is repeated.

import { expect, test } from 'vitest'
import { readArguments } from './arguments.ts'

const url = 'https://bridge.example/webhooks/partoo'
const read = (line: string) => readArguments(line.split(' ').filter((word) => word !== ''))

test('defaults', () => {
  const eventTypes = ['message_created', 'message_updated']
  expect(read('list')).toEqual({ kind: 'order', order: { command: 'list' } })
  expect(read(`subscribe --url ${url}`)).toEqual({
    kind: 'order',
    order: { command: 'subscribe', url, eventTypes, dryRun: false, yes: false },
  })
  expect(read('unsubscribe --all -y --dry-run')).toEqual({
    kind: 'order',
    order: { command: 'unsubscribe', url: undefined, all: true, eventTypes, dryRun: true, yes: true },
  })
  expect(read('test --events lead_received,lead_received --wait 0.5')).toEqual({
    kind: 'order',
    order: {
      command: 'test',
      url: undefined,
      eventTypes: ['lead_received'],
      metricsUrl: 'http://127.0.0.1:9465/metrics',
      waitMs: 500,
      dryRun: false,
    },
  })
  expect(read('subscribe --help')).toEqual({ kind: 'help' })
})

test.each([
  '',
  'lst',
  'constructor',
  'list list',
  `list --url ${url}`,
  'subscribe',
  `subscribe ${url}/planted`,
  `subscribe --ulr ${url}/planted`,
  `subscribe --url ${url}/planted --all`,
  'subscribe --url',
  'subscribe --url planted',
  'subscribe --url ftp://x/planted',
  `subscribe --url ${url}?planted`,
  `subscribe --url ${url}#planted`,
  'subscribe --url https://user:planted@bridge.example/',
  `subscribe --url ${url} --events planted,`,
  `subscribe --url ${url} --yes=planted`,
  'unsubscribe',
  'test --wait 0',
  'test --wait 601',
  'test --wait planted',
  'test --metrics-url planted',
  'test --metrics-url http://user:planted@gateway/metrics',
])('wrong: %s', (line) => {
  const wrong = read(line)
  expect(wrong).toEqual({ kind: 'wrong', why: expect.stringMatching(/^[^\n]{10,}$/) })
  expect(JSON.stringify(wrong)).not.toContain('planted')
})
