// Owns webhook addresses: the secret as their last segment, when two are the same, and what of them may be shown. Partoo
// allows a secret in the URL, as a path segment or a query parameter, so any address in its list may hold one, ours or
// another system's.

import { oneLine } from '@bridge/schemas/masked'

/** Where the gateway listens by default (WEBHOOK_PATH): what comes behind it is a secret. */
const gatewayPath = '/webhooks/partoo'
/** What a person named: words in lower case, a number behind. Anything else in another system's address may be a secret. */
const plainSegment = /^[a-z]{1,16}([-_.][a-z]{1,16}){0,3}\d{0,2}$/
const mask = '***'
const shownMax = 2_048

/** The address with the secret as its last segment; as it is where there is no secret, or where it is there already. */
export function withSecret(address: string, secret: string | undefined): string {
  const url = new URL(address)
  if (secret === undefined || segmentsOf(url).at(-1) === secret) return url.href
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${encodeURIComponent(secret)}`
  return url.href
}

/** Whether two addresses are one: letter case of the host and a default port written out make no difference. */
export function isSame(one: string, other: string): boolean {
  return (URL.parse(one)?.href ?? one) === (URL.parse(other)?.href ?? other)
}

/** Shows addresses and answers of Partoo without what may be secret in them. */
export class Mask {
  readonly #secret: string | undefined
  readonly #base: URL | null
  /** What was left out of the addresses shown so far: answers of Partoo may repeat it. */
  readonly #hidden = new Set<string>()

  /** @param base the address that the person gave: no part of it is a secret, what comes behind it is */
  constructor(secret: string | undefined, base: string | undefined) {
    this.#secret = secret
    if (secret !== undefined) this.#hidden.add(secret)
    this.#base = base === undefined ? null : URL.parse(base)
  }

  /** An address as it may be shown. */
  address(text: string): string {
    const url = URL.parse(text)
    if (url === null) return '(no address)'
    const user = url.username === '' && url.password === '' ? '' : `${this.#hide(url.username, url.password)}@`
    const query = [...url.searchParams].map(([name, value]) => this.#parameter(name, value)).join('&')
    const rest = `${query === '' ? '' : '?'}${query}${url.hash === '' ? '' : `#${this.#hide(url.hash.slice(1))}`}`
    const path = this.#path(url)
    return oneLine(`${url.protocol}//${user}${url.host}${path}${rest}`, [], shownMax)
  }

  /** Text from outside in one line, without the secret and without what was left out of the addresses shown. */
  text(text: string): string {
    return oneLine(text, [...this.#hidden], shownMax)
  }

  /** Whether an address ends with the secret that is set. */
  hasSecret(address: string): boolean {
    const url = URL.parse(address)
    return url !== null && this.#secret !== undefined && segmentsOf(url).at(-1) === this.#secret
  }

  /** Whether two addresses are the same but for their last segments: a secret that was changed. */
  differsBySecret(one: string, other: string): boolean {
    return this.#secret !== undefined && !isSame(one, other) && trunkOf(one) === trunkOf(other)
  }

  #path({ origin, pathname }: URL): string {
    const own = this.#base !== null && this.#base.origin === origin ? ownPath(this.#base, this.#secret) : ''
    if (own !== '' && isBelow(pathname, own)) return `${own}${this.#segments(pathname.slice(own.length), false)}`
    const end = gatewayPathEnd(pathname)
    return `${this.#segments(pathname.slice(0, end), true)}${this.#segments(pathname.slice(end), false)}`
  }

  /** @param named whether plain segments may be names; where a secret is expected any of them may be one */
  #segments(path: string, named: boolean): string {
    const shown = path.split('/').map((segment) => {
      const text = decoded(segment)
      if (segment === '' || (named && text !== this.#secret && plainSegment.test(text))) return segment
      return this.#hide(segment, text)
    })
    return shown.join('/')
  }

  /** What has no value may be a secret itself. */
  #parameter(name: string, value: string): string {
    return value !== '' && plainSegment.test(name) ? `${name}=${this.#hide(value)}` : this.#hide(name, value)
  }

  #hide(...texts: string[]): string {
    for (const text of texts) if (text !== '') this.#hidden.add(text)
    return mask
  }
}

/** The path of the address that the person gave, without what may be a secret at its end. */
function ownPath(base: URL, secret: string | undefined): string {
  const path = base.pathname.replace(/\/+$/, '')
  const end = gatewayPathEnd(path)
  if (end < path.length) return path.slice(0, end)
  return secret !== undefined && segmentsOf(base).at(-1) === secret ? path.slice(0, path.lastIndexOf('/')) : path
}

/** Where the gateway's default path ends in this one; its length where it is not in it. */
function gatewayPathEnd(path: string): number {
  const at = `${path}/`.lastIndexOf(`${gatewayPath}/`)
  return at === -1 ? path.length : at + gatewayPath.length
}

function isBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}/`)
}

/** The segments of the path, decoded. */
function segmentsOf(url: URL | null): string[] {
  return (url?.pathname ?? '').split('/').map(decoded)
}

function trunkOf(address: string): string {
  const url = URL.parse(address)
  return url === null ? address : `${url.origin}${url.pathname.slice(0, url.pathname.lastIndexOf('/'))}${url.search}`
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
