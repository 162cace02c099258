// Owns what a caller of PartooState gives it: messages to ingest, replies, messages on other channels, events to send.

export type Ingested = {
  business_id: string
  external_conversation_id: string
  external_message_id: string
  content: string
  sender_type: 'User' | 'Consumer'
  consumer_name: string | null
  consumer_image: string | null
}

export type NewReply = {
  conversation_id: number
  content: string
  content_type?: string | undefined
  /** Default User; Metadata makes a system note. */
  sender_type?: string | undefined
  sender_label?: string | null | undefined
  user_id?: string | null | undefined
}

export type NewForeignMessage = {
  org_id?: number | undefined
  /** A conversation opened by an earlier foreign message; absent: a new one. */
  conversation_id?: number | undefined
  business_id?: string | undefined
  messaging_partner?: string | undefined
  consumer_name?: string | null | undefined
  content: string
  content_type?: string | undefined
  sender_type?: string | undefined
}

/** Any event, to any webhook: see PartooState.sendWebhook. */
export type WebhookOrder = {
  org_id?: number | undefined
  event_type?: string | undefined
  /** Sent as it is when it is a string or bytes, else as JSON; absent: Partoo's published example. */
  body?: unknown
  /** Adds X-Partoo-Webhook-Tryout, as Partoo's test deliveries do. */
  tryout?: boolean | undefined
}
