// Faults of Partoo, of the way to it and of what it allows.

import { otherClient } from '../other-client.ts'
import type { Row } from '../row.ts'
import { apiKey } from '../world.ts'
import { once } from './once.ts'

const slowness = { delayMs: 400, bytesPerSecond: 20_000 }
const outageMs = 600_000

export const partooRows: readonly Row[] = [
  {
    name: 'partoo-cut',
    fault: 'between the services and Partoo, both ways, every connection is reset and none is let in, for 20 s',
    kafka: 'one',
    world: {},
    run: (world) =>
      once(world, 'Partoo cannot be reached', async () => {
        const ways = [world.partooWay, world.webhooksWay]
        await Promise.all(ways.map((way) => way.set('cut')))
        await world.lasts(20_000)
        await Promise.all(ways.map((way) => way.set('open')))
      }),
  },
  {
    name: 'partoo-slow',
    fault: `between the services and Partoo, both ways, ${slowness.delayMs} ms and ${slowness.bytesPerSecond / 1_000} kB a second for each connection, for 30 s`,
    kafka: 'one',
    world: {},
    run: (world) =>
      once(world, 'Partoo is slow', async () => {
        for (const way of [world.partooWay, world.webhooksWay]) way.slow(slowness)
        await world.lasts(30_000)
        for (const way of [world.partooWay, world.webhooksWay]) way.slow(undefined)
      }),
  },
  {
    name: 'partoo-half-open',
    fault:
      'between the services and Partoo, both ways, connections are forgotten without a word, three times, new ones work',
    kafka: 'one',
    world: {},
    async run(world) {
      for (let time = 1; time <= 3; time += 1) {
        await world.phase('connections to Partoo are forgotten', async () => {
          for (const way of [world.partooWay, world.webhooksWay]) way.forget()
        })
        await world.lasts(6_000)
        await world.recovered()
      }
    },
  },
  {
    name: 'answers-lost',
    fault:
      'for 30 s Partoo takes one message in five, and resets the connection, breaks off its answer or hangs instead of answering',
    kafka: 'one',
    world: {},
    run: (world) =>
      once(world, 'answers get lost', async () => {
        const faults = [
          world.state.addFault({ probability: 0.07, effect: { kind: 'reset', when: 'after' } }),
          world.state.addFault({ probability: 0.07, effect: { kind: 'break-off' } }),
          world.state.addFault({ probability: 0.06, effect: { kind: 'hang', when: 'after', ms: 20_000 } }),
        ]
        await world.lasts(30_000)
        for (const { id } of faults) world.state.removeFault(id)
      }),
  },
  {
    name: 'partoo-outage',
    fault: 'Partoo is away for 10 minutes: 5 of 503, 5 in which nobody is let in',
    kafka: 'one',
    isLong: true,
    // What waits is through in about a minute, at the limit.
    world: { perSecond: 2 },
    expected: { drainDeadlineMs: 240_000 },
    run: (world, _stand, quick) =>
      once(world, 'Partoo is away', async () => {
        const halfMs = quick ? 20_000 : outageMs / 2
        const fault = world.state.addFault({ effect: { kind: 'answer', status: 503 } })
        await world.lasts(halfMs)
        await world.partooWay.set('cut')
        world.state.removeFault(fault.id)
        await world.lasts(halfMs)
        await world.partooWay.set('open')
      }),
  },
  {
    name: 'limit-storm',
    fault: 'for 30 s Partoo answers one call in three with 429 and Retry-After: 2, though the limit is kept',
    kafka: 'one',
    world: {},
    expected: { refusals: true },
    run: (world) =>
      once(world, '429 again and again', async () => {
        const effect = { kind: 'answer', status: 429, headers: { 'retry-after': '2' } } as const
        const fault = world.state.addFault({ probability: 0.33, effect })
        await world.lasts(30_000)
        world.state.removeFault(fault.id)
      }),
  },
  {
    name: 'other-client',
    fault:
      'another client of the organization makes half as many calls as the limit allows, for 60 s: together they exceed it',
    kafka: 'one',
    world: {},
    expected: { refusals: true },
    async run(world) {
      await world.phase('another client calls', async () => {
        const found = await otherClient(world, world.options.limitPerMinute / 120, 60_000)
        world.notes.push(`the other client’s calls: ${found.accepted} accepted, ${found.refused} refused`)
      })
      // Its calls count for a minute more.
      await world.recovered(120_000)
    },
  },
  {
    name: 'key-revoked',
    fault: 'the API key is revoked for 20 s, and restored',
    kafka: 'one',
    world: {},
    run: (world) =>
      once(world, 'the key is revoked', async () => {
        changeKey(world, 'revoke_keys')
        await world.lasts(20_000)
        changeKey(world, 'restore_keys')
      }),
  },
]

function changeKey(world: Parameters<Row['run']>[0], how: 'revoke_keys' | 'restore_keys'): void {
  const changed = world.state.changeOrganization(1, { [how]: [apiKey] })
  if (changed.kind === 'refused') throw new Error(changed.message)
}
