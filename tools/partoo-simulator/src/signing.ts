// Owns the webhook signature: X-Partoo-Signature-v1 is the base64 of an Ed25519 signature of the raw body bytes.

import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'

/** The fixed beginning of a PKCS #8 Ed25519 private key (RFC 8410); 32 bytes of key follow. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

export type Signer = {
  /** The public key as SPKI PEM: what a receiver verifies with. */
  publicKeyPem: string
  /** The value of X-Partoo-Signature-v1 for these bytes. */
  sign(body: Uint8Array): string
}

/**
 * A signing key made from a text, so that it is the same on every start and no private key has to be kept in a file.
 * Anyone who knows the text can sign: good for a simulator, and for nothing else.
 */
export function createSigner(seed: string): Signer {
  const secret = createHash('sha256').update(seed, 'utf8').digest()
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secret]), format: 'der', type: 'pkcs8' })
  return {
    publicKeyPem: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
    sign: (body) => sign(null, body, privateKey).toString('base64'),
  }
}
