// The contract of `partoo-delivery-receipts`: one record per fact about a message.

import { z } from 'zod'

export const receiptStatuses = ['accepted', 'rejected', 'duplicate', 'created', 'delivered', 'failed'] as const
export type ReceiptStatus = (typeof receiptStatuses)[number]

/** Why a record is in the dead letters; also the `reason` of its receipt. */
export const deadLetterReasons = ['undecodable', 'invalid', 'rejected', 'retries-exhausted'] as const
export type DeadLetterReason = (typeof deadLetterReasons)[number]

/** Every field is always there; what does not apply is null. */
export const receipt = z.object({
  status: z.enum(receiptStatuses),
  reason: z.enum([...deadLetterReasons, 'id-reused']).nullable(),
  channel_id: z.string().nullable(),
  external_conversation_id: z.string().nullable(),
  external_message_id: z.string().nullable(),
  business_id: z.string().nullable(),
  /** ISO 8601, UTC. */
  at: z.iso.datetime(),
  /** Calls that Partoo answered with anything but 429; 0 where none was. */
  attempts: z.int().nonnegative(),
  http_status: z.int().nullable(),
  source: z.object({ topic: z.string(), partition: z.int(), offset: z.int() }).nullable(),
  partoo: z.object({ message_id: z.string().nullable(), conversation_id: z.string().nullable() }).nullable(),
})

export type Receipt = z.infer<typeof receipt>
