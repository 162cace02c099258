// Real: a simulator and receivers on loopback, signatures verified over the raw bytes as they arrived. Doubled: nothing.
// Failure: an attempt too many or too few, bytes that differ between attempts, a shape or a date that is not Partoo's.

import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { Events } from './events.ts'
import { createSigner } from './signing.ts'
import { ask, type Delivered, ingest, organization, receiver, simulatorForTest, until } from './test-world.ts'
import { Webhooks } from './webhooks.ts'

const both = ['message_created', 'message_updated']

const withWebhook = (url: string, headers?: Record<string, string>) => ({
  organizations: [organization({ webhooks: [{ url, event_types: both, headers }] })],
})

function signed(delivered: Delivered | undefined, pem: string): boolean {
  const signature = Buffer.from(String(delivered?.headers['x-partoo-signature-v1']), 'base64')
  return verify(null, delivered?.bytes ?? Buffer.alloc(0), createPublicKey(pem), signature)
}

test('an ingested message echoes: signed over the raw bytes, in the published shape, with the published date', async () => {
  const hook = await receiver()
  const simulator = await simulatorForTest(withWebhook(hook.url))
  const sender = { consumer_name: 'Jörg 🙂', consumer_image: 'https://images.example/j.png' }
  await ingest(simulator, { ...sender, content: 'Grüße\u2028 "quoted"' })
  await until('the echo', () => hook.deliveries.length === 1)
  const [delivered] = hook.deliveries
  expect(signed(delivered, simulator.publicKeyPem)).toBe(true)
  expect(simulator.publicKeyPem).toMatch(
    /^-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA[\w+/=]+\n-----END PUBLIC KEY-----\n$/,
  )
  expect(delivered?.headers).toMatchObject({ 'content-type': 'application/json' })
  expect(delivered?.headers['x-partoo-webhook-tryout']).toBeUndefined()
  const [event] = hook.events()
  const ids = { channel_id: 'demo-channel', external_conversation_id: 'c1' }
  expect(event).toEqual({
    type: 'message_created',
    payload: {
      message: {
        id: expect.any(Number),
        conversation_id: event.payload.conversation.id,
        date: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00$/),
        content_type: 'Text',
        sender_type: 'Consumer',
        sender_label: 'Jörg 🙂',
        status: 'Success',
        is_deleted: false,
        content: 'Grüße\u2028 "quoted"',
        user_id: null,
        custom_channel: { ...ids, external_message_id: 'm1' },
      },
      conversation: {
        id: expect.any(Number),
        consumer_img: 'https://images.example/j.png',
        consumer_name: 'Jörg 🙂',
        business: { id: 7 },
        messaging_partner: expect.any(String),
        custom_channel: ids,
      },
      org_id: 1,
    },
  })
  expect(Math.abs(Date.parse(event.payload.message.date) - Date.now())).toBeLessThan(10_000)
})

test.each([
  ['message', true, false],
  ['conversation', false, true],
  ['both', true, true],
  ['neither', false, false],
] as const)(
  'custom_channel on %s, in webhooks and in look-ups alike',
  async (customChannelOn, onMessage, onConversation) => {
    const hook = await receiver()
    const simulator = await simulatorForTest({ ...withWebhook(hook.url), customChannelOn })
    await ingest(simulator)
    await until('the echo', () => hook.deliveries.length === 1)
    const { message, conversation } = hook.events()[0].payload
    const messages = await ask(simulator, 'GET', `/messages?conversation_id=${conversation.id}`)
    const conversations = await ask(simulator, 'GET', '/conversations')
    const channel = { channel_id: 'demo-channel', external_conversation_id: 'c1' }
    for (const one of [message, (messages.json as { items: unknown[] }).items[0]]) {
      expect(one).toHaveProperty('custom_channel', onMessage ? { ...channel, external_message_id: 'm1' } : null)
    }
    for (const one of [conversation, (conversations.json as { items: unknown[] }).items[0]]) {
      expect(one).toHaveProperty('custom_channel', onConversation ? channel : null)
    }
  },
)

