// Real: the file itself. Doubled: nothing. Failure: a secret, or a part of one, in what is to be shown.

import { expect, test } from 'vitest'
import { masked, oneLine } from './masked.ts'

test('a secret is masked as it is, as a part of a URL and as a part of JSON', () => {
  const secret = 'a"b/c%d'
  const text = `as it is ${secret}, in https://x.example/${encodeURIComponent(secret)}, in ${JSON.stringify({ url: secret })}`
  expect(masked(text, [secret])).toBe('as it is ***, in https://x.example/***, in {"url":"***"}')
})

test('of two secrets the longer one is taken out whole; an empty one is none', () => {
  expect(masked('abc abcdef', ['abc', 'abcdef', ''])).toBe('*** ***')
})

test('one line: nothing a terminal obeys, cut only after masking', () => {
  expect(oneLine('a\r\n\u001b[31mb\u2028 c', [], 100)).toBe('a [31mb c')
  const cut = oneLine(`${'x'.repeat(10)}SECRET`, ['SECRET'], 12)
  expect(cut).toBe(`${'x'.repeat(10)}*…`)
})
