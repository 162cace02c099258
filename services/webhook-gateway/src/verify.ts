// The proof that a request is Partoo's, and meant for us: the signature over the raw bytes, and the shared secret where one
// is set. The only place where a `Verified` is made: everything behind it may rely on the bytes being Partoo's.

import { createHash, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { verifySignature } from '@bridge/partoo/signature'

/** The body of a webhook whose signature one of the keys verified. That it is Partoo's does not mean that it is ours. */
export class Verified {
  readonly body: Buffer
  /** SHA-256 of the body, in hex: what names it. */
  readonly digest: string

  private constructor(body: Buffer) {
    this.body = body
    this.digest = hash('sha256', body)
  }

  /** A body that came out of our own spool: it was verified before it went in. */
  static fromSpool(body: Buffer): Verified {
    return new Verified(body)
  }

  /** @returns undefined where no key verifies the signature over these bytes; never rejects */
  static async verify(keys: readonly KeyObject[], body: Buffer, signature: Buffer): Promise<Verified | undefined> {
    return (await verifySignature(keys, body, signature)) ? new Verified(body) : undefined
  }
}

/**
 * Whether any of the given texts is one of the secrets; true where none is set. Digests are compared, in constant time, so that
 * neither a secret's length nor its beginning can be found out by asking.
 */
export function knowsSecret(secrets: readonly string[] | undefined, given: readonly (string | undefined)[]): boolean {
  if (secrets === undefined) return true
  const wanted = secrets.map(digest)
  let known = false
  for (const text of given) {
    if (text === undefined) continue
    const found = digest(text)
    for (const one of wanted) if (timingSafeEqual(found, one)) known = true
  }
  return known
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
