// The contract of `partoo-replies`: what a person wrote in Partoo on a custom channel.

import { z } from 'zod'
import { writtenId } from './ids.ts'

const idOrNull = writtenId.nullable()
const text = z.string().nullable()

/** Every field is always there; an id that Partoo did not tell is null, never guessed. Ids are strings. */
export const reply = z.object({
  message_id: idOrNull,
  conversation_id: idOrNull,
  external_conversation_id: idOrNull,
  channel_id: idOrNull,
  business_id: idOrNull,
  org_id: idOrNull,
  content: text,
  /** Partoo's open enumeration: Text, Image, Video, … and whatever it adds. */
  content_type: text,
  sender_type: text,
  sender_label: text,
  user_id: idOrNull,
  /** ISO 8601, UTC; null where the event's date could not be read. */
  created_at: z.iso.datetime().nullable(),
  consumer_name: text,
  /** The webhook's body as Partoo sent it, as a string; null where the topic refuses it as too large. */
  event: text,
})

export type Reply = z.infer<typeof reply>
