// Consumes receipts and replies: prints a JSON line for each fact, copies dropped, with what there is to do about it.
//
//   node consume.js    ends by Ctrl-C or SIGTERM

import { Consumer, stringDeserializers } from '@platformatic/kafka'
import { groupId, kafka, receiptsTopic, repliesTopic } from './settings.js'

/** How many ids are remembered. Copies come close together: of one batch, after a crash or a rebalance. */
const seenMax = 100_000

/**
 * The newest ids of facts. Where a fact must not count twice even after a restart of yours, keep `ce_id` in a unique column
 * of your database instead, written in the same transaction as what the fact changes.
 */
const seen = new Set()

function isCopy(id) {
  if (seen.has(id)) return true
  seen.add(id)
  if (seen.size > seenMax) seen.delete(seen.values().next().value)
  return false
}

/** What there is to do about a receipt. */
function actionForReceipt({ status, reason }) {
  switch (status) {
    case 'accepted':
      // id-reused: another message had this id, and Partoo ignores this one. Else Partoo has it, and `created` follows.
      return reason === 'id-reused' ? 'fix-producer' : 'wait'
    case 'duplicate':
      return 'nothing' // you produced it again: it was not sent again
    case 'created':
    case 'delivered':
      return 'done'
    case 'failed':
      return 'tell-someone' // it is in the conversation, but did not reach the consumer
    case 'rejected':
      // retries-exhausted: Partoo failed on it again and again; later, with the same id. Else it is undecodable, invalid or
      // refused by Partoo: the dead letter has it whole, and says why.
      return reason === 'retries-exhausted' ? 'produce-again' : 'fix-producer'
    default:
      return 'nothing' // a status that came later than this program
  }
}

const consumer = new Consumer({ ...kafka, groupId, deserializers: stringDeserializers })
const stream = await consumer.consume({
  topics: [receiptsTopic, repliesTopic],
  mode: 'committed',
  fallbackMode: 'earliest',
  // Committed below, once a record is handled: after a crash it comes again.
  autocommit: false,
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stream.close())

for await (const { topic, key, headers: pairs, value: text, commit } of stream) {
  const headers = Object.fromEntries(pairs)
  if (!isCopy(headers.ce_id)) {
    const value = JSON.parse(text)
    const action = topic === receiptsTopic ? actionForReceipt(value) : 'show-reply'
    console.log(JSON.stringify({ topic, key: key ?? null, headers, value, action }))
  }
  await commit()
}
await consumer.close()
