// Owns what a person is told of a registry that does not answer as one: what happened, and what to do next.

import { oneLine } from '@bridge/schemas/masked'
import type { RegistryConnection, Unavailable } from '@bridge/schemas/registry'

/** Characters of a line. */
const lineMax = 2_000
const address = 'SCHEMA_REGISTRY_URL, or --registry,'
const isItOne = `${address} is its base URL, with its path (Apicurio: http://host:8080/apis/ccompat/v7; Confluent: http://host:8081): a GET of its /subjects must answer a JSON list. A proxy's page of its own, a login say, comes here too.`

/** What `because` says (libs/schemas/src/registry.ts), and what that suggests; the first that fits. */
const advice: readonly (readonly [pattern: RegExp, text: string])[] = [
  [/no answer of a schema registry|says 40[45]\b/, isItOne],
  [
    /^the proxy /,
    'Check HTTPS_PROXY or HTTP_PROXY, with user and password; what is to be reached without a proxy goes into NO_PROXY.',
  ],
  [/ECONNREFUSED/, `Nothing listens there: is it running, and is the port of ${address} right?`],
  [/ENOTFOUND|EAI_AGAIN/, `Its name is not known here: check the host of ${address} and DNS.`],
  [
    /CERT|SIGNATURE/,
    'Its certificate is not trusted here: SCHEMA_REGISTRY_CA_FILE names the PEM file of the authority that signed it, and the host of the URL must be one that it is made out to.',
  ],
  [
    /EPROTO|SSL|HPE_|UND_ERR_SOCKET|ECONNRESET/,
    `Something listens there and does not speak as expected: is it https where ${address} says http, or the other way round?`,
  ],
  [
    /^no answer in|TIMEOUT|EHOSTUNREACH|ENETUNREACH/,
    `It is down, starting or behind a firewall. Try again; if it stays so, check ${address} and the network.`,
  ],
  [/^HTTP 403/, 'Ask who runs it for the right to read and write these subjects; or a proxy on the way refuses.'],
  [/^HTTP 5/, 'It is in trouble, or a proxy before it is: see its log, and try again.'],
]

/** Tells in two lines why nothing is known of a subject, or not all. */
export function explain({ because }: Unavailable, connection: RegistryConnection): string[] {
  const { url, username } = connection
  const known = shown(because, connection)
  return [`The schema registry at ${url}: ${known}`, adviceFor(because, username !== undefined)]
}

/** What a registry says, made fit for a terminal: one line, without the password. */
export function shown(said: string, { username, password }: RegistryConnection): string {
  const secret = password?.()
  const secrets = secret === undefined ? [] : [secret, Buffer.from(`${username}:${secret}`).toString('base64')]
  return oneLine(said, secrets, lineMax)
}

function adviceFor(because: string, hasLogin: boolean): string {
  if (because.startsWith('HTTP 401')) {
    return hasLogin
      ? 'Check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD (or the file of SCHEMA_REGISTRY_PASSWORD_FILE).'
      : 'It asks for a login, and none is set: set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD (or _PASSWORD_FILE).'
  }
  const found = advice.find(([pattern]) => pattern.test(because))
  return found?.[1] ?? 'Its own words say what to change; its log may say more.'
}
