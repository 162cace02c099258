// Owns one running simulator: the HTTP server, what it routes where, and its end. Start here:
//
//   const simulator = await startSimulator({ creationDelayMs: 5 })
//   fetch(`${simulator.apiBase}/custom-channels/demo-channel/messages`, …)
//   simulator.state.messages()
//   await simulator.close()

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PartooApi } from './api.ts'
import { ControlApi } from './control.ts'
import { writeAnswer } from './http-io.ts'
import { serveInbox } from './inbox-files.ts'
import { parseOptions, type SimulatorOptions } from './options.ts'
import { PartooState } from './state.ts'

export type { OrganizationOptions, SimulatorOptions } from './options.ts'
export type { PartooState } from './state.ts'

/** How long a client may take to send a whole request. */
const requestTimeoutMs = 30_000

export type Simulator = {
  /** http://127.0.0.1:PORT: the inbox; the control API is below /_control. */
  url: string
  /** What a client of Partoo is configured with: `${url}/v2`. */
  apiBase: string
  /** SPKI PEM of the webhook signing key. */
  publicKeyPem: string
  /** Everything the control API offers, as synchronous methods. */
  state: PartooState
  /** Stops everything, pending retries, hangs and event streams included. Twice is fine. */
  close(): Promise<void>
}

/**
 * Starts a simulator and resolves when it listens. Options left out have the defaults of options.ts.
 * Rejects when the options are wrong (every problem in the message) or the port cannot be had.
 */
export async function startSimulator(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const parsed = parseOptions(options)
  if (parsed.kind === 'problems') throw new Error(`simulator options: ${parsed.problems.join('; ')}`)
  const state = new PartooState(parsed.options)
  const closing = new AbortController()
  const api = new PartooApi(state)
  const control = new ControlApi(state, closing.signal)
  const server = createServer((request, response) => {
    route(request, response, api, control).catch((error: unknown) => {
      // A bug of the simulator: said aloud, and answered so that the client does not wait.
      process.stderr.write(`partoo-simulator: ${error instanceof Error ? error.stack : String(error)}\n`)
      if (!writeAnswer(response, { status: 500, json: { errors: { simulator: 'internal error' } } })) response.destroy()
    })
  })
  server.requestTimeout = requestTimeoutMs
  server.keepAliveTimeout = 60_000
  try {
    await listen(server, parsed.options)
  } catch (error) {
    state.close()
    throw error
  }
  const { port } = server.address() as AddressInfo
  const url = `http://${shownHost(parsed.options.host)}:${port}`
  let closed: Promise<void> | null = null
  return {
    url,
    apiBase: `${url}/v2`,
    publicKeyPem: state.publicKeyPem,
    state,
    close() {
      closed ??= new Promise((resolve) => {
        closing.abort()
        state.close()
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closed
    },
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  api: PartooApi,
  control: ControlApi,
): Promise<void> {
  // Errors of a connection that is gone are no news: 'close' follows and is what everything here waits for.
  request.on('error', () => {})
  response.on('error', () => {})
  const target = request.url ?? '/'
  const url = URL.parse(target.startsWith('/') ? `http://simulator${target}` : target)
  if (url === null) {
    writeAnswer(response, { status: 400, json: { errors: { url: 'cannot be read' } } })
  } else if (url.pathname.startsWith('/v2/')) {
    await api.handle(request, response, url)
  } else if (url.pathname.startsWith('/_control/')) {
    await control.handle(request, response, url)
  } else if (url.pathname === '/healthz') {
    writeAnswer(response, { status: 200, json: { status: 'ok' } })
  } else {
    await serveInbox(request, response, url.pathname)
  }
}

function listen(server: Server, options: SimulatorOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** An address a browser on this machine can open, for hosts that mean "every interface". */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
