// The control port of a process that helps to measure: a path a question, JSON both ways.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorLine } from '@bridge/runtime/log'

/** What a path answers. @param asked the request's body; undefined where it has none */
export type Answer = (asked: unknown) => unknown

/** Listens. @returns the port */
export async function listenForControl(answers: Readonly<Record<string, Answer>>): Promise<number> {
  const server = createServer(async (request, response) => {
    const answer = answers[request.url ?? '']
    if (answer === undefined) return response.writeHead(404).end(`there is no ${request.url}`)
    try {
      let body = ''
      for await (const chunk of request) body += chunk
      const value = await answer(body === '' ? undefined : JSON.parse(body))
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    } catch (error) {
      response.writeHead(500).end(errorLine(error))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
