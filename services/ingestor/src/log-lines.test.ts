// Real: the log lines. Doubled: the log, by a list of what it was given. Failure: a line at the wrong level, without what an
// operator needs, or with a text of a message.

import type { Log } from '@bridge/runtime/log'
import { expect, test } from 'vitest'
import type { AttemptReport, SuspensionReport } from './core/facts.ts'
import { tellAttempt, tellSuspension } from './log-lines.ts'

const channels = {
  byId: new Map([['chat', { organization: 'o', name: 'Chat' }]]),
  defaultChannelId: 'chat',
}

function collecting() {
  const lines: { level: string; fields: Record<string, unknown>; text: string }[] = []
  const at = (level: string) => (fields: Record<string, unknown>, text: string) => lines.push({ level, fields, text })
  return { lines, log: { info: at('info'), warn: at('warn') } as unknown as Log }
}

const accepted: AttemptReport = {
  record: {
    topic: 't',
    partition: 1,
    offset: 7,
    timestampMs: 0,
    key: null,
    value: Buffer.from('planted text'),
    headers: [],
  },
  channelId: 'chat',
  conversationId: 'c',
  messageId: 'm',
  attempt: 1,
  answer: { kind: 'accepted', status: 200 } as AttemptReport['answer'],
  durationMs: 12.3,
  next: 'accepted',
  delayMs: null,
  idReused: false,
}

const suspension: SuspensionReport = {
  scope: 'credential',
  organization: 'o',
  channelId: null,
  businessId: null,
  cause: 'misdirected',
  forMs: 0,
  status: 401,
}

test('one line an attempt, without the message', () => {
  const { lines, log } = collecting()
  tellAttempt(log, accepted)
  expect(lines).toMatchObject([
    {
      level: 'info',
      text: 'attempt finished',
      fields: {
        topic: 't',
        partition: 1,
        offset: 7,
        external_message_id: 'm',
        status: 200,
        durationMs: 12,
        next: 'accepted',
      },
    },
  ])
  expect(JSON.stringify(lines)).not.toContain('planted')
})

test('what is not accepted, and an id that was used before, needs attention', () => {
  const { lines, log } = collecting()
  tellAttempt(log, { ...accepted, next: 'kept' })
  tellAttempt(log, { ...accepted, next: 'retried', delayMs: 1500.4 })
  tellAttempt(log, { ...accepted, idReused: true })
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn'])
  expect(lines[1]?.fields).toMatchObject({ nextInMs: 1500 })
  expect(lines[2]?.fields.idReused).toMatch(/Partoo ignores this one/)
})

test.each([
  [{}, /API key .* is right/],
  [{ status: 407 }, /proxy/],
  [{ status: 200 }, /PARTOO_BASE_URL/],
  [{ scope: 'channel', channelId: 'chat', cause: 'forbidden', status: 403 }, /may write to it/],
  [{ scope: 'channel', channelId: 'chat', cause: 'rejected', status: 422 }, /dead letters/],
  [{ scope: 'business', channelId: 'chat', businessId: '42', cause: 'forbidden', status: 403 }, /business/],
  [{ scope: 'outage', cause: 'unavailable', status: 503 }, /whether Partoo is up/],
] as const)('what begins is told with what to check: %j', (more, check) => {
  const { lines, log } = collecting()
  tellSuspension(log, { suspended: true, ...suspension, ...more }, channels)
  const named = 'channelId' in more ? { channel_id: 'chat', channelName: 'Chat' } : {}
  expect(lines).toMatchObject([
    { level: 'warn', fields: { organization: 'o', check: expect.stringMatching(check), ...named } },
  ])
})

test('what ends is told with how long it was', () => {
  const { lines, log } = collecting()
  tellSuspension(log, { suspended: false, ...suspension, forMs: 61_000 }, channels)
  tellSuspension(log, { suspended: false, ...suspension, scope: 'outage', forMs: 2_000 }, channels)
  expect(lines).toMatchObject([
    { level: 'info', text: 'credential not suspended any more', fields: { forSeconds: 61 } },
    { level: 'info', text: 'outage over', fields: { forSeconds: 2 } },
  ])
})
