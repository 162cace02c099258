// Faults of Kafka itself and of the way to it.

import type { Row } from '../row.ts'
import { once } from './once.ts'

const slowness = { delayMs: 250, bytesPerSecond: 100_000 }

export const kafkaRows: readonly Row[] = [
  {
    name: 'broker-killed',
    fault: 'the only broker is killed (SIGKILL) and started again after 5 s, twice',
    kafka: 'one',
    world: {},
    async run(world, stand) {
      for (let time = 1; time <= 2; time += 1) {
        await world.phase('the broker is gone', async () => {
          await stand.broker().kill()
          await world.lasts(5_000)
          await stand.broker().begin()
        })
        await world.recovered()
      }
    },
  },
  {
    name: 'brokers-rolled',
    fault:
      'of three brokers one is killed and comes back; leaders are moved twice, the group’s coordinator too; all are rolled',
    kafka: 'three',
    world: { perSecond: 22 },
    async run(world, stand) {
      const cluster = stand.cluster()
      const { receipts, dlq, replies } = world.fleet.topics.names
      const data = [world.fleet.outbound, receipts, dlq, replies]
      const [first = 1] = cluster.ids
      await world.phase('a broker is killed, and comes back', async () => {
        await cluster.end(first, 'SIGKILL')
        await world.lasts(3_000)
        await cluster.begin(first)
      })
      await world.recovered()
      await world.phase('leaders are moved', async () => {
        await cluster.moveLeaders(data)
        await cluster.moveLeaders([...data, '__consumer_offsets'])
      })
      await world.recovered()
      await world.phase('all brokers are rolled', () => cluster.roll())
      await world.recovered()
    },
  },
  {
    name: 'kafka-cut',
    fault: 'between the services and Kafka every connection is reset and none is let in, for 20 s',
    kafka: 'one',
    world: { kafkaWay: 'all' },
    run: (world) =>
      once(world, 'Kafka cannot be reached', async () => {
        await world.kafkaWay.set('cut')
        await world.lasts(20_000)
        await world.kafkaWay.set('open')
      }),
  },
  {
    name: 'kafka-slow',
    fault: `between the services and Kafka ${slowness.delayMs} ms each way and ${slowness.bytesPerSecond / 1_000} kB a second, for 30 s`,
    kafka: 'one',
    world: { kafkaWay: 'all' },
    run: (world) =>
      once(world, 'Kafka is slow', async () => {
        world.kafkaWay.slow(slowness)
        await world.lasts(30_000)
        world.kafkaWay.slow(undefined)
      }),
  },
  {
    name: 'kafka-half-open',
    fault: 'between the services and Kafka connections are forgotten without a word, twice, new ones work',
    kafka: 'one',
    world: { kafkaWay: 'all' },
    async run(world) {
      for (let time = 1; time <= 2; time += 1) {
        await world.phase('connections to Kafka are forgotten', async () => world.kafkaWay.forget())
        await world.lasts(5_000)
        await world.recovered()
      }
    },
  },
  {
    name: 'kafka-frozen',
    fault: 'between the services and Kafka no byte passes for 15 s, connections stay; then all of it arrives',
    kafka: 'one',
    world: { kafkaWay: 'all' },
    run: (world) =>
      once(world, 'no byte passes to Kafka', async () => {
        await world.kafkaWay.set('frozen')
        await world.lasts(15_000)
        await world.kafkaWay.set('open')
      }),
  },
]
