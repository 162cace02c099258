// Real: keys, signatures, Node's crypto. Doubled: nothing.
// Failure: a signature accepted that no key made, one refused that a key did make, a throw.

import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { environments, publicKeyPem } from './environment.ts'
import { readPublicKeys, readSignature, verifySignature } from './signature.ts'

function pair() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { publicKey, privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}

const ours = pair()
const other = pair()

function keysOf(text: string) {
  const read = readPublicKeys(text)
  if (read.kind === 'wrong') throw new Error(read.problem)
  return read.keys
}

test('any of several keys verifies, and only over the very bytes', async () => {
  const keys = keysOf(other.pem + ours.pem)
  const body = Buffer.from('{"type":"x"}')
  const signature = sign(null, body, ours.privateKey)
  expect(await verifySignature(keys, body, signature)).toBe(true)
  expect(await verifySignature(keys, Buffer.from('{"type":"y"}'), signature)).toBe(false)
  expect(await verifySignature(keysOf(other.pem), body, signature)).toBe(false)
})

test.each([
  ['line ends written as \\n', ours.pem.replaceAll('\n', '\\n')],
  ['line ends written as \\r\\n', ours.pem.replaceAll('\n', '\\r\\n')],
  ['spaces for line ends', ours.pem.replaceAll('\n', ' ')],
  ['no line end at the end', ours.pem.trim()],
])('a key with %s is the same key', (_, text) => {
  expect(keysOf(text)[0]?.equals(ours.publicKey)).toBe(true)
})

test('the keys of both environments are Ed25519 keys', () => {
  for (const { webhookPublicKey } of Object.values(environments)) {
    expect(readPublicKeys(publicKeyPem(webhookPublicKey)).kind).toBe('read')
  }
})

test.each([
  ['no PEM', 'MCowBQYDK2Vw', /^must be PEM blocks/],
  ['nothing', '', /^must be PEM blocks/],
  ['text beside a block', `${ours.pem}and more`, /^must be PEM blocks/],
  ['a block that does not end', ours.pem.slice(0, 60), /^must be PEM blocks/],
  [
    'a block of another kind',
    ours.pem.replaceAll('PUBLIC KEY', 'CERTIFICATE'),
    /holds a CERTIFICATE, not a PUBLIC KEY/,
  ],
  ['a private key', ours.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), /a PRIVATE KEY, not/],
  ['a broken block', publicKeyPem('AAAA'), /^holds no readable public key$/],
  ['a second block that is broken', ours.pem + publicKeyPem(''), /^block 2 holds no readable public key$/],
  [
    'an RSA key',
    generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    /^holds a key of type rsa, not an Ed25519 key$/,
  ],
])('%s is a problem in one line', (_, text, problem) => {
  const read = readPublicKeys(text)
  expect(read).toMatchObject({ kind: 'wrong', problem: expect.stringMatching(problem) })
  expect(read.kind === 'wrong' && read.problem.includes('\n')).toBe(false)
})

test('a header is a signature only as the base64 of 64 bytes', () => {
  const base64 = Buffer.alloc(64, 7).toString('base64')
  expect(readSignature(base64)).toEqual(Buffer.alloc(64, 7))
  expect(readSignature(base64.slice(0, -2))).toEqual(Buffer.alloc(64, 7))
  for (const header of [undefined, '', 'x', `${base64}, ${base64}`, base64.slice(4), `${base64}AAAA`, [base64]]) {
    expect(readSignature(header)).toBeUndefined()
  }
})

test('no bytes at all verify by chance, and none throw', async () => {
  const keys = keysOf(ours.pem)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.uint8Array({ maxLength: 80 }), async (body, signature) => {
      expect(await verifySignature(keys, body, signature)).toBe(false)
    }),
  )
})
