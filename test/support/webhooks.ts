// Owns webhooks as Partoo sends them: the published example's shape, and signatures by a key pair made for the test.

import { generateKeyPairSync, sign } from 'node:crypto'

/** A key pair of a test's own. `pem` is the public key, for PARTOO_WEBHOOK_PUBLIC_KEYS. */
export function signingKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    /** The value of X-Partoo-Signature-v1. */
    sign: (body: Uint8Array | string): string => sign(null, Buffer.from(body), privateKey).toString('base64'),
  }
}

export type SigningKey = ReturnType<typeof signingKey>

type Fields = Record<string, unknown>

/** What differs from the published example; a field of undefined is left out of the JSON. */
export type EventFields = { type?: unknown; message?: Fields; conversation?: Fields; payload?: Fields }

/** The published example of a message event, on a custom channel: unchanged, a reply. */
export function messageEvent(fields: EventFields = {}) {
  return {
    type: 'message_created',
    ...('type' in fields && { type: fields.type }),
    payload: {
      message: {
        id: 123,
        conversation_id: 456,
        date: '2023-01-31 16:22:17.327878+00:00',
        content_type: 'Text',
        sender_type: 'User',
        sender_label: 'Jane Doe',
        status: 'Sending',
        is_deleted: false,
        content: 'We open at nine.',
        user_id: '5e9f8f8f8f8f8f8f8f8f8f8f',
        custom_channel: { channel_id: 'ch-1', external_conversation_id: 'conv-1', external_message_id: null },
        ...fields.message,
      },
      conversation: {
        id: 456,
        consumer_img: 'https://images.example/john.png',
        consumer_name: 'John Doe',
        business: { id: 789 },
        messaging_partner: 'Custom',
        custom_channel: null,
        ...fields.conversation,
      },
      org_id: 42,
      ...fields.payload,
    },
  }
}
