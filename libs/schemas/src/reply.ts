// The contract of `partoo-replies`: what a person wrote in Partoo on a custom channel.

import { z } from 'zod'

const text = z.string().nullable()

/** Every field is always there; an id that Partoo did not tell is null, never guessed. Ids are strings. */
export const reply = z.object({
  message_id: text,
  conversation_id: text,
  external_conversation_id: text,
  channel_id: text,
  business_id: text,
  org_id: text,
  content: text,
  /** Partoo's open enumeration: Text, Image, Video, … and whatever it adds. */
  content_type: text,
  sender_type: text,
  sender_label: text,
  user_id: text,
  /** ISO 8601, UTC; null where the event's date could not be read. */
  created_at: text,
  consumer_name: text,
  /** The webhook's body as Partoo sent it, as a string; null where the topic refuses it as too large. */
  event: text,
})

export type Reply = z.infer<typeof reply>
