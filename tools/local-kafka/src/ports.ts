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