test('messages on other channels, replies and changes of status go out too, a business id as chosen', async () => {
  const hook = await receiver()
  const simulator = await simulatorForTest({ ...withWebhook(hook.url), businessIdAs: 'string' })
  const foreign = simulator.state.foreignMessage({ content: 'Hi', business_id: '12', messaging_partner: 'Google' })
  await until('the foreign message', () => hook.deliveries.length === 1)
  expect(hook.events()[0].payload).toMatchObject({
    message: { custom_channel: null, sender_type: 'Consumer' },
    conversation: { custom_channel: null, messaging_partner: 'Google', business: { id: '12' } },
  })
  if (foreign.kind !== 'created') throw new Error(foreign.message)
  simulator.state.reply({ conversation_id: foreign.message.conversation_id, content: 'Answer' })
  await until('the reply and its status', () => hook.deliveries.length === 3)
  expect(hook.events().slice(1)).toMatchObject([
    { type: 'message_created', payload: { message: { sender_type: 'User', status: 'Sending', content: 'Answer' } } },
    { type: 'message_updated', payload: { message: { status: 'Success', content: 'Answer' } } },
  ])
})

test('a 5xx is retried five times with exponential backoff, the same bytes each time, then the event is lost', async () => {
  const hook = await receiver(() => 503)
  const simulator = await simulatorForTest({ ...withWebhook(hook.url), webhookRetryBaseMs: 8 })
  await ingest(simulator)
  const attempts = () => simulator.state.webhookAttempts()
  await until('the end', () => attempts().some((attempt) => attempt.outcome === 'lost'))
  expect(attempts().map(({ attempt, status, outcome }) => [attempt, status, outcome])).toEqual([
    ...[1, 2, 3, 4, 5].map((nth) => [nth, 503, 'will-retry']),
    [6, 503, 'lost'],
  ])
  expect(hook.deliveries).toHaveLength(6)
  expect(new Set(hook.deliveries.map(({ bytes }) => bytes.toString('base64'))).size).toBe(1)
  expect(new Set(hook.deliveries.map(({ headers }) => headers['x-partoo-signature-v1'])).size).toBe(1)
  const waitsMs = attempts()
    .slice(1)
    .map(({ at_ms }, at) => at_ms - (attempts()[at]?.ended_ms ?? 0))
  for (const [at, waitMs] of waitsMs.entries()) expect(waitMs).toBeGreaterThanOrEqual(8 * 2 ** at - 1)
  expect(simulator.state.snapshot().webhooks_pending).toBe(0)
})

test('a retry that is answered 200 ends it, and a reply is Success by then', async () => {
  const hook = await receiver((nth) => (nth < 3 ? 500 : 200))
  const simulator = await simulatorForTest({
    organizations: [organization({ webhooks: [{ url: hook.url, event_types: ['message_created'] }] })],
  })
  simulator.state.foreignMessage({ content: 'x' })
  await until('delivered', () => simulator.state.snapshot().webhooks_pending === 0)
  const outcomes = simulator.state.webhookAttempts().map(({ outcome }) => outcome)
  expect(outcomes).toEqual(['will-retry', 'will-retry', 'delivered'])
})

test.each([301, 400, 401, 404, 410, 429])('a %d is never retried', async (status) => {
  const hook = await receiver(() => status)
  const simulator = await simulatorForTest(withWebhook(hook.url))
  await ingest(simulator)
  await until('the attempt', () => simulator.state.webhookAttempts().length > 0)
  expect(simulator.state.webhookAttempts()).toMatchObject([{ attempt: 1, status, outcome: 'lost' }])
  // Nothing is pending any more, so that nothing can follow.
  expect(simulator.state.snapshot().webhooks_pending).toBe(0)
  expect(hook.deliveries).toHaveLength(1)
})

