// Real: listening sockets, claims in the temporary folder, whatever of lsof, ss and ps this machine has. Doubled: what
// those print, where their formats are read. Failure: a taken or claimed port chosen, one port for two uses.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { freePort } from '@bridge/local-kafka/ports'
import { expect, onTestFinished, test } from 'vitest'
import { choosePorts, parseLsof, parseSs, servicePorts, shortCommand } from './ports.ts'

async function choose(usual: Parameters<typeof choosePorts>[2]) {
  const said: string[] = []
  const chosen = await choosePorts(servicePorts, (line) => said.push(line), usual)
  onTestFinished(chosen.release)
  return { ports: chosen.ports, said }
}

/** Every use begins to look at the same free port. */
async function sameForAll() {
  const port = await freePort()
  return { simulator: port, webhook: port, ingestorAdmin: port, gatewayAdmin: port }
}

test('a port that is taken: the next free one, and one line that says so', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { ports, said } = await choose({ ...(await sameForAll()), webhook: port })
  expect(ports.webhook).toBeGreaterThan(port)
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(
    new RegExp(
      `^Port ${port} is taken( by .+ \\(process ${process.pid}\\))?; using ${ports.webhook} for the webhook gateway\\.$`,
    ),
  )
})

test('each use gets a port of its own, and without a word where only its own uses compete', async () => {
  const { ports, said } = await choose(await sameForAll())
  expect(new Set(Object.values(ports)).size).toBe(servicePorts.length)
  expect(said).toEqual([])
})

test('two starts at once choose different ports, before either listens', async () => {
  const usual = await sameForAll()
  const [one, two] = await Promise.all([choose(usual), choose(usual)])
  const all = [...Object.values(one.ports), ...Object.values(two.ports)]
  expect(new Set(all).size).toBe(2 * servicePorts.length)
})

test('who has a port, as lsof and ss print it', () => {
  expect(parseLsof('p4711\nf23\n')).toBe(4711)
  expect(parseLsof('')).toBeUndefined()
  expect(parseSs('LISTEN 0 511 127.0.0.1:8080 0.0.0.0:* users:(("node",pid=4711,fd=20))')).toBe(4711)
  expect(parseSs('LISTEN 0 511 127.0.0.1:8080 0.0.0.0:*')).toBeUndefined()
})

test('a command line cut for one line', () => {
  expect(shortCommand('/usr/local/bin/node server.js')).toBe('node server.js')
  expect(shortCommand(`/usr/bin/java ${'x'.repeat(100)}`)).toHaveLength(40)
})
