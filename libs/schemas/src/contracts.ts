// The fields of what is published and read, described once, in no schema language. The Avro, JSON Schema, Protobuf and AsyncAPI
// files are written from it (`npm run generate`); that the zod types say the same is a test (contracts.test.ts).
//
// Version 1 of each contract. Within a version a field may be added if it is nullable, and nothing else may change: not a name,
// not a kind, not a Protobuf number, not the number of one that was removed.

import { idBytesMax } from './ids.ts'
import { deadLetterReasons, receiptStatuses } from './receipt.ts'

export const contractNames = ['outbound-message', 'receipt', 'reply'] as const
export type ContractName = (typeof contractNames)[number]

/** Whose part the contract's values are, and so who has to cope with the other's habits. */
export type Direction = 'read by the bridge' | 'written by the bridge'

/**
 * What a field may hold. `id`: a string of 1 to 1,024 bytes. `words`: a string, one of these words; `closed` where no other will
 * ever be right, else more may come and readers have to cope. `time`: ISO 8601 in UTC, as text. `int`: 0 to 2^31 - 1. `long`: 0 to
 * 2^53 - 1, which every reader of JSON has exact.
 */
export type FieldKind =
  | { kind: 'id' }
  | { kind: 'string'; isEmptyAllowed: boolean }
  | { kind: 'words'; name: string; words: readonly string[]; closed: boolean }
  | { kind: 'int' }
  | { kind: 'long' }
  | { kind: 'time' }
  | { kind: 'object'; name: string; fields: readonly Field[] }

/**
 * `required`: there, and not null. `nullable`: there, maybe null; schema languages without null leave it out. `optional`: may be
 * left out or null, which mean the same.
 */
export type Presence = 'required' | 'nullable' | 'optional'

/** `number`: of the Protobuf field, for ever. */
export type Field = { name: string; number: number; presence: Presence; type: FieldKind; description: string }

/** `recordName`: of the Avro record and the Protobuf message. */
export type Contract = {
  name: ContractName
  version: 1
  recordName: string
  direction: Direction
  description: string
  fields: readonly Field[]
}

/** Avro's namespace and Protobuf's package. */
export const namespace = 'partoo.bridge.v1'

const id = { kind: 'id' } as const
const text = { kind: 'string', isEmptyAllowed: true } as const
const time = { kind: 'time' } as const
const int = { kind: 'int' } as const
const idLimit = `1 to ${idBytesMax.toLocaleString('en')} bytes of UTF-8`

const outboundMessage: Contract = {
  name: 'outbound-message',
  version: 1,
  recordName: 'OutboundMessage',
  direction: 'read by the bridge',
  description:
    'A message to be sent to Partoo. Fields that are not listed here are ignored, and null in an optional field means that it is absent.',
  fields: [
    {
      name: 'business_id',
      number: 1,
      presence: 'required',
      type: id,
      description: `The business at Partoo that the message belongs to. ${idLimit}.`,
    },
    {
      name: 'external_conversation_id',
      number: 2,
      presence: 'required',
      type: id,
      description: `The conversation, as your system names it. With the channel it names one conversation at Partoo, which its first message creates. Messages of one conversation in one partition are sent in the order of the partition. ${idLimit}.`,
    },
    {
      name: 'external_message_id',
      number: 3,
      presence: 'required',
      type: id,
      description: `The message, as your system names it, unique within its channel for ever: a second message with the same id is a duplicate, and is not created. Write the same id when you write the same message again. ${idLimit}.`,
    },
    {
      name: 'content',
      number: 4,
      presence: 'required',
      type: { kind: 'string', isEmptyAllowed: false },
      description: 'The text of the message. Not empty.',
    },
    {
      name: 'sender_type',
      number: 5,
      presence: 'required',
      type: { kind: 'words', name: 'SenderType', words: ['User', 'Consumer'], closed: true },
      description: 'Who speaks: User (the user of the business) or Consumer (the customer).',
    },
    {
      name: 'consumer_name',
      number: 6,
      presence: 'optional',
      type: text,
      description: 'Display name of the customer. Partoo reads it only when the conversation is created.',
    },
    {
      name: 'consumer_image',
      number: 7,
      presence: 'optional',
      type: text,
      description: 'URL of a picture of the customer. Partoo reads it only when the conversation is created.',
    },
    {
      name: 'channel_id',
      number: 8,
      presence: 'optional',
      type: id,
      description: `The custom channel at Partoo. Absent: the one that the bridge is configured with; where it has several, a message has to name its own. ${idLimit}.`,
    },
  ],
}

