// Partoo's webhook signature: the header X-Partoo-Signature-v1 is the base64 of an Ed25519 signature over the raw bytes of
// the body. This file owns how keys and signatures are read and compared; who may call whom verified is the gateway's.
// Source: developers.partoo.co, "Webhooks", read in November 2026.

import { createPublicKey, type KeyObject, verify } from 'node:crypto'

/** The header of the signature, as Node names it. */
export const signatureHeader = 'x-partoo-signature-v1'
/** The header that marks a test delivery, as Node names it. It is not part of what is signed. */
export const tryoutHeader = 'x-partoo-webhook-tryout'

const signatureText = /^[A-Za-z0-9+/]{86}(==)?$/

const block = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g

export type KeysRead = { kind: 'read'; keys: readonly KeyObject[] } | { kind: 'wrong'; problem: string }

/**
 * Reads Ed25519 public keys: one or more PEM blocks, one after the other. Line ends may be written as `\n`, or be spaces,
 * as environment files and charts make them.
 *
 * @returns the keys, at least one; or one line that says what is wrong, without any of the text
 */
export function readPublicKeys(text: string): KeysRead {
  const pem = text.replaceAll('\\r', '').replaceAll('\\n', '\n')
  const blocks = [...pem.matchAll(block)]
  if (blocks.length === 0 || pem.replaceAll(block, '').trim() !== '') {
    return { kind: 'wrong', problem: 'must be PEM blocks (-----BEGIN PUBLIC KEY----- …), one after the other' }
  }
  const keys: KeyObject[] = []
  for (const [index, [, label, base64]] of blocks.entries()) {
    const which = blocks.length === 1 ? 'holds' : `block ${index + 1} holds`
    if (label !== 'PUBLIC KEY') return { kind: 'wrong', problem: `${which} a ${label}, not a PUBLIC KEY` }
    const key = readSpki(base64 ?? '')
    if (key === undefined) return { kind: 'wrong', problem: `${which} no readable public key` }
    if (key.asymmetricKeyType !== 'ed25519') {
      return { kind: 'wrong', problem: `${which} a key of type ${key.asymmetricKeyType}, not an Ed25519 key` }
    }
    keys.push(key)
  }
  return { kind: 'read', keys }
}

function readSpki(base64: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

/** Reads the header's value. @returns 64 bytes, or undefined where it is missing or no such signature */
export function readSignature(header: string | string[] | undefined): Buffer | undefined {
  if (typeof header !== 'string' || !signatureText.test(header)) return undefined
  return Buffer.from(header, 'base64')
}

/** Whether any of the keys verifies the signature over the body's bytes. Runs off the main thread; never rejects. */
export async function verifySignature(
  keys: readonly KeyObject[],
  body: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  for (const key of keys) {
    if (await verifyWith(key, body, signature)) return true
  }
  return false
}

function verifyWith(key: KeyObject, body: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      verify(null, body, key, signature, (error, verified) => resolve(error === null && verified))
    } catch {
      // An argument that crypto refuses, such as a signature of another length, verifies nothing.
      resolve(false)
    }
  })
}
