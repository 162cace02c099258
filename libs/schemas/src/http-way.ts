// What the HTTP clients of Partoo and of the schema registry have in common: how their connections may be opened otherwise than
// directly, and what is said of one that failed. The ways themselves are made in libs/runtime, of variables.

import type { buildConnector } from 'undici'

/** A way to one server. Without one, a client connects directly, and believes the public certificate authorities. */
export type HttpWay = {
  /** For undici's `connect`. Every certificate is verified. */
  connect: buildConnector.connector
  /** What a request's path begins with: a proxy for http addresses is told them whole; else empty. */
  pathPrefix: string
  /** What each request carries beside its own headers: the login at such a proxy. */
  headers(): Record<string, string>
  /** The proxy, without user and password; null where there is none. For logs. */
  proxy: string | null
}

/** The proxy is not there, or does not let us through. `status`: what it answered to CONNECT, if it did. */
export class ProxyFailure extends Error {
  readonly code = 'PROXY'
  readonly status: number | null

  /** @param message whole, without user and password */
  constructor(message: string, status: number | null) {
    super(message)
    this.name = 'ProxyFailure'
    this.status = status
  }
}

const certificateCodes =
  /^(CERT_|ERR_TLS_CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)|INVALID_CA|HOSTNAME_MISMATCH)/

/** A connection's failure in one line: by its code where there is one, since messages may hold what was sent. */
export function connectionFailure(error: unknown): string {
  if (error instanceof ProxyFailure) return error.message
  if (error instanceof AggregateError && error.errors.length > 0) return connectionFailure(error.errors[0])
  if (!(error instanceof Error)) return 'connection failed'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return certificateCodes.test(code)
    ? `connection failed (${code}): the server's certificate is not one that is believed here`
    : `connection failed (${code})`
}
