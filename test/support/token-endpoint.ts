// A small OAuth 2 token endpoint on loopback: client credentials in, tokens out that Kafka's own unsecured validator takes (JSON Web
// Tokens with the algorithm `none`). It keeps what was asked.
// Source: RFC 6749, sections 4.4 and 5; Apache Kafka, "SASL/OAUTHBEARER".

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export class TokenEndpoint {
  readonly #server: Server
  /** Of what was asked, in order: the status that was answered, and the form. */
  readonly asked: { status: number; form: Record<string, string> }[] = []
  /** What a client has to know. */
  secret: string
  lifetimeS: number
  /** As long as it is set every question gets this status, and no token. */
  failing: number | undefined

  constructor(server: Server, secret: string, lifetimeS: number) {
    this.#server = server
    this.secret = secret
    this.lifetimeS = lifetimeS
  }

  static async start(clientId: string, secret: string, lifetimeS: number): Promise<TokenEndpoint> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()))
        const expected = `Basic ${Buffer.from(`${clientId}:${encodeURIComponent(endpoint.secret)}`).toString('base64')}`
        const isKnown = request.headers.authorization === expected
        const status = endpoint.failing ?? (isKnown ? 200 : 401)
        endpoint.asked.push({ status, form })
        const answer = status === 200 ? endpoint.#token(clientId) : { error: 'invalid_client' }
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      })
    })
    const endpoint = new TokenEndpoint(server, secret, lifetimeS)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return endpoint
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/oauth/token`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #token(sub: string) {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const now = Math.floor(Date.now() / 1_000)
    const token = `${part({ alg: 'none' })}.${part({ sub, iat: now, exp: now + this.lifetimeS, scope: 'kafka' })}.`
    return { access_token: token, token_type: 'Bearer', expires_in: this.lifetimeS }
  }
}
