// Real: listening sockets on loopback. Doubled: nothing. Failure: a taken port called free, on whatever address.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePort, isPortFree } from './ports.ts'

test.each(['127.0.0.1', '0.0.0.0', '::'])('a port taken on %s is not free, and not chosen', async (address) => {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  expect(await isPortFree(port)).toBe(false)
  expect(await freePort(port)).not.toBe(port)
})

test('a free port is free, and is chosen when preferred', async () => {
  const port = await freePort()
  expect(await isPortFree(port)).toBe(true)
  expect(await freePort(port)).toBe(port)
})
