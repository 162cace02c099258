// What the ingestor writes to Kafka: the core's receipts and dead letters as records.

import { cloudEventHeaders } from '@bridge/schemas/cloud-event'
import { deadLetter } from '@bridge/schemas/dead-letter'
import type { Receipt } from '@bridge/schemas/receipt'
import { type ConsumedRecord, headerValue, type OutgoingRecord } from '@bridge/schemas/record'
import type { Effect, ReceiptDraft } from './core/facts.ts'

/** The dead letter of a record, for the dead-letter topic. */
export function deadLetterRecord(topic: string, effect: Extract<Effect, { kind: 'storeDeadLetter' }>): OutgoingRecord {
  return deadLetter(topic, effect.record, effect.cause, effect.truncation)
}

/** A receipt as a record. `now` (ISO 8601 UTC) is its time where the fact has no time of its own. */
export function receiptRecord(topic: string, draft: ReceiptDraft, source: ConsumedRecord, now: string): OutgoingRecord {
  const at = draft.at ?? now
  const receipt: Receipt = { ...draft, at }
  return {
    topic,
    key: receipt.external_conversation_id === null ? null : Buffer.from(receipt.external_conversation_id),
    value: Buffer.from(JSON.stringify(receipt)),
    headers: cloudEventHeaders({
      id: `${source.topic}/${source.partition}/${source.offset}/${receipt.status}`,
      type: `partoo.receipt.${receipt.status}`,
      source: '/partoo/ingestor',
      time: at,
      contentType: 'application/json',
      traceparent: headerValue(source.headers, 'traceparent'),
    }),
    sourcePartition: source.partition,
  }
}
