// The webhooks of the suite `gateway`: distinct replies of about 1 KiB in conversations that take turns, as HTTP requests that are
// signed already.

import { messageEvent, type SigningKey } from '../../support/webhooks.ts'

/** Where they are sent. */
export const webhookPath = '/webhooks/partoo'
/** Whose they are: the published example's. */
export const organizationId = '42'

const conversations = 2_000
/** So that the body is of about 1 KiB. */
const text = 'We open at nine, and on Saturdays at ten. Until what time may we expect you? '.repeat(5).trim()

/** The body of the `number`th webhook. */
export function webhookBody(number: number): Buffer {
  const conversation = number % conversations
  const conversationId = 1_000 + conversation
  const channel = {
    channel_id: 'chat',
    external_conversation_id: `conversation-${conversation}`,
    external_message_id: null,
  }
  const event = messageEvent({
    message: {
      id: 1_000_000 + number,
      conversation_id: conversationId,
      content: `${number}. ${text}`,
      custom_channel: channel,
    },
    conversation: { id: conversationId },
  })
  return Buffer.from(JSON.stringify(event))
}

/** The `number`th webhook as a request, whole, to be sent as it is. */
export function webhookRequest(number: number, key: SigningKey): Buffer {
  const body = webhookBody(number)
  const head = [
    `POST ${webhookPath} HTTP/1.1`,
    'host: 127.0.0.1',
    'content-type: application/json',
    `x-partoo-signature-v1: ${key.sign(body)}`,
    `content-length: ${body.length}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
}
