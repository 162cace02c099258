// The variables that say how HTTP leaves this machine: proxies, and certificate authorities of one's own.

import { readFileSync } from 'node:fs'
import type { HttpWay } from '@bridge/schemas/http-way'
import { unreadableFile } from '@bridge/schemas/named-file'
import { z } from 'zod'
import { changingText } from './changing-text.ts'
import { optional, secret, secretText, types, type Values, type Variable } from './config.ts'
import { httpWay } from './http-connect.ts'
import { type HttpProxy, isDirect, parseProxy, shownProxy } from './http-proxy.ts'

const proxyUrl = z.string().refine((text) => parseProxy(text) !== undefined, {
  error:
    'must be the URL of an http or https proxy: http://host:port, with user:password@ before the host if it asks for them',
})

function proxyVariable(about: string, alias: string): Variable<string | undefined> {
  return { ...secret(optional(about, proxyUrl)), alias, shown: shownProxy }
}

/** The variables of proxies, which are the same for whatever is reached; names in lower case count first, as with curl. */
export function proxyVariables() {
  return {
    HTTPS_PROXY: proxyVariable('proxy that leads to https addresses; https_proxy is read too', 'https_proxy'),
    HTTP_PROXY: proxyVariable('proxy that leads to http addresses; http_proxy is read too', 'http_proxy'),
    NO_PROXY: {
      ...optional(
        'what is reached without a proxy, comma-separated: host names (with all under them), addresses, networks such as ' +
          '10.0.0.0/8, *; this machine always is; no_proxy is read too',
        types.text,
      ),
      alias: 'no_proxy',
    } satisfies Variable<string | undefined>,
  }
}

export type ProxyValues = Values<ReturnType<typeof proxyVariables>>

/** What must not be in the environment of a service: problems, one line each. */
export function checkTls(env: NodeJS.ProcessEnv): string[] {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') return []
  return [
    'NODE_TLS_REJECT_UNAUTHORIZED=0 would believe any server, and show it keys and messages: remove it, and name a private ' +
      'certificate authority in PARTOO_CA_FILE, SCHEMA_REGISTRY_CA_FILE or KAFKA_TLS_CA_FILE',
  ]
}

/** Problems with a file of certificate authorities. @param name the variable's */
export function checkCaFile(name: string, file: string | undefined): string[] {
  if (file === undefined) return []
  try {
    return isPem(readFileSync(file, 'utf8')) ? [] : [`${name} names ${file}, which holds no certificate in PEM`]
  } catch (error) {
    return [`${name} ${unreadableFile(file, error)}`]
  }
}

/**
 * The way to a server that checked variables describe; undefined where it is the plain one. What came from files is read again
 * when they change: the authorities, and the proxy with its login.
 *
 * @param caFile PEM of the authorities to believe instead of the public ones
 */
export function wayTo(
  url: string,
  values: ProxyValues,
  env: NodeJS.ProcessEnv,
  { caFile, timeoutMs }: { caFile: string | undefined; timeoutMs: number },
): HttpWay | undefined {
  const ca = caFile === undefined ? undefined : changingText(caFile, readFileSync(caFile, 'utf8'), isPem)
  return httpWay({ url, proxy: proxyTo(new URL(url), values, env), ca, timeoutMs })
}

function proxyTo(url: URL, values: ProxyValues, env: NodeJS.ProcessEnv): (() => HttpProxy) | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const given = values[name]
  if (given === undefined || isDirect(url, values.NO_PROXY ?? '')) return undefined
  const current = secretText(env, name, given, (text) => parseProxy(text) !== undefined)
  return () => {
    const proxy = parseProxy(current())
    if (proxy === undefined) throw new Error(`${name} was checked, and is no proxy`)
    return proxy
  }
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN CERTIFICATE-----') && text.includes('-----END CERTIFICATE-----')
}
