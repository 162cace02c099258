// Owns the question whether a Kafka that was given has an ingestor at work already: another `npm start`, or worse, a real
// one. To join its group would take its records away from it, so this start then keeps to names of its own.

import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import { ingestorGroupId } from './environment.ts'

/** Answers the prefix for topics and group on `brokers`: none where the usual group is idle. */
export async function freePrefix(brokers: string, say: (line: string) => void): Promise<string> {
  const usual = ingestorGroupId('')
  const members = await withAdmin(kafkaClient(brokers), async (admin) => {
    const { groups } = await admin.describeGroups([usual])
    return groups[0]?.members.length ?? 0
  })
  if (members === 0) return ''
  const prefix = `start-${process.pid}-`
  say(`An ingestor is at work in group ${usual} on ${brokers}: topics and group of this start begin with ${prefix}`)
  return prefix
}
