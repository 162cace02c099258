// docs/asyncapi.yaml: the topics of the bridge as an AsyncAPI 3.0 document, for tools and for people. Operations are from the
// bridge's point of view, as the specification has it: what the bridge receives is what you send, and what it sends you receive.

import { stringify } from 'yaml'
import { type ContractName, contracts } from '../contracts.ts'
import { goldenExample } from '../golden.ts'
import { type RecordHeader, recordHeaders } from '../record-headers.ts'
import { bulkTopic, replication, type TopicRole, topicSettings, topics } from '../topics.ts'
import { jsonSchema } from './json-schema-text.ts'

type Role = TopicRole | 'bulk'
type Operation = { id: string; action: 'receive' | 'send'; summary: string; group?: string }
type MessageKind = {
  role: TopicRole
  contract: ContractName | undefined
  title: string
  key: object
  contentType: string
}

const bindingVersion = '0.5.0'
const dayMs = 86_400_000

const keyOf = (description: string) => ({ type: 'string', description })

/** Component name of each role's message: outbound and bulk have the same. */
const messages = {
  OutboundMessage: {
    role: 'outbound',
    contract: 'outbound-message',
    title: 'Outbound message',
    contentType: 'application/json',
    key: keyOf(
      'The external conversation id: then the messages of a conversation stay in one partition, and are sent in order. Any key, or none, is accepted.',
    ),
  },
  DeadLetter: {
    role: 'dlq',
    contract: undefined,
    title: 'Dead letter',
    contentType: 'application/octet-stream',
    key: keyOf('The key of the original, byte for byte; none where it had none.'),
  },
  Receipt: {
    role: 'receipts',
    contract: 'receipt',
    title: 'Delivery receipt',
    contentType: 'application/json',
    key: keyOf(
      'The external conversation id. Where it is not known: none in what the ingestor tells, partoo-conversation-<id of Partoo> in what the webhook gateway tells.',
    ),
  },
  Reply: {
    role: 'replies',
    contract: 'reply',
    title: 'Reply',
    contentType: 'application/json',
    key: keyOf('The external conversation id; where it is not known partoo-conversation-<id of Partoo>.'),
  },
  Event: {
    role: 'events',
    contract: undefined,
    title: 'Event',
    contentType: 'application/json',
    key: keyOf('partoo-conversation-<id of Partoo>; where there is no conversation the type of the event.'),
  },
} as const satisfies Record<string, MessageKind>

type MessageName = keyof typeof messages

/** Golden examples that are shown, of each contract. */
const shown: Record<ContractName, readonly string[]> = {
  'outbound-message': ['minimal', 'all-fields', 'sender-user'],
  receipt: ['accepted', 'rejected', 'duplicate', 'created', 'delivered', 'failed'],
  reply: ['text', 'too-large'],
}

const channels: Record<Role, { message: MessageName; operations: readonly Operation[] }> = {
  outbound: {
    message: 'OutboundMessage',
    operations: [
      {
        id: 'receiveOutboundMessages',
        action: 'receive',
        summary: 'The ingestor reads what you want to be sent.',
        group: 'partoo-ingestor',
      },
    ],
  },
  bulk: {
    message: 'OutboundMessage',
    operations: [
      {
        id: 'receiveBulkMessages',
        action: 'receive',
        summary: 'The ingestor reads campaigns and imports.',
        group: 'partoo-ingestor',
      },
    ],
  },
  dlq: {
    message: 'DeadLetter',
    operations: [
      { id: 'sendDeadLetters', action: 'send', summary: 'The ingestor puts away what Partoo can never take.' },
    ],
  },
  receipts: {
    message: 'Receipt',
    operations: [
      { id: 'sendReceipts', action: 'send', summary: 'Ingestor and webhook gateway tell what became of each message.' },
    ],
  },
  replies: {
    message: 'Reply',
    operations: [
      { id: 'sendReplies', action: 'send', summary: 'The webhook gateway passes on what a person wrote in Partoo.' },
    ],
  },
  events: {
    message: 'Event',
    operations: [
      { id: 'sendEvents', action: 'send', summary: 'The webhook gateway passes on every other verified webhook.' },
    ],
  },
}

const roles = Object.keys(channels) as Role[]

/** @returns the text of the document, with quotes where readers of YAML 1.1 (there are many) would see another type than text */
export function asyncapiText(): string {
  const head = ' Written by `npm run generate` from libs/schemas: not to be edited by hand.\n'
  return `#${head}\n${stringify(document(), { lineWidth: 120, aliasDuplicateObjects: false, version: '1.1' })}`
}

