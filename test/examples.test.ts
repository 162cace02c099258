// Real: the documents and the examples. Failure: code in a document that is not, to the letter, in the example it names; a link to
// a file that is not there.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const documents = ['docs/producers.md', 'docs/consumers.md', 'docs/interop.md', 'examples/README.md']
const text = (file: string) => readFileSync(join(root, file), 'utf8')
const quote = /<!-- from (\S+) -->\n```\w*\n([\s\S]*?)```\n/g

test.for(documents)('%s shows the code of the examples', (file) => {
  const quotes = [...text(file).matchAll(quote)].map(([, from = '', code = '']) => ({ from, code }))
  const others = quotes.filter(({ from, code }) => !text(from).includes(code))
  expect(others).toEqual([])
  const fences = text(file)
    .split('\n')
    .filter((line) => line.startsWith('```')).length
  expect(fences, 'every block of code says where it is from').toBe(2 * quotes.length)
})

test('the guides show code', () => {
  const shown = ['docs/producers.md', 'docs/consumers.md'].map((file) => [...text(file).matchAll(quote)].length)
  expect(Math.min(...shown)).toBeGreaterThan(2)
})

test.for(documents)('%s links to what is there', (file) => {
  const links = [...text(file).matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, link = '']) => link)
  expect(links.length).toBeGreaterThan(0)
  expect(links.filter((link) => !existsSync(join(root, dirname(file), link)))).toEqual([])
})
