// Which proxy leads to an address: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY mean. They have no standard; this is what curl, Go
// and undici agree on, and Go's exception: this machine itself is never reached through a proxy.

import { BlockList, isIP } from 'node:net'

/** A proxy. `shown`: its URL without user and password. */
export type HttpProxy = {
  protocol: 'http:' | 'https:'
  hostname: string
  port: number
  /** The value of Proxy-Authorization, where there is a user. */
  authorization: string | undefined
  shown: string
}

/** Reads a proxy's URL; without a scheme it is http. @returns undefined where it is none */
export function parseProxy(text: string): HttpProxy | undefined {
  const url = parseUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (url === undefined || url.hostname === '' || !/^\/?$/.test(url.pathname)) return undefined
  const { protocol, username, password, search, hash } = url
  if ((protocol !== 'http:' && protocol !== 'https:') || search !== '' || hash !== '') return undefined
  const login = decode(username, password)
  if (login === undefined) return undefined
  return {
    protocol,
    hostname: withoutBrackets(url.hostname),
    port: Number(url.port) || (protocol === 'https:' ? 443 : 80),
    authorization: login === ':' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
    shown: `${protocol}//${url.host}`,
  }
}

/** A proxy's URL for people: never its user and password. */
export function shownProxy(text: string): string {
  const proxy = parseProxy(text)
  if (proxy === undefined) return '?'
  return proxy.authorization === undefined ? proxy.shown : proxy.shown.replace('//', '//***@')
}

/**
 * Whether an address is reached without the proxy.
 *
 * @param noProxy host names (with all that end in `.name`), `*.name` (only those), addresses, networks such as 10.0.0.0/8, each
 *   with `:port` if only that port is meant, separated by commas or spaces; `*` for everything
 */
export function isDirect(url: URL, noProxy: string): boolean {
  const hostname = withoutBrackets(url.hostname)
    .toLowerCase()
    .replace(/(?<=.)\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (isThisMachine(hostname)) return true
  return noProxy.split(/[\s,]+/).some((entry) => entry !== '' && meets(entry.toLowerCase(), hostname, port))
}

function meets(entry: string, hostname: string, port: string): boolean {
  if (entry.includes('/')) return isInNetwork(entry, hostname)
  const { name, onlyPort } = splitEntry(entry)
  if (onlyPort !== undefined && onlyPort !== port) return false
  if (name === '*') return true
  const suffix = name.replace(/^\*?\./, '').replace(/(?<=.)\.$/, '')
  if (suffix === '') return false
  return (hostname === suffix && !name.startsWith('*')) || (isIP(hostname) === 0 && hostname.endsWith(`.${suffix}`))
}

/** A bare IPv6 address has colons and no port. */
function splitEntry(entry: string): { name: string; onlyPort: string | undefined } {
  const [, name, onlyPort] = /^(\[.+\]|[^:]+):(\d+)$/.exec(entry) ?? []
  return { name: withoutBrackets(name ?? entry), onlyPort }
}

function isInNetwork(entry: string, hostname: string): boolean {
  const family = isIP(hostname)
  const [, network, bits] = /^\[?([^\]/]+)\]?\/(\d{1,3})$/.exec(entry) ?? []
  if (network === undefined || family === 0 || isIP(network) !== family) return false
  if (Number(bits) > (family === 4 ? 32 : 128)) return false
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(network, Number(bits), type)
  return list.check(hostname, type)
}

function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '::1' || /^127\./.test(hostname)
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.+)\]$/, '$1')
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

/** @returns user:password as they are meant; undefined where they cannot be read */
function decode(username: string, password: string): string | undefined {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  } catch {
    return undefined
  }
}