function document() {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Partoo Kafka bridge',
      version: '1.0.0',
      description: [
        'Messages from Kafka to conversations at Partoo, and what became of them, replies and events back.',
        '',
        'Operations are from the point of view of the bridge: `receive` is what it reads and you write, `send` is what it writes and you read.',
        '',
        'Values are JSON. What you write may also be Avro, JSON Schema or Protobuf in the wire format of Confluent, through a schema registry, mixed in one topic; receipts and replies are Avro or JSON Schema where the bridge is configured so (`OUTPUT_FORMAT`). The schemas are in `libs/schemas/schemas`, examples in `libs/schemas/golden`.',
        '',
        'Whatever the bridge writes it may write more than once: copies of one fact have the same header `ce_id`.',
      ].join('\n'),
    },
    defaultContentType: 'application/json',
    servers: {
      kafka: {
        host: '{brokers}',
        protocol: 'kafka',
        description: 'Your Kafka.',
        variables: { brokers: { default: 'localhost:9092', description: 'As in the variable KAFKA_BROKERS.' } },
      },
    },
    channels: Object.fromEntries(roles.map((role) => [role, channel(role)])),
    operations: Object.fromEntries(
      roles.flatMap((role) =>
        channels[role].operations.map((operation) => [operation.id, operationObject(role, operation)]),
      ),
    ),
    components: {
      messages: Object.fromEntries(names.map((name) => [name, message(messages[name])])),
      schemas: Object.fromEntries(
        names.flatMap((name) => {
          const { contract } = messages[name]
          return contract === undefined ? [] : [[name, jsonSchema(contracts[contract])]]
        }),
      ),
    },
  }
}

const names = Object.keys(messages) as MessageName[]

function channel(role: Role) {
  const { variable, purpose, producedBy } = role === 'bulk' ? bulkTopic : topics[role]
  const address = role === 'bulk' ? null : topics[role].defaultName
  const { partitions, retentionMs, cleanupPolicy, retentionFor } = topicSettings[role]
  const named =
    address === null
      ? `It has no default name: it is read only where ${variable} names it.`
      : `The variable ${variable} renames it.`
  const { message: name } = channels[role]
  return {
    address,
    title: messages[name].title + (role === 'bulk' ? ', of campaigns and imports' : ''),
    summary: `${purpose[0]?.toUpperCase()}${purpose.slice(1)}.`,
    description: `${named} Written by: ${producedBy}. Kept for ${retentionMs / dayMs} days or longer: ${retentionFor}.`,
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
    bindings: {
      kafka: {
        ...(address !== null && { topic: address }),
        partitions,
        replicas: replication.factor,
        topicConfiguration: { 'cleanup.policy': [cleanupPolicy], 'retention.ms': retentionMs },
        bindingVersion,
      },
    },
    'x-variable': variable,
  }
}

function operationObject(role: Role, { action, summary, group }: Operation) {
  return {
    action,
    summary,
    channel: { $ref: `#/channels/${role}` },
    messages: [{ $ref: `#/channels/${role}/messages/${channels[role].message}` }],
    ...(group !== undefined && {
      bindings: {
        kafka: {
          groupId: { type: 'string', default: group, description: 'The variable INGESTOR_GROUP_ID changes it.' },
          bindingVersion,
        },
      },
    }),
  }
}

function message({ role, contract, title, key, contentType }: MessageKind) {
  return {
    name: contract === undefined ? topics[role].defaultName : `${contract}.v1`,
    title,
    summary: contract === undefined ? bytesSummary(role) : contracts[contract].description,
    contentType,
    headers: headersSchema(recordHeaders[role]),
    payload:
      contract === undefined
        ? { description: bytesSummary(role) }
        : { $ref: `#/components/schemas/${contracts[contract].recordName}` },
    bindings: { kafka: { key, bindingVersion } },
    ...(contract !== undefined && { examples: shown[contract].map((name) => example(contract, name)) }),
  }
}

function bytesSummary(role: TopicRole): string {
  return role === 'dlq'
    ? 'The value of the original, byte for byte, its key and its headers too; beside these the headers partoo-dlq-*.'
    : 'A webhook body of Partoo, byte for byte as it came and was signed. A body that is no JSON is passed on too.'
}

function headersSchema(headers: readonly RecordHeader[]) {
  return {
    type: 'object',
    properties: Object.fromEntries(
      headers.map(({ name, description, words }) => [
        name,
        { type: 'string', description, ...(words && { enum: [...words] }) },
      ]),
    ),
    ...(headers.some(({ isAlways }) => isAlways) && {
      required: headers.filter(({ isAlways }) => isAlways).map(({ name }) => name),
    }),
  }
}

function example(contract: ContractName, name: string) {
  const { text, note } = goldenExample(contract, name)
  const payload = JSON.parse(text)
  return { name, summary: note.about, headers: exampleHeaders(contract, payload), payload }
}

/** As the services would write them with this value; the hash is anyone's. */
function exampleHeaders(contract: ContractName, payload: Record<string, unknown>): Record<string, string> {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  if (contract === 'outbound-message') return { traceparent }
  const { source, partoo, status, message_id, at, created_at, event } = payload as {
    source?: { topic: string; partition: number; offset: number } | null
    partoo?: { message_id: string } | null
    status?: string
    message_id?: string
    at?: string
    created_at?: string
    event?: string | null
  }
  const webhook = status === 'delivered' || status === 'failed' ? 'message_updated' : 'message_created'
  const fromIngestor = source !== undefined && source !== null
  return {
    ce_specversion: '1.0',
    ce_id: fromIngestor
      ? `${source.topic}/${source.partition}/${source.offset}/${status}`
      : `${webhook}/${partoo?.message_id ?? message_id}/9f86d081884c7d65`,
    ce_type: contract === 'receipt' ? `partoo.receipt.${status}` : 'partoo.reply',
    ce_source: fromIngestor ? '/partoo/ingestor' : '/partoo/webhook-gateway',
    ce_time: at ?? created_at ?? '',
    'content-type': 'application/json',
    ...(event === null && { 'partoo-event-omitted': 'too-large' }),
  }
}
