// Opens connections through a proxy, and with certificate authorities of one's own. To an https address the proxy is asked for
// a tunnel (CONNECT), inside of which the server's certificate is verified as ever; it sees neither key nor message. For an http
// address it is told each request whole. Certificates are always verified, whatever the environment says.

import http from 'node:http'
import https from 'node:https'
import { isIP, type Socket } from 'node:net'
import { getCACertificates } from 'node:tls'
import { type HttpWay, ProxyFailure } from '@bridge/schemas/http-way'
import { buildConnector } from 'undici'
import type { ChangingText } from './changing-text.ts'
import type { HttpProxy } from './http-proxy.ts'

export type WayOptions = {
  /** Where it leads. */
  url: string
  /** The proxy as it is configured now; undefined: none. */
  proxy: (() => HttpProxy) | undefined
  /** PEM of the authorities to believe instead of the public ones; undefined: those. A proxy may be certified by either. */
  ca: ChangingText | undefined
  /** How long each step of a connection may take: to the proxy and its answer, then to the server. */
  timeoutMs: number
}

const keepAliveMs = 60_000

/** A way to a server; undefined where nothing is to be done otherwise than undici does by itself. */
export function httpWay({ url, proxy, ca, timeoutMs }: WayOptions): HttpWay | undefined {
  if (proxy === undefined && ca === undefined) return undefined
  const direct = connector(ca, timeoutMs)
  const none = { pathPrefix: '', headers: () => ({}) }
  if (proxy === undefined) return { ...none, connect: direct, proxy: null }
  const { origin, protocol } = new URL(url)
  const { shown } = proxy()
  if (protocol === 'https:') return { ...none, connect: throughTunnel(proxy, direct, ca, timeoutMs), proxy: shown }
  return {
    connect: toProxy(proxy, timeoutMs),
    pathPrefix: origin,
    headers: () => loginOf(proxy()),
    proxy: shown,
  }
}

/** Connects to the server itself; made anew when the authorities change, so that no session outlives them. */
function connector(ca: ChangingText | undefined, timeoutMs: number): buildConnector.connector {
  const make = (text: string | undefined) =>
    buildConnector({
      timeout: timeoutMs,
      allowH2: false,
      rejectUnauthorized: true,
      ...(text !== undefined && { ca: text }),
    })
  if (ca === undefined) return make(undefined)
  let text = ca()
  let connect = make(text)
  return (options, callback) => {
    const now = ca()
    if (now !== text) {
      text = now
      connect = make(text)
    }
    connect(options, callback)
  }
}

function throughTunnel(
  proxy: () => HttpProxy,
  direct: buildConnector.connector,
  ca: ChangingText | undefined,
  timeoutMs: number,
): buildConnector.connector {
  return (options, callback) => {
    const { hostname, port } = options
    const authority = `${isIP(hostname) === 6 ? `[${hostname}]` : hostname}:${port || 443}`
    openTunnel(proxy(), authority, ca, timeoutMs).then(
      (httpSocket) => direct({ ...options, httpSocket }, callback),
      (failure: Error) => callback(failure, null),
    )
  }
}

/** Connects to the proxy in the server's place. */
function toProxy(proxy: () => HttpProxy, timeoutMs: number): buildConnector.connector {
  const connect = connector(undefined, timeoutMs)
  return (_options, callback) => {
    const { protocol, hostname, port, shown } = proxy()
    connect({ protocol, hostname, host: hostname, port: String(port) }, (error, socket) => {
      if (error === null) callback(null, socket)
      else callback(unreachable(shown, error), null)
    })
  }
}

/** Asks a proxy for a connection to a server. Rejects with a ProxyFailure, within the time. */
function openTunnel(
  proxy: HttpProxy,
  authority: string,
  ca: ChangingText | undefined,
  timeoutMs: number,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { protocol, hostname, port, shown } = proxy
    const request = (protocol === 'https:' ? https : http).request({
      method: 'CONNECT',
      host: hostname,
      port,
      path: authority,
      headers: { host: authority, ...loginOf(proxy) },
      agent: false,
      ...(protocol === 'https:' && {
        rejectUnauthorized: true,
        ...(ca !== undefined && { ca: [...getCACertificates('default'), ca()] }),
        ...(isIP(hostname) === 0 && { servername: hostname }),
      }),
    })
    const fail = (failure: ProxyFailure) => {
      clearTimeout(timer)
      request.destroy()
      reject(failure)
    }
    const timer = setTimeout(
      () => fail(new ProxyFailure(`the proxy ${shown} did not answer in ${timeoutMs} ms`, null)),
      timeoutMs,
    )
    request.once('connect', ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
      // Whoever takes the socket hears of its errors: until then nobody does.
      socket.on('error', () => undefined)
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy()
        fail(new ProxyFailure(`the proxy ${shown} answered ${statusCode} to CONNECT${meaning(statusCode)}`, statusCode))
        return
      }
      clearTimeout(timer)
      if (head.length > 0) socket.unshift(head)
      resolve(socket.setNoDelay(true).setKeepAlive(true, keepAliveMs))
    })
    request.on('error', (error) => fail(unreachable(shown, error)))
    request.once('close', () => fail(new ProxyFailure(`the proxy ${shown} closed the connection`, null)))
    request.end()
  })
}

function meaning(status: number): string {
  if (status === 407) return ': it asks for a login'
  if (status === 403) return ': it does not let us through'
  return status >= 500 ? ': it cannot reach the server' : ''
}

function unreachable(shown: string, error: Error): ProxyFailure {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const code = first instanceof Error && 'code' in first ? String(first.code) : error.name
  return new ProxyFailure(`the proxy ${shown} cannot be reached (${code})`, null)
}

function loginOf({ authorization }: HttpProxy): Record<string, string> {
  return authorization === undefined ? {} : { 'proxy-authorization': authorization }
}
