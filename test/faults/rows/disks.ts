// Faults of disks, and what Kafka's own housekeeping takes away.

import { kafkaClient, withAdmin } from '@bridge/local-kafka/kafka-client'
import { json } from '../../support/kafka.ts'
import { until } from '../../support/wait.ts'
import type { Row } from '../row.ts'
import type { World } from '../world.ts'
import { once } from './once.ts'

export const diskRows: readonly Row[] = [
  {
    name: 'spool-disk-full',
    fault:
      'the gateway cannot reach Kafka for 25 s, and its spool’s disk is full for 12 s of them: Partoo is answered 503, and repeats',
    kafka: 'one',
    spoolOnSmallDisk: true,
    world: (stand) => ({ kafkaWay: 'gateway', spoolFolder: `${stand.disk().folder}/spool` }),
    async run(world, stand) {
      const disk = stand.disk()
      await world.phase('the spool’s disk is full, and Kafka away', async () => {
        await world.kafkaWay.set('cut')
        await world.lasts(5_000)
        disk.fill()
        await world.lasts(12_000)
        disk.free()
        await world.lasts(8_000)
        await world.kafkaWay.set('open')
      })
      const refused = world.state.webhookAttempts().filter(({ status }) => status === 503).length
      world.notes.push(`${refused} webhooks were answered 503`)
      if (refused === 0) world.wrong.push('no webhook was answered 503: the disk was not full')
      await world.recovered()
    },
  },
  {
    name: 'broker-disk-full',
    fault: 'the disk of the broker’s log is full, which ends the broker; with room again it is started after 5 s',
    kafka: 'small-disk',
    world: {},
    run: (world, stand) =>
      once(world, 'the broker’s disk is full', async () => {
        stand.disk().fill()
        let ended = false
        void stand
          .broker()
          .ended()
          .then(() => {
            ended = true
          })
        await until('the end of the broker', () => ended, 60_000)
        await world.lasts(5_000)
        stand.disk().free()
        await stand.broker().begin()
      }),
  },
  {
    name: 'retention',
    fault:
      'no replica runs for 10 s, in which Kafka deletes what the group has not read: that is gone, and told; nothing else is',
    kafka: 'one',
    world: {},
    async run(world, stand) {
      await world.phase('Kafka deletes what was not read', async () => {
        for (const replica of world.fleet.replicas) await replica.end('SIGTERM')
        await world.lasts(10_000)
        for (const id of await deleteUnread(world, stand.broker().address)) world.takenAway.add(id)
        await world.fleet.addReady(2)
      })
      await world.recovered()
      const counted = await Promise.all(
        world.fleet.replicas.map((replica) => world.fleet.gauge(replica, 'partoo_unread_deleted_total')),
      )
      const told = counted.reduce((sum, one) => sum + one, 0)
      world.notes.push(`Kafka deleted ${world.takenAway.size} unread messages; the services tell of ${told}`)
      if (told !== world.takenAway.size) world.wrong.push(`${told} deleted messages told, not ${world.takenAway.size}`)
      if (world.takenAway.size === 0) world.wrong.push('nothing was deleted')
    },
  },
]

/** Deletes all that the outbound topic has now. @returns the ids of what the group had not settled */
async function deleteUnread(world: World, brokers: string): Promise<string[]> {
  const { outbound, group, kafka, topics } = world.fleet
  const ends = await withAdmin(kafkaClient(brokers), (admin) => admin.fetchTopicOffsets(outbound))
  const committed = await withAdmin(kafkaClient(brokers), (admin) =>
    admin.fetchOffsets({ groupId: group, topics: [outbound] }),
  )
  const endOf = new Map(ends.map(({ partition, high }) => [partition, Number(high)]))
  const watermarkOf = new Map(committed[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  const reads = await kafka.readAll(outbound, topics.group('before-deletion'))
  const partitions = [...endOf].map(([partition, end]) => ({ partition, offset: String(end) }))
  await withAdmin(kafkaClient(brokers), async (admin) => {
    // kafkajs deletes only in a topic that it has looked up.
    await admin.fetchTopicOffsets(outbound)
    await admin.deleteTopicRecords({ topic: outbound, partitions })
  })
  return reads
    .filter(({ partition, offset }) => {
      const watermark = Math.max(0, watermarkOf.get(partition) ?? 0)
      return offset >= watermark && offset < (endOf.get(partition) ?? 0)
    })
    .map((read) => String(json(read).external_message_id))
}
