// A small OAuth 2 token endpoint on loopback: client credentials in, signed JSON Web Tokens out, as an identity provider gives them for
// Kafka. It keeps what was asked.
// Source: RFC 6749, sections 4.4 and 5; RFC 7515; RFC 7517; Apache Kafka, "SASL/OAUTHBEARER".

import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export const audience = 'kafka'
export const issuer = 'https://login.example.com'

/** A key pair of an identity provider: brokers know its public half by `keySet`. */
export class TokenSigner {
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  readonly #kid = 'of-the-test'

  /** A JSON Web Key Set. */
  get keySet(): string {
    const key = this.#keys.publicKey.export({ format: 'jwk' })
    return JSON.stringify({ keys: [{ ...key, kid: this.#kid, use: 'sig', alg: 'RS256' }] })
  }

  sign(claims: object): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ alg: 'RS256', kid: this.#kid, typ: 'JWT' })}.${part(claims)}`
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), this.#keys.privateKey).toString('base64url')}`
  }
}

export class TokenEndpoint {
  readonly #server: Server
  readonly #signer: TokenSigner
  /** Of what was asked, in order: the status that was answered, and the form. */
  readonly asked: { status: number; form: Record<string, string> }[] = []
  /** What a client has to know. */
  secret: string
  lifetimeS: number
  /** As long as it is set every question gets this status, and no token. */
  failing: number | undefined

  constructor(server: Server, signer: TokenSigner, secret: string, lifetimeS: number) {
    this.#server = server
    this.#signer = signer
    this.secret = secret
    this.lifetimeS = lifetimeS
  }

  static async start(
    clientId: string,
    secret: string,
    lifetimeS: number,
    signer = new TokenSigner(),
  ): Promise<TokenEndpoint> {
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
    const endpoint = new TokenEndpoint(server, signer, secret, lifetimeS)
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
    const now = Math.floor(Date.now() / 1_000)
    const claims = { iss: issuer, aud: audience, sub, iat: now, exp: now + this.lifetimeS, scope: 'kafka' }
    const token = this.#signer.sign(claims)
    return { access_token: token, token_type: 'Bearer', expires_in: this.lifetimeS }
  }
}
