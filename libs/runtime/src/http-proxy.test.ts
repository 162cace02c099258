// Real: everything. Failure: an address that goes through the proxy and must not, or the other way round; a login that is not the
// one that was written, or is shown.

import { expect, test } from 'vitest'
import { isDirect, parseProxy, shownProxy } from './http-proxy.ts'

const direct = (url: string, noProxy = '') => isDirect(new URL(url), noProxy)

test.each([
  ['http://proxy.example:3128', 'http:', 'proxy.example', 3128],
  ['https://proxy.example', 'https:', 'proxy.example', 443],
  ['http://proxy.example/', 'http:', 'proxy.example', 80],
  ['proxy.example:3128', 'http:', 'proxy.example', 3128],
  ['10.0.0.1:80', 'http:', '10.0.0.1', 80],
  ['http://[fd00::1]:3128', 'http:', 'fd00::1', 3128],
] as const)('%s is a proxy', (text, protocol, hostname, port) => {
  expect(parseProxy(text)).toMatchObject({ protocol, hostname, port, authorization: undefined })
})

test.each([
  '',
  'socks5://proxy.example:1080',
  'http://',
  'http://proxy.example/path',
  'http://proxy.example?x',
  'a b',
  'http://%ff@p',
])('“%s” is no proxy', (text) => {
  expect(parseProxy(text)).toBeUndefined()
  expect(shownProxy(text)).toBe('?')
})

test('user and password are decoded, sent, and never shown', () => {
  const text = 'http://me:pl%40nted%3Aword@proxy.example:3128'
  const login = Buffer.from('me:pl@nted:word').toString('base64')
  expect(parseProxy(text)).toMatchObject({ authorization: `Basic ${login}`, shown: 'http://proxy.example:3128' })
  expect(shownProxy(text)).toBe('http://***@proxy.example:3128')
  expect(shownProxy('proxy.example:3128')).toBe('http://proxy.example:3128')
})

test('this machine is never reached through a proxy', () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.1.2.3', '[::1]']) {
    expect(direct(`http://${host}:1/`), host).toBe(true)
  }
  expect(direct('https://localhost.example')).toBe(false)
})

test.each([
  ['*', 'https://api.example', true],
  ['api.example', 'https://api.example', true],
  ['API.example.', 'https://api.EXAMPLE.', true],
  ['example', 'https://api.example', true],
  ['.example', 'https://api.example', true],
  ['.api.example', 'https://api.example', true],
  ['*.example', 'https://api.example', true],
  ['*.api.example', 'https://api.example', false],
  ['pi.example', 'https://api.example', false],
  ['other, api.example', 'https://api.example', true],
  ['other api.example', 'https://api.example', true],
  ['api.example:443', 'https://api.example', true],
  ['api.example:80', 'https://api.example', false],
  ['*:8081', 'http://registry:8081', true],
  ['10.0.0.0/8', 'http://10.1.2.3:8081', true],
  ['10.0.0.0/8', 'http://11.1.2.3:8081', false],
  ['10.0.0.0/8', 'http://ten.example', false],
  ['10.0.0.0/99', 'http://10.1.2.3', false],
  ['10.1.2.3', 'http://10.1.2.3', true],
  ['2.3', 'http://10.1.2.3', false],
  ['fd00::/8', 'http://[fd00::1]', true],
  ['fd00::1', 'http://[fd00::1]', true],
  ['[fd00::1]:81', 'http://[fd00::1]', false],
  [',  ,.', 'https://api.example', false],
  ['', 'https://api.example', false],
] as const)('NO_PROXY=%s, %s: direct %s', (noProxy, url, expected) => {
  expect(direct(url, noProxy)).toBe(expected)
})
