// `npm run produce`: puts one message into the outbound topic, as any producer of yours would, and says where it went.

import { parseArgs } from 'node:util'
import { kafkaClient } from '@bridge/local-kafka/kafka-client'
import { Partitioners } from 'kafkajs'
import { exitUsage, reachKafka, tell } from './command.ts'

const help = `npm run produce -- [options] "text"

Produces one message to the outbound topic of the running \`npm start\` (or of START_KAFKA_BROKERS).

  --conversation <id>   external_conversation_id and key of the record (alice)
  --message <id>        external_message_id (one that was never used)
  --name <name>         consumer_name: shown in Partoo when the conversation is new
  --business <id>       business_id (42)
  --sender <type>       Consumer (default) or User
`

process.exitCode = await produce(process.argv.slice(2))

async function produce(args: string[]): Promise<number> {
  const read = readArguments(args)
  if (read.kind === 'help') return tell(help, 0)
  if (read.kind === 'wrong') return tell(`${read.why}\n\n${help}`, exitUsage)
  const target = await reachKafka(process.env)
  if (target.kind === 'none') return tell(`${target.why}\n`, 1)

  const { message } = read
  const producer = kafkaClient(target.brokers, 'partoo-bridge-produce').producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 2 },
  })
  try {
    await producer.connect()
    const [answer] = await producer.send({
      topic: target.topics.outbound,
      acks: -1,
      messages: [{ key: message.external_conversation_id, value: JSON.stringify(message) }],
    })
    const where = `${target.topics.outbound}, partition ${answer?.partition}, offset ${answer?.baseOffset}`
    const ids = `message ${message.external_message_id} in conversation ${message.external_conversation_id}`
    return tell(`produced ${ids}\n      to ${where}\n`, 0)
  } catch (error) {
    return tell(`Kafka did not take the message: ${error instanceof Error ? error.message : error}\n`, 1)
  } finally {
    await producer.disconnect()
  }
}

type Read =
  | { kind: 'help' }
  | { kind: 'wrong'; why: string }
  | { kind: 'message'; message: ReturnType<typeof asMessage> }

function readArguments(args: string[]): Read {
  const text = { type: 'string' } as const
  const options = {
    help: { type: 'boolean', short: 'h' },
    conversation: text,
    message: text,
    name: text,
    business: text,
    sender: text,
  } as const
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    if (values.help) return { kind: 'help' }
    const content = positionals.join(' ')
    if (content.trim() === '') return { kind: 'wrong', why: 'The text of the message is missing.' }
    return { kind: 'message', message: asMessage(content, values) }
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) }
  }
}

type Options = { conversation?: string; message?: string; name?: string; business?: string; sender?: string }

function asMessage(content: string, options: Options) {
  return {
    business_id: options.business ?? '42',
    external_conversation_id: options.conversation ?? 'alice',
    external_message_id: options.message ?? `cli-${Date.now().toString(36)}`,
    content,
    sender_type: options.sender ?? 'Consumer',
    ...(options.name !== undefined && { consumer_name: options.name }),
  }
}
