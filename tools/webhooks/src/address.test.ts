// Real: the file itself. Doubled: nothing. Failure: a secret in what is shown, or an address that cannot be told from another.

import { expect, test } from 'vitest'
import { isSame, Mask, withSecret } from './address.ts'

const base = 'https://bridge.example/webhooks/partoo'

test.each([
  [base, undefined, base],
  [base, 'key', `${base}/key`],
  [`${base}/`, 'key', `${base}/key`],
  [`${base}/key`, 'key', `${base}/key`],
  [base, 'a/b?c%d é', `${base}/a%2Fb%3Fc%25d%20%C3%A9`],
  [`${base}/a%2Fb`, 'a/b', `${base}/a%2Fb`],
  ['https://bridge.example', 'key', 'https://bridge.example/key'],
])('%s with the secret %s is %s', (address, secret, expected) => {
  expect(new URL(withSecret(address, secret)).href).toBe(new URL(expected).href)
})

test('one address in two spellings', () => {
  expect(isSame('https://Bridge.example:443/x', 'https://bridge.example/x')).toBe(true)
  expect(isSame(base, `${base}/`)).toBe(false)
  expect(isSame('not an address', 'not an address')).toBe(true)
})

test.each([
  // Ours: what comes behind the gateway's path is a secret, whatever it looks like.
  [`${base}/hunter`, 'https://bridge.example/webhooks/partoo/***'],
  ['https://other.example/eu/webhooks/partoo/hunter', 'https://other.example/eu/webhooks/partoo/***'],
  // Another system's: what a person named is shown, the rest may be secret.
  ['https://crm.example/hooks/partoo-in/v2', 'https://crm.example/hooks/partoo-in/v2'],
  ['https://crm.example/hooks/9f8e7d6c5b4a', 'https://crm.example/hooks/***'],
  ['https://crm.example/Ab12/webhooks/partoo', 'https://crm.example/***/webhooks/partoo'],
  ['https://crm.example/abcdefghijklmnopqrstuvwxyz', 'https://crm.example/***'],
  ['https://crm.example/in/planted', 'https://crm.example/in/***'],
  ['https://crm.example/in/pl%61nted', 'https://crm.example/in/***'],
  ['https://crm.example/in?token=hunter&x9F=y&hunter', 'https://crm.example/in?token=***&***&***'],
  ['https://user:hunter@crm.example/in#hunter', 'https://***@crm.example/in#***'],
  ['hunter', '(no address)'],
])('%s is shown as %s', (address, shown) => {
  expect(new Mask('planted', undefined).address(address)).toBe(shown)
})

test('the address given is shown as it is, but for a secret at its end', () => {
  const given = 'https://bridge.example/In/9f8e7d6c'
  const mask = new Mask('planted', given)
  expect(mask.address(`${given}/planted`)).toBe(`${given}/***`)
  expect(mask.address(`${given}/hunter`)).toBe(`${given}/***`)
  expect(mask.address(`${given}0`)).toBe('https://bridge.example/***/***')
  expect(new Mask('planted', `${given}/planted`).address(`${given}/planted`)).toBe(`${given}/***`)
  expect(new Mask('planted', `${base}/older`).address(`${base}/older`)).toBe(`${base}/***`)
})

test('what was left out of an address is left out of what Partoo answers', () => {
  const mask = new Mask('planted', undefined)
  mask.address(`${base}/hunter%2F2`)
  const answer = `{"url":"${base}/hunter%2F2","told":"hunter/2","own":"planted"}`
  expect(mask.text(answer)).toBe(`{"url":"${base}/***","told":"***","own":"***"}`)
})

test('the secret is recognised, and one that was changed', () => {
  const mask = new Mask('a/b', base)
  expect(mask.hasSecret(`${base}/a%2Fb`)).toBe(true)
  expect(mask.hasSecret(`${base}/b`)).toBe(false)
  expect(mask.differsBySecret(`${base}/older`, `${base}/a%2Fb`)).toBe(true)
  expect(mask.differsBySecret('https://crm.example/in', `${base}/a%2Fb`)).toBe(false)
  expect(mask.differsBySecret(base, `${base}/a%2Fb`)).toBe(false)
})
