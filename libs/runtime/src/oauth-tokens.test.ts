// Real: the tokens' owner, HTTP and TLS on loopback, a token endpoint. Doubled: the clock, which the test sets. Failure: a token asked
// for when there is one, or used when it is old; two requests where one would do; a failure that is not one clear line, or tells
// a secret; a server that is believed without proof.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Authority } from '../../../test/support/certificates.ts'
import { TlsFront } from '../../../test/support/tls-front.ts'
import { TokenEndpoint } from '../../../test/support/token-endpoint.ts'
import { type OAuthOptions, OAuthTokens } from './oauth-tokens.ts'

const clientId = 'bridge'
const right = 'planted-client-secret'

/** An endpoint, the tokens that come from it, and a clock in seconds. */
async function world(lifetimeS = 100, more: Partial<OAuthOptions> = {}) {
  const endpoint = await TokenEndpoint.start(clientId, right, lifetimeS)
  onTestFinished(() => endpoint.close())
  const now = { s: 1_000, secret: right }
  const tokens = new OAuthTokens({
    url: endpoint.url,
    clientId,
    clientSecret: () => now.secret,
    scope: 'kafka',
    ca: () => undefined,
    nowMs: () => now.s * 1_000,
    ...more,
  })
  return { endpoint, tokens, now }
}

/** The tokens of a server that gives this answer. `hang`: none. */
async function answering(status: number | 'hang', body: string, headers: Record<string, string> = {}) {
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    if (status !== 'hang') response.writeHead(status, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  return { ...(await world(100, { url })), url, asked: () => asked }
}

/** The one line of a failure. */
async function failureOf(tokens: OAuthTokens): Promise<string> {
  const error = await tokens.current().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  const line = error instanceof Error ? error.message : 'no failure'
  expect(line).toMatch(/^no access token from http[^\n]* for bridge: [^\n]+$/)
  expect(`${line}${JSON.stringify(error)}`).not.toMatch(/planted|cGxhbnRlZ/)
  return line.slice(line.indexOf(' for bridge: ') + ' for bridge: '.length)
}

test('one request however many ask, by client credentials; then none until four fifths of its life', async () => {
  const { endpoint, tokens, now } = await world(100)
  const [first, same] = await Promise.all([tokens.current(), tokens.current()])
  expect(same).toBe(first)
  expect(endpoint.asked).toEqual([{ status: 200, form: { grant_type: 'client_credentials', scope: 'kafka' } }])
  now.s += 79
  expect(await tokens.current()).toBe(first)
  expect(endpoint.asked).toHaveLength(1)
  now.s += 2
  await tokens.current()
  await tokens.current()
  expect(endpoint.asked).toHaveLength(2)
})

test('a token that is used has 15 s to live; one that lives shorter is got for each login', async () => {
  const { endpoint, tokens, now } = await world(30)
  await tokens.current()
  now.s += 14
  await tokens.current()
  expect(endpoint.asked).toHaveLength(1)
  now.s += 2
  await tokens.current()
  expect(endpoint.asked).toHaveLength(2)
  endpoint.lifetimeS = 12
  now.s += 16
  await tokens.current()
  await tokens.current()
  expect(endpoint.asked).toHaveLength(4)
})

test('another client secret in its file: the token of the old one is not used any more', async () => {
  const { endpoint, tokens, now } = await world()
  await tokens.current()
  endpoint.secret = 'planted-renewed'
  now.secret = 'planted-wrong'
  expect(await failureOf(tokens)).toBe('HTTP 401, invalid_client: is the client secret right?')
  now.secret = 'planted-renewed'
  await tokens.current()
  expect(endpoint.asked.map(({ status }) => status)).toEqual([200, 401, 200])
})

test('a failure is not kept: the next to ask asks the endpoint', async () => {
  const { endpoint, tokens } = await world()
  endpoint.failing = 503
  const both = await Promise.allSettled([tokens.current(), tokens.current()])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(endpoint.asked).toHaveLength(1)
  endpoint.failing = undefined
  expect(await tokens.current()).toMatch(/^\S+\.\S+\.\S+$/)
})

test('a token that does not say how long it lives, or says null, is kept for less than a minute', async () => {
  for (const body of ['{"access_token":"abc"}', '{"access_token":"abc","expires_in":null}']) {
    const { tokens, now, asked } = await answering(200, body)
    expect(await tokens.current()).toBe('abc')
    now.s += 44
    await tokens.current()
    expect(asked()).toBe(1)
    now.s += 2
    await tokens.current()
    expect(asked()).toBe(2)
  }
})

const none = ', which is no answer of a token endpoint: is its URL right?'
test.each<[string, number, string, string]>([
  ['a page', 200, '<html>planted</html>', `HTTP 200${none}`],
  ['no token', 200, '{"token":"planted"}', `HTTP 200${none}`],
  // What is no token would end the login's message early, and begin another part of it.
  ['a token with control characters', 200, '{"access_token":"planted\\u0001auth=x"}', `HTTP 200${none}`],
  ['another error', 400, '{"error":"invalid_scope","error_description":"planted"}', 'HTTP 400, invalid_scope'],
  ['an error over two lines', 400, '{"error":"planted\\nplanted"}', `HTTP 400${none}`],
  ['more than a token can be', 200, `{"access_token":"${'x'.repeat(300_000)}"}`, `HTTP 200${none}`],
])('an answer that is %s is one line', async (_, status, body, expected) => {
  const { tokens } = await answering(status, body)
  expect(await failureOf(tokens)).toBe(expected)
})

test('a redirect is not followed: the secret goes nowhere else', async () => {
  const elsewhere = await answering(200, '{"access_token":"abc"}')
  const { tokens } = await answering(307, '', { location: elsewhere.url })
  expect(await failureOf(tokens)).toBe(`HTTP 307${none}`)
  expect(elsewhere.asked()).toBe(0)
})

test('an endpoint that is not there, or says nothing in 5 s', async () => {
  const gone = await answering('hang', '')
  const closed = await world(100, { url: 'http://127.0.0.1:1/token' })
  expect(await failureOf(closed.tokens)).toBe('connection failed (ECONNREFUSED)')
  expect(await failureOf(gone.tokens)).toBe('no answer in 5000 ms')
})

test.skipIf(!Authority.isPossible)(
  'by TLS: believed by the authority given, never without proof (needs openssl)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'oauth-tokens-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const authority = new Authority(folder)
    const { endpoint } = await world()
    const front = await TlsFront.start(Number(new URL(endpoint.url).port), authority.sign('issuer'))
    onTestFinished(() => front.close())
    const url = `https://localhost:${front.port}/oauth/token`
    const { tokens } = await world(100, { url, ca: () => [readFileSync(authority.file, 'utf8')] })
    expect(await tokens.current()).toMatch(/^\S+$/)
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    onTestFinished(() => void vi.unstubAllEnvs())
    const trusting = await world(100, { url })
    expect(await failureOf(trusting.tokens)).toMatch(/^connection failed \([A-Z_]+\)/)
    expect(endpoint.asked).toHaveLength(1)
  },
)
