// The proxy of the fault tests itself: what it is asked for has happened when it answers, whatever its connections do.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TcpProxy } from './tcp-proxy.ts'
import { until } from './wait.ts'

let echo: Server
let proxy: TcpProxy
const sockets = new Set<Socket>()

beforeEach(async () => {
  echo = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.pipe(socket)
  })
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  proxy = await TcpProxy.start({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port })
})

afterEach(async () => {
  await proxy.close()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  echo.close()
})

/** A connection through the proxy, whose echo has been heard. */
async function connected(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined)
  sockets.add(socket)
  socket.write('hello')
  await once(socket, 'data')
  return socket
}

describe('a connection that is forgotten', () => {
  test('gets no byte through, while new ones do', async () => {
    const old = await connected()
    proxy.forget()
    let heard = 0
    old.on('data', () => {
      heard += 1
    })
    old.write('anybody?')
    await connected()
    expect(heard).toBe(0)
  })

  test('does not keep a cut from being made, and outlives it', async () => {
    const old = await connected()
    proxy.forget()
    const young = await connected()
    const thrownOut = until('the other connection is closed', () => young.destroyed)
    await proxy.set('cut')
    await thrownOut
    const refused = connect(proxy.port, '127.0.0.1')
    await expect(once(refused, 'connect')).rejects.toThrow('ECONNREFUSED')
    await proxy.set('open')
    await connected()
    expect(old.destroyed).toBe(false)
  })

  test('ends when the proxy does', async () => {
    const old = await connected()
    proxy.forget()
    await proxy.close()
    await until('the forgotten connection is closed', () => old.destroyed)
  })
})