const receipt: Contract = {
  name: 'receipt',
  version: 1,
  recordName: 'Receipt',
  direction: 'written by the bridge',
  description:
    'One fact about one message. A message has several receipts, in no certain order, and a receipt may be published more than once: copies have the same header ce_id. Every field is always there; what does not apply is null.',
  fields: [
    {
      name: 'status',
      number: 1,
      presence: 'required',
      type: { kind: 'words', name: 'Status', words: receiptStatuses, closed: false },
      description:
        'What became of the message. accepted: Partoo said 200, and has still to create it. rejected: it is in the dead letters. duplicate: not sent, as one with the same id was accepted before. created: it is in the conversation. delivered, failed: what Partoo tells later. More words may come: pass over those that you do not know.',
    },
    {
      name: 'reason',
      number: 2,
      presence: 'nullable',
      type: { kind: 'words', name: 'Reason', words: [...deadLetterReasons, 'id-reused'], closed: false },
      description:
        'Why the message was rejected, as in the header partoo-dlq-reason of its dead letter. id-reused, with status accepted: another message had the same id before, and Partoo will ignore this one. Else null. More words may come: pass over those that you do not know.',
    },
    {
      name: 'channel_id',
      number: 3,
      presence: 'nullable',
      type: id,
      description: 'The custom channel. Null where the message named none that is valid, or Partoo did not tell.',
    },
    {
      name: 'external_conversation_id',
      number: 4,
      presence: 'nullable',
      type: id,
      description: 'The conversation, as your system names it. Null where the message named none that is valid.',
    },
    {
      name: 'external_message_id',
      number: 5,
      presence: 'nullable',
      type: id,
      description: 'The message, as your system names it. Null where the message named none that is valid.',
    },
    {
      name: 'business_id',
      number: 6,
      presence: 'nullable',
      type: id,
      description: 'The business at Partoo. Null where the message named none that is valid.',
    },
    { name: 'at', number: 7, presence: 'required', type: time, description: 'When it was so: ISO 8601, UTC.' },
    {
      name: 'attempts',
      number: 8,
      presence: 'required',
      type: int,
      description: 'How many calls ended otherwise than with 429, timeouts included. 0 where none was made.',
    },
    {
      name: 'http_status',
      number: 9,
      presence: 'nullable',
      type: int,
      description: 'The HTTP status of the last answer. Null where there was none.',
    },
    {
      name: 'source',
      number: 10,
      presence: 'nullable',
      description:
        'The record that the message came with. Null in what Partoo told later (created, delivered, failed).',
      type: {
        kind: 'object',
        name: 'Source',
        fields: [
          { name: 'topic', number: 1, presence: 'required', type: text, description: 'Its topic.' },
          { name: 'partition', number: 2, presence: 'required', type: int, description: 'Its partition.' },
          { name: 'offset', number: 3, presence: 'required', type: { kind: 'long' }, description: 'Its offset.' },
        ],
      },
    },
    {
      name: 'partoo',
      number: 11,
      presence: 'nullable',
      description: 'The ids of Partoo, in what it told later (created, delivered, failed). Else null.',
      type: {
        kind: 'object',
        name: 'PartooIds',
        fields: [
          {
            name: 'message_id',
            number: 1,
            presence: 'nullable',
            type: id,
            description: 'The message at Partoo. Null where Partoo did not tell.',
          },
          {
            name: 'conversation_id',
            number: 2,
            presence: 'nullable',
            type: id,
            description: 'The conversation at Partoo. Null where Partoo did not tell.',
          },
        ],
      },
    },
  ],
}

const reply: Contract = {
  name: 'reply',
  version: 1,
  recordName: 'Reply',
  direction: 'written by the bridge',
  description:
    'What a person wrote in Partoo on a custom channel. It may be published more than once: copies have the same header ce_id. Every field is always there; what Partoo did not tell is null, never guessed.',
  fields: [
    {
      name: 'message_id',
      number: 1,
      presence: 'nullable',
      type: id,
      description: 'The message at Partoo.',
    },
    {
      name: 'conversation_id',
      number: 2,
      presence: 'nullable',
      type: id,
      description: 'The conversation at Partoo.',
    },
    {
      name: 'external_conversation_id',
      number: 3,
      presence: 'nullable',
      type: id,
      description: 'The conversation, as your system named it when it wrote its messages.',
    },
    { name: 'channel_id', number: 4, presence: 'nullable', type: id, description: 'The custom channel.' },
    { name: 'business_id', number: 5, presence: 'nullable', type: id, description: 'The business at Partoo.' },
    { name: 'org_id', number: 6, presence: 'nullable', type: id, description: 'The organization at Partoo.' },
    {
      name: 'content',
      number: 7,
      presence: 'nullable',
      type: text,
      description: 'The text. Null or empty where there is none, as with a picture.',
    },
    {
      name: 'content_type',
      number: 8,
      presence: 'nullable',
      type: text,
      description: 'Text, Image, Video, … as Partoo names it. Partoo adds words without notice.',
    },
    {
      name: 'sender_type',
      number: 9,
      presence: 'nullable',
      type: text,
      description: 'User, … as Partoo names it, never Consumer. Partoo adds words without notice.',
    },
    {
      name: 'sender_label',
      number: 10,
      presence: 'nullable',
      type: text,
      description: 'The name of who wrote it.',
    },
    { name: 'user_id', number: 11, presence: 'nullable', type: id, description: 'Who wrote it, at Partoo.' },
    {
      name: 'created_at',
      number: 12,
      presence: 'nullable',
      type: time,
      description: 'When it was written: ISO 8601, UTC. Null where the date of the event could not be read.',
    },
    {
      name: 'consumer_name',
      number: 13,
      presence: 'nullable',
      type: text,
      description: 'The display name of the customer.',
    },
    {
      name: 'event',
      number: 14,
      presence: 'nullable',
      type: text,
      description:
        'The whole webhook body of Partoo, as a string of JSON, as it came. Null where it was too large for the topic: then the header partoo-event-omitted says so, and the body is in the topic of events.',
    },
  ],
}

export const contracts = { 'outbound-message': outboundMessage, receipt, reply } as const satisfies Record<
  ContractName,
  Contract
>