test('no answer (reset, hang) is retried like a 5xx; a reply whose event is lost is Failed', async () => {
  const hook = await receiver((nth) => (nth % 2 === 0 ? 'hang' : 'reset'))
  const simulator = await simulatorForTest({ ...withWebhook(hook.url), webhookTimeoutMs: 20 })
  simulator.state.foreignMessage({ content: 'x' })
  await until('six attempts', () => simulator.state.webhookAttempts({ outcome: 'lost' }).length === 1)
  const attempts = simulator.state.webhookAttempts()
  expect(attempts.map(({ status, attempt }) => [status, attempt])).toEqual([1, 2, 3, 4, 5, 6].map((nth) => [null, nth]))
  expect(attempts[1]?.error).toBe('no answer within 20 ms')
  simulator.state.setWebhooks([])
  const reply = simulator.state.reply({ conversation_id: 1, content: 'Answer' })
  expect(reply).toMatchObject({ kind: 'created', message: { status: 'Failed' } })
})

test('a tryout carries the additional header and is signed; other events go where they are configured', async () => {
  const hook = await receiver()
  const simulator = await simulatorForTest(withWebhook(hook.url, { 'X-Secret': 's3cret' }))
  expect(simulator.state.sendWebhook({ tryout: true })).toEqual({ kind: 'sent', webhooks: 1 })
  expect(simulator.state.sendWebhook({ body: 'not { json', event_type: 'message_updated' })).toMatchObject({
    webhooks: 1,
  })
  expect(simulator.state.sendWebhook({ event_type: 'lead_received' })).toEqual({ kind: 'sent', webhooks: 0 })
  await until('both', () => hook.deliveries.length === 2)
  const tryout = hook.deliveries.find(({ headers }) => headers['x-partoo-webhook-tryout'] !== undefined)
  expect(signed(tryout, simulator.publicKeyPem)).toBe(true)
  expect(JSON.parse(String(tryout?.bytes))).toMatchObject({ type: 'message_created', payload: { org_id: 1 } })
  const odd = hook.deliveries.find((each) => each !== tryout)
  expect(odd?.bytes.toString()).toBe('not { json')
  expect(odd?.headers['x-secret']).toBe('s3cret')
})

test('sixteen at once, and beyond the bound of the queue an event is lost and recorded as such', async () => {
  const hook = await receiver(() => 'hang')
  const warnings: string[] = []
  const heard = (warning: Error) => warnings.push(warning.name)
  process.on('warning', heard)
  const signer = createSigner('test')
  const webhooks = new Webhooks({ retryBaseMs: 1, timeoutMs: 5_000, signer, events: new Events(), queueMax: 20 })
  try {
    const subscription = { id: 1, url: hook.url, event_type: 'message_created', headers: {} }
    const ends: boolean[] = []
    for (let n = 0; n < 25; n += 1) {
      webhooks.send(subscription, Buffer.from('{}'), { orgId: 1, messageId: n }, (delivered) => ends.push(delivered))
    }
    expect(webhooks.pending).toBe(20)
    expect(ends).toEqual([false, false, false, false, false])
    expect(webhooks.attempts()).toHaveLength(5)
    expect(webhooks.attempts()[0]).toMatchObject({
      attempt: 0,
      outcome: 'lost',
      error: 'the queue is full',
      message_id: 20,
    })
    await until('sixteen under way', () => hook.held.length === 16)
    for (const response of hook.held.splice(0)) response.end()
    await until('the other four', () => hook.held.length === 4)
    expect(hook.deliveries).toHaveLength(20)
  } finally {
    webhooks.close()
    process.off('warning', heard)
  }
  expect(warnings).toEqual([])
})

test('after the end nothing is sent, and the record can still be read', async () => {
  const hook = await receiver()
  const simulator = await simulatorForTest(withWebhook(hook.url))
  await ingest(simulator)
  await until('the echo', () => simulator.state.webhookAttempts().length === 1)
  await simulator.close()
  simulator.state.foreignMessage({ content: 'too late' })
  expect(simulator.state.webhookAttempts()).toHaveLength(1)
  expect(simulator.state.snapshot().webhooks_pending).toBe(0)
})
