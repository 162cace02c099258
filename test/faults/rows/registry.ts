// Faults of the way to the schema registry: messages come in JSON Schema's wire format, under a schema that nobody has seen yet, and
// receipts and replies are written in Avro.

import { schemaText } from '@bridge/schemas/schema-files'
import { writeFrame } from '@bridge/schemas/wire-format'
import { register } from '../../interop/registry.ts'
import type { Row, Stand } from '../row.ts'
import type { WorldOptions } from '../world.ts'
import { once } from './once.ts'

const slowness = { delayMs: 500, bytesPerSecond: 20_000 }

/** The schema that messages are written under from now on. */
let schemaId = 0
let schemas = 0

export const registryRows: readonly Row[] = [
  {
    name: 'registry-cut',
    fault:
      'between the services and the schema registry every connection is reset and none is let in, for 20 s; messages of a new schema come',
    kafka: 'one',
    registry: true,
    world: registryWorld,
    run: (world, stand) =>
      once(world, 'the registry cannot be reached', async () => {
        await world.registryWay.set('cut')
        await newSchema(stand)
        await world.lasts(20_000)
        await world.registryWay.set('open')
      }),
  },
  {
    name: 'registry-slow',
    fault: `between the services and the registry ${slowness.delayMs} ms each way and ${slowness.bytesPerSecond / 1_000} kB a second; a new schema every 5 s, six times`,
    kafka: 'one',
    registry: true,
    world: registryWorld,
    run: (world, stand) =>
      once(world, 'the registry is slow', async () => {
        world.registryWay.slow(slowness)
        for (let time = 1; time <= 6; time += 1) {
          await newSchema(stand)
          await world.lasts(5_000)
        }
        world.registryWay.slow(undefined)
      }),
  },
  {
    name: 'registry-half-open',
    fault:
      'between the services and the registry connections are forgotten without a word, three times, with a new schema each time',
    kafka: 'one',
    registry: true,
    world: registryWorld,
    async run(world, stand) {
      for (let time = 1; time <= 3; time += 1) {
        await world.phase('connections to the registry are forgotten', async () => {
          // So that there are connections to be forgotten.
          await newSchema(stand)
          await world.lasts(1_000)
          world.registryWay.forget()
          await newSchema(stand)
        })
        await world.lasts(5_000)
        await world.recovered()
      }
    },
  },
  {
    name: 'registry-down',
    fault:
      'the registry is away for 2 minutes, in which messages of a new schema come and every service is started anew',
    kafka: 'one',
    registry: true,
    isLong: true,
    world: (stand) => registryWorldAt(stand, 4),
    expected: { drainDeadlineMs: 240_000 },
    run: (world, stand, quick) =>
      once(world, 'the registry is away', async () => {
        await world.registryWay.set('cut')
        await newSchema(stand)
        await world.lasts(5_000)
        for (const replica of world.fleet.replicas) {
          await replica.end('SIGTERM')
          await world.fleet.add()
        }
        await world.gateway.end('SIGTERM')
        await world.startGateway('nothing')
        await world.lasts(quick ? 10_000 : 105_000)
        await world.registryWay.set('open')
      }),
  },
]

function registryWorld(stand: Stand): Promise<WorldOptions> {
  return registryWorldAt(stand, 16)
}

async function registryWorldAt(stand: Stand, perSecond: number): Promise<WorldOptions> {
  await newSchema(stand)
  const encode = (message: Buffer) => writeFrame(schemaId, message)
  return { registryUrl: stand.registryUrl(), encode, perSecond }
}

/** Registers another schema, beside the services' way, and lets messages be written under it from now on. */
async function newSchema(stand: Stand): Promise<void> {
  const url = stand.registryUrl()
  schemas += 1
  const subject = `faults-${process.pid}-${schemas}`
  const schema = {
    ...(JSON.parse(schemaText('outbound-message', 'json-schema')) as object),
    title: `Message${schemas}`,
  }
  await register(url, subject, 'JSON', JSON.stringify(schema))
  const response = await fetch(`${url}/subjects/${subject}/versions/latest`)
  schemaId = ((await response.json()) as { id: number }).id
}
