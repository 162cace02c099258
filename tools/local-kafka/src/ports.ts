// Owns the question whether a TCP port of this machine is free.

import { createServer } from 'node:net'

/** Addresses that a listener may hold a port on: taking one of them does not show that the others are free (macOS). */
const addresses = ['127.0.0.1', '0.0.0.0', '::'] as const

/** Answers whether nothing listens on `port`, on whatever address. True now says nothing about a second later. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const address of addresses) if (!(await canListen(port, address))) return false
  return true
}

/** Answers a free port: `preferred` if it is, else one that the system chooses. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isPortFree(preferred))) return preferred
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no address'))
        else resolve(address.port)
      })
    })
  })
}

/** Below the ports that systems give to outgoing connections (Linux from 32,768, macOS and Windows from 49,152). */
const lastingPorts = { from: 20_000, to: 32_000 }

/**
 * Answers a free port that no outgoing connection takes by chance: for a server that will come back to it. A client that tries
 * to reach the absent server on another port might even meet itself.
 */
export async function freeLastingPort(): Promise<number> {
  const { from, to } = lastingPorts
  for (let tries = 0; tries < 1_000; tries += 1) {
    const port = from + Math.floor(Math.random() * (to - from))
    if (await isPortFree(port)) return port
  }
  throw new Error(`no free port between ${from} and ${to}`)
}

function canListen(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    // A machine without IPv6 has nobody listening there.
    server.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'EADDRINUSE' && error.code !== 'EACCES')
    })
    server.listen({ port, host: address, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(true)))
  })
}
