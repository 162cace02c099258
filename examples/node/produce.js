// Produces messages for Partoo, as plain JSON.
//
//   node produce.js                 one message; run it again, and the second is recognised as a copy
//   node produce.js messages.jsonl  a line each: {"value": {...}}, and if need be "key" and "headers"; "-" is standard input

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { compatibilityPartitioner, Producer, stringSerializers } from '@platformatic/kafka'
import { codec, kafka, outboundTopic } from './settings.js'

/** Messages of one send: one request for each broker. */
const batchMax = 100

/** What a producer of your own does: ids that your system has already, so that a repeat has the same ones. */
function* exampleLines() {
  const [ticket, comment] = [4711, 1]
  yield {
    value: {
      business_id: '42',
      external_conversation_id: `node-ticket-${ticket}`,
      // Never a random id: after a crash you produce the message again, and only the same id tells that it is the same.
      external_message_id: `node-ticket-${ticket}-comment-${comment}`,
      content: 'Is the terrace open? 🌿',
      sender_type: 'Consumer',
    },
  }
}

async function* givenLines(file) {
  const lines = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  for (const line of lines.split('\n')) {
    // An id that is a number beyond 2^53 is rounded by JSON.parse: have ids as strings.
    if (line !== '') yield JSON.parse(line)
  }
}

let unkeyed = 0

const producer = new Producer({
  ...kafka,
  serializers: stringSerializers,
  compression: codec,
  // A record that was retried is neither lost, nor doubled, nor out of order; it implies acks of all replicas in sync.
  idempotent: true,
  // As Java's producer places keys, so that a conversation is in one partition whoever produces. This client's own default
  // puts half of all keys elsewhere.
  partitioner: (message, key) => (key === undefined ? unkeyed++ : compatibilityPartitioner(message, key)),
})

async function send(messages) {
  if (messages.length > 0) await producer.send({ messages })
}

try {
  const [, , file] = process.argv
  const batch = []
  for await (const { key, headers, value } of file === undefined ? exampleLines() : givenLines(file)) {
    batch.push({
      topic: outboundTopic,
      // The conversation's id as key: it stays in one partition, and so in order. null: no key.
      ...(key !== null && { key: key ?? value.external_conversation_id }),
      headers: new Map(Object.entries(headers ?? {})),
      value: JSON.stringify(value),
    })
    if (batch.length === batchMax) await send(batch.splice(0))
  }
  await send(batch)
} finally {
  await producer.close()
}
