// Faults of the services' own processes: replicas that come and go, are killed or stopped, and live at another time of day.

import { until } from '../../support/wait.ts'
import type { Row } from '../row.ts'

/** More than the limit allows: whoever forgets what was called cannot but exceed it. */
const saturated = { perSecond: 24 }

export const replicaRows: readonly Row[] = [
  {
    name: 'rebalance-storm',
    fault:
      'three replicas that share the partitions; for 40 s one leaves (SIGTERM) and another joins, again and again; more load than the limit',
    kafka: 'one',
    world: { ...saturated, replicas: 3, env: { INGESTOR_ASSIGNMENT: 'spread' } },
    async run(world) {
      let turns = 0
      await world.phase('replicas leave and join', async () => {
        const endMs = performance.now() + 40_000
        for (; performance.now() < endMs; turns += 1) {
          const leaving = world.fleet.replicas[0]
          const joining = await world.fleet.add()
          const code = await leaving?.end('SIGTERM')
          if (code !== 0) world.wrong.push(`a replica ended with ${code} after SIGTERM`)
          await joining.ready()
          await world.lasts(500)
        }
      })
      world.notes.push(`${turns} replicas left, ${turns} joined`)
      await world.recovered()
    },
  },
  {
    name: 'replica-killed',
    fault:
      'every 20 s a replica is killed (SIGKILL) and another started, three times, the owner first, the gateway once; more load than the limit',
    kafka: 'one',
    world: saturated,
    async run(world) {
      for (let time = 1; time <= 3; time += 1) {
        const sinceMs = performance.now()
        const owner = await world.fleet.owner()
        const victim = time === 2 ? world.fleet.replicas.find((replica) => replica !== owner) : owner
        if (victim === undefined) throw new Error('no replica is left')
        await world.phase('a replica is killed', async () => {
          await victim.end('SIGKILL')
          await world.fleet.add()
        })
        if (time === 2) {
          await world.gateway.end('SIGKILL')
          await world.startGateway()
        }
        await world.recovered()
        await world.lasts(Math.max(0, 20_000 - (performance.now() - sinceMs)))
      }
    },
  },
  {
    name: 'replica-stopped',
    fault:
      'the replica that has the partitions stands still (SIGSTOP) for 15 s, its session being 6 s, and goes on (SIGCONT); so does the gateway; more load than the limit',
    kafka: 'one',
    world: saturated,
    async run(world) {
      const owner = await world.fleet.owner()
      await world.phase('a replica stands still', async () => {
        owner.signal('SIGSTOP')
        world.gateway.signal('SIGSTOP')
        // The other one takes over after the session: recovering counts from there on, the return included.
        await world.lasts(6_000)
      })
      await world.lasts(9_000)
      owner.signal('SIGCONT')
      world.gateway.signal('SIGCONT')
      await world.recovered()
      await world.lasts(5_000)
    },
  },
  {
    name: 'clock-stepped',
    fault:
      'the services’ time of day jumps an hour ahead, two hours back, and to the right time again, 25 s each; more load than the limit',
    kafka: 'one',
    world: { ...saturated, steppedClock: true },
    async run(world) {
      const hourMs = 3_600_000
      for (const stepMs of [hourMs, -hourMs, 0]) {
        await world.phase('the time of day jumps', async () => world.stepClock(stepMs))
        await world.lasts(25_000)
        await world.recovered()
        if (stepMs !== 0) await untilLogged(() => world.fleet.replicas, stepMs)
      }
    },
  },
]

/** Waits until a replica's log tells the stepped time: the fault was there. */
async function untilLogged(replicas: () => { output: string }[], stepMs: number): Promise<void> {
  await until('a log line of the other time', () =>
    replicas().some(({ output }) => {
      const line = output.split('\n').findLast((one) => one.startsWith('{') && one.endsWith('}'))
      const time = line === undefined ? undefined : (JSON.parse(line) as { time?: string | number }).time
      return time !== undefined && Math.abs(new Date(time).getTime() - Date.now() - stepMs) < 60_000
    }),
  )
}
