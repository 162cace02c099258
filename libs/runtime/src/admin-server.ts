// The admin port, never the public one: /healthz (the process lives), /readyz (it can do its work, or why not), /metrics.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Gauge, type Registry } from 'prom-client'

/** Whether the service can do its work; `because` and `detail` are one line for the person who asks. */
export type Readiness = { ready: true; detail?: string } | { ready: false; because: string }

/** What a service says from SIGTERM on, so that nothing new is sent to it. */
export const notReadyWhileStopping: Readiness = { ready: false, because: 'stopping' }

export type AdminServer = { port: number; close(): Promise<void> }

/** Starts the admin server. Rejects where the port is taken. */
export async function startAdminServer(options: {
  host: string
  port: number
  registry: Registry
  readiness: () => Readiness
}): Promise<AdminServer> {
  new Gauge({
    name: 'partoo_ready',
    help: '1 while /readyz says ready; /readyz says why not',
    registers: [options.registry],
    collect() {
      this.set(Number(options.readiness().ready))
    },
  })
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('alive\n')
    } else if (path === '/readyz') {
      const readiness = options.readiness()
      response
        .writeHead(readiness.ready ? 200 : 503, { 'content-type': 'text/plain' })
        .end(`${readinessLine(readiness)}\n`)
    } else if (path === '/metrics') {
      options.registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': options.registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      )
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('see /healthz, /readyz, /metrics\n')
    }
  })
  server.requestTimeout = 10_000
  server.headersTimeout = 5_000
  await listen(server, options.host, options.port)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function readinessLine(readiness: Readiness): string {
  if (!readiness.ready) return `not ready: ${readiness.because}`
  return readiness.detail === undefined ? 'ready' : `ready: ${readiness.detail}`
}

/** Listens, or rejects with one line that says which address is taken. */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(taken ? new Error(`${host}:${port} is taken by another process: choose another port`) : error)
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}
