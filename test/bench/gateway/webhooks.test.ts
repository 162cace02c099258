// Real: the webhooks of the benchmark, and the gateway's reading of them. Failure: one that the gateway would refuse, take for
// another's or for a repeat, or that is not as large as said.

import { readSignature, verifySignature } from '@bridge/partoo/signature'
import { readWebhookEvent } from '@bridge/partoo/webhook-event'
import { classify } from '@bridge/webhook-gateway/classify'
import { expect, test } from 'vitest'
import { signingKey } from '../../support/webhooks.ts'
import { organizationId, webhookBody, webhookRequest } from './webhooks.ts'

test('each is a reply of our organization, of about 1 KiB', () => {
  for (const number of [0, 1, 21_999]) {
    const body = webhookBody(number)
    const classified = classify(readWebhookEvent(body), new Set([organizationId]), false)
    expect(classified).toMatchObject({
      kind: 'reply',
      channel: { externalConversationId: `conversation-${number % 2_000}` },
    })
    expect(body.length).toBeGreaterThan(950)
    expect(body.length).toBeLessThan(1_100)
  }
})

test('no two are the same, also in one conversation', () => {
  expect(webhookBody(1).equals(webhookBody(2_001))).toBe(false)
  expect(webhookBody(1).equals(webhookBody(1))).toBe(true)
})

test('a request carries the body, its length and its signature', async () => {
  const key = signingKey()
  const [head = '', body = ''] = webhookRequest(7, key).toString().split('\r\n\r\n')
  expect(body).toBe(webhookBody(7).toString())
  expect(head).toContain(`content-length: ${body.length}`)
  const signature = readSignature(/x-partoo-signature-v1: (.*)/.exec(head)?.[1]) as Buffer
  expect(await verifySignature([key.publicKey], Buffer.from(body), signature)).toBe(true)
})
