// Owns what the simulator's tests share: a simulator that ends with its test, requests as a client writes them, and a
// webhook receiver that keeps the raw bytes. Only tests import it.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
// biome-ignore lint/correctness/noUndeclaredDependencies: only tests import this file
import { onTestFinished } from 'vitest'
import { demoOrganization, type OrganizationOptions, type SimulatorOptions } from './options.ts'
import { type Simulator, startSimulator } from './simulator.ts'

/** A simulator for one test: creation after 1 ms, webhook retries from 1 ms on, no rate limit. */
export async function simulatorForTest(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const simulator = await startSimulator({
    organizations: [organization()],
    creationDelayMs: 1,
    webhookRetryBaseMs: 1,
    ...options,
  })
  onTestFinished(() => simulator.close())
  return simulator
}

/** The demo organization without a rate limit, and with these differences. */
export function organization(differences: Partial<OrganizationOptions> = {}): OrganizationOptions {
  return { ...demoOrganization, rate_limit_per_minute: 0, ...differences }
}

/** An ingestion's body: message m1 of conversation c1, with these differences. */
export function ingestBody(differences: Record<string, unknown> = {}) {
  return {
    business_id: '7',
    external_conversation_id: 'c1',
    external_message_id: 'm1',
    content: 'Hello',
    sender_type: 'Consumer',
    ...differences,
  }
}

export type Answered = { status: number; headers: Headers; json: unknown }

export type Asking = {
  key?: string | null
  /** Sent as JSON, or as it is when it is a string. */
  body?: unknown
  headers?: Record<string, string>
  /** Past it, the request is given up. */
  deadlineMs?: number
}

/** One request below /v2 (or, for a path that starts with /_control, below that). */
export async function ask(simulator: Simulator, method: string, path: string, given: Asking = {}): Promise<Answered> {
  const { key = demoOrganization.api_keys[0]?.key ?? '', body, headers, deadlineMs = 5_000 } = given
  const response = await fetch(path.startsWith('/_control') ? simulator.url + path : simulator.apiBase + path, {
    method,
    headers: {
      ...(key === null || path.startsWith('/_control') ? {} : { 'x-APIKey': key }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(deadlineMs),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === '' ? null : JSON.parse(text) }
}

/** Ingests a message into the demo channel (or another one). */
export function ingest(
  simulator: Simulator,
  differences: Record<string, unknown> = {},
  given: Asking & { channel?: string } = {},
): Promise<Answered> {
  const { channel = 'demo-channel', ...rest } = given
  return ask(simulator, 'POST', `/custom-channels/${channel}/messages`, { body: ingestBody(differences), ...rest })
}

/** Waits for a condition, looking every 2 ms. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 5_000): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await pause(2)
  }
}

export type Delivered = { atMs: number; path: string; headers: IncomingHttpHeaders; bytes: Buffer }

/**
 * A webhook receiver on a free port.
 * @param answer the status of the nth delivery (from 1), or 'hang' for none, or 'reset'
 */
export async function receiver(answer: (nth: number, delivered: Delivered) => number | 'hang' | 'reset' = () => 200) {
  const deliveries: Delivered[] = []
  const held: ServerResponse[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const delivered = { atMs: performance.now(), path: request.url ?? '', headers: request.headers, bytes }
      deliveries.push(delivered)
      const status = answer(deliveries.length, delivered)
      if (status === 'hang') held.push(response)
      else if (status === 'reset') request.socket.resetAndDestroy()
      else response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    deliveries,
    held,
    /** The parsed bodies, in order of arrival. */
    events: () => deliveries.map(({ bytes }) => JSON.parse(bytes.toString('utf8'))),
  }
}
