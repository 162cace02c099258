// Real: keys, signatures, digests. Doubled: nothing. Failure: a body taken for verified that is not, a secret that is guessed.

import { readSignature } from '@bridge/partoo/signature'
import { expect, test } from 'vitest'
import { signingKey } from '../../../test/support/webhooks.ts'
import { knowsSecret, Verified } from './verify.ts'

const body = Buffer.from('{"type":"lead_received"}')

test('only what one of the keys signed is verified', async () => {
  const [ours, other] = [signingKey(), signingKey()]
  const keys = [other.publicKey, ours.publicKey]
  const signature = readSignature(ours.sign(body)) as Buffer
  expect((await Verified.verify(keys, body, signature))?.body).toBe(body)
  expect(await Verified.verify([other.publicKey], body, signature)).toBeUndefined()
  expect(await Verified.verify(keys, Buffer.from(`${body} `), signature)).toBeUndefined()
  expect(await Verified.verify(keys, body, Buffer.alloc(64))).toBeUndefined()
  expect(await Verified.verify(keys, body, Buffer.alloc(3))).toBeUndefined()
  expect(await Verified.verify([], body, signature)).toBeUndefined()
})

test('the compiler lets nobody else make a Verified', () => {
  // @ts-expect-error its constructor is private
  const forged = new Verified(body)
  expect(forged.body).toBe(body)
})

test('any of the given texts may be the secret; without one there is nothing to know', () => {
  expect(knowsSecret(undefined, [])).toBe(true)
  expect(knowsSecret(['s3cret'], ['s3cret'])).toBe(true)
  expect(knowsSecret(['s3cret'], [undefined, 'wrong', 's3cret'])).toBe(true)
  for (const given of [[], [undefined], [''], ['s3cre'], ['s3crets'], ['S3CRET']]) {
    expect(knowsSecret(['s3cret'], given)).toBe(false)
  }
  expect(knowsSecret(['new', 'old'], ['old'])).toBe(true)
  expect(knowsSecret(['new', 'old'], ['older'])).toBe(false)
})
