// The contract of `partoo-delivery-receipts`: one record per fact about a message.

import { z } from 'zod'
import { writtenId } from './ids.ts'

export const receiptStatuses = ['accepted', 'rejected', 'duplicate', 'created', 'delivered', 'failed'] as const
export type ReceiptStatus = (typeof receiptStatuses)[number]

/** Why a record is in the dead letters; also the `reason` of its receipt. */
export const deadLetterReasons = ['undecodable', 'invalid', 'rejected', 'retries-exhausted'] as const
export type DeadLetterReason = (typeof deadLetterReasons)[number]

const idOrNull = writtenId.nullable()
const count = z.int32().nonnegative()

/** Every field is always there; what does not apply is null. */
export const receipt = z.object({
  status: z.enum(receiptStatuses),
  reason: z.enum([...deadLetterReasons, 'id-reused']).nullable(),
  channel_id: idOrNull,
  external_conversation_id: idOrNull,
  external_message_id: idOrNull,
  business_id: idOrNull,
  /** ISO 8601, UTC. */
  at: z.iso.datetime(),
  /** Calls that ended otherwise than with 429, timeouts included; 0 where none was made. */
  attempts: count,
  http_status: count.nullable(),
  source: z.object({ topic: z.string(), partition: count, offset: z.int().nonnegative() }).nullable(),
  partoo: z.object({ message_id: idOrNull, conversation_id: idOrNull }).nullable(),
})

export type Receipt = z.infer<typeof receipt>
