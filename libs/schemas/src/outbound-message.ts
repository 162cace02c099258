// The contract of `outbound-messages`: what a producer writes. Tolerant: unknown fields are ignored, null in an optional
// field means absent, integer ids are read as text.

import { z } from 'zod'
import { id, readId, wellFormedString } from './ids.ts'
import { isJsonObject, type JsonValue } from './json.ts'

const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? null)

/** An outbound message, names as Partoo's ingest endpoint has them. `channel_id` null: the configured default channel. */
export const outboundMessage = z.object({
  business_id: id,
  external_conversation_id: id,
  external_message_id: id,
  content: wellFormedString.refine((text) => text.length > 0, { error: 'must not be empty' }),
  sender_type: z.enum(['User', 'Consumer'], { error: 'must be "User" or "Consumer"' }),
  consumer_name: optional(wellFormedString),
  consumer_image: optional(wellFormedString),
  channel_id: optional(id),
})

export type OutboundMessage = z.infer<typeof outboundMessage>

/** The ids of a message that could not be read, as far as they are valid: for its receipt. */
export type KnownIds = {
  channel_id: string | null
  business_id: string | null
  external_conversation_id: string | null
  external_message_id: string | null
}

export const noIds: KnownIds = {
  channel_id: null,
  business_id: null,
  external_conversation_id: null,
  external_message_id: null,
}

/** `detail` is one line for a person: field names and rules, never a value, since values may be message text. */
export type OutboundRead =
  | { kind: 'valid'; message: OutboundMessage }
  | { kind: 'invalid'; detail: string; ids: KnownIds }

/**
 * Reads an outbound message from a value parsed by `parseJson`.
 *
 * @returns the message, or every field that is wrong in one line, with the ids that are right
 */
export function readOutboundMessage(value: JsonValue): OutboundRead {
  if (!isJsonObject(value)) return { kind: 'invalid', detail: 'the value is not a JSON object', ids: noIds }
  const read = outboundMessage.safeParse(value)
  if (read.success) return { kind: 'valid', message: read.data }
  const detail = read.error.issues
    .map((issue) => {
      const field = issue.path.join('.')
      return field in value ? `${field} ${issue.message}` : `${field} is missing`
    })
    .join('; ')
  return {
    kind: 'invalid',
    detail,
    ids: {
      channel_id: readId(value.channel_id),
      business_id: readId(value.business_id),
      external_conversation_id: readId(value.external_conversation_id),
      external_message_id: readId(value.external_message_id),
    },
  }
}
