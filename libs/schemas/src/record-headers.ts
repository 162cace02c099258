// The headers of the records in each topic, described once: for docs/asyncapi.yaml. Who writes them: `cloud-event.ts` (ce_*),
// `dead-letter.ts` (partoo-dlq-*), the webhook gateway (partoo-origin, partoo-reason, partoo-tryout, partoo-event-omitted).
// Values are UTF-8 text.

import { deadLetterPrefix, responseHeadBytesMax } from './dead-letter.ts'
import { deadLetterReasons, receiptStatuses } from './receipt.ts'
import type { TopicRole } from './topics.ts'

/** `words`: those that it may hold, where they are few; `closed` where no other will come. */
export type RecordHeader = {
  name: string
  isAlways: boolean
  description: string
  words?: readonly string[]
}

const traceparent: RecordHeader = {
  name: 'traceparent',
  isAlways: false,
  description: 'W3C trace context, passed on as it came with what caused the record. Absent where none came.',
}

function cloudEvent(ids: string, types: string, contentType: string): RecordHeader[] {
  return [
    { name: 'ce_specversion', isAlways: true, description: 'Of CloudEvents.', words: ['1.0'] },
    {
      name: 'ce_id',
      isAlways: true,
      description: `Names the fact: copies of one fact have the same, so drop what you have seen. ${ids}`,
    },
    { name: 'ce_type', isAlways: true, description: types },
    {
      name: 'ce_source',
      isAlways: true,
      description: 'Which service told it.',
      words: ['/partoo/ingestor', '/partoo/webhook-gateway'],
    },
    { name: 'ce_time', isAlways: true, description: 'When it was so: ISO 8601, UTC.' },
    { name: 'content-type', isAlways: true, description: contentType },
    traceparent,
  ]
}

const gatewayIds = '<type>/<message id or ->/<first 16 hex digits of the SHA-256 of the webhook body>'
const encoded =
  'application/json; with OUTPUT_FORMAT=avro application/avro, of what is behind the five bytes of the wire format.'

/** Every header that the bridge reads (`outbound`) or writes, in the order in which it is written. */
export const recordHeaders: Record<TopicRole, readonly RecordHeader[]> = {
  outbound: [
    {
      ...traceparent,
      description:
        'W3C trace context: passed on to the receipts of the message. Any other header is allowed and ignored (ce_* of CloudEvents too; what the bytes are decides, not content-type), and kept in a dead letter.',
    },
  ],
  dlq: [
    ...deadLetterHeaders([
      ['reason', true, 'Why it is here.', deadLetterReasons],
      ['detail', true, 'One line for a person, without message text: which field breaks which rule, what Partoo said.'],
      ['http-status', false, 'The HTTP status of the last answer of Partoo. Absent where there was none.'],
      ['response', false, `What Partoo answered: the first ${responseHeadBytesMax.toLocaleString('en')} bytes.`],
      ['attempts', true, 'How many calls ended otherwise than with 429. 0 where none was made.'],
      ['first-attempt-at', false, 'When the first call was made: ISO 8601, UTC. Absent where none was.'],
      ['last-attempt-at', false, 'When the last call was made: ISO 8601, UTC. Absent where none was.'],
      ['topic', true, 'The topic of the original.'],
      ['partition', true, 'The partition of the original.'],
      ['offset', true, 'The offset of the original.'],
      ['timestamp', true, 'The Kafka timestamp of the original, in milliseconds since 1970, decimal.'],
      [
        'null-headers',
        false,
        'Names of headers whose value was null and is empty here: comma-separated, percent-encoded. Absent where none was.',
      ],
      [
        'truncated',
        false,
        'What is left out, as the topic refused the whole as too large: the coordinates point to the original. Absent where it is whole.',
        ['value', 'value,key,headers'],
      ],
    ]),
  ],
  receipts: cloudEvent(
    `Of the ingestor: <topic>/<partition>/<offset>/<status>. Of the webhook gateway: ${gatewayIds}.`,
    `partoo.receipt.<status>: ${receiptStatuses.map((status) => `partoo.receipt.${status}`).join(', ')}.`,
    encoded,
  ),
  replies: [
    ...cloudEvent(`${gatewayIds}.`, 'partoo.reply', encoded),
    {
      name: 'partoo-origin',
      isAlways: false,
      description:
        'Partoo did not tell whether a person wrote it, or your system did: it may be the echo of a message of yours. Absent where it is a reply for sure.',
      words: ['unknown'],
    },
    {
      name: 'partoo-event-omitted',
      isAlways: false,
      description:
        'The field event is null, as the whole was too large for the topic: the webhook body is in the topic of events, with the same ce_id.',
      words: ['too-large'],
    },
  ],
  events: [
    ...cloudEvent(
      `${gatewayIds}.`,
      'partoo.event.<type>, the type as Partoo has it; unknown where it has none, or one that is not of 1 to 64 characters A-Z a-z 0-9 _ . -',
      'application/json; application/octet-stream where it is not JSON.',
    ),
    {
      name: 'partoo-reason',
      isAlways: false,
      description: 'What is wrong with it, where it is no event of which more could be made.',
      words: ['not-json', 'not-an-event', 'fields-missing'],
    },
    {
      name: 'partoo-origin',
      isAlways: false,
      description:
        'It is of an organization that is not configured: Partoo signs the webhooks of all its customers alike.',
      words: ['foreign'],
    },
    {
      name: 'partoo-tryout',
      isAlways: false,
      description: 'It is a test delivery, asked for in Partoo.',
      words: ['true'],
    },
  ],
}

function deadLetterHeaders(
  all: readonly (readonly [name: string, isAlways: boolean, description: string, words?: readonly string[]])[],
): RecordHeader[] {
  return all.map(([name, isAlways, description, words]) => ({
    name: `${deadLetterPrefix}${name}`,
    isAlways,
    description,
    ...(words !== undefined && { words }),
  }))
}
