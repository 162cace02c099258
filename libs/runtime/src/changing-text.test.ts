// Real: files. Doubled: the clock. Failure: a new text that is not taken, one that is not valid that is, a read for each question.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { changingText } from './changing-text.ts'

let folder: string
let file: string
let nowMs = 0

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'changing-text-'))
  file = join(folder, 'secret')
  writeFileSync(file, 'first\n')
  nowMs = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

const follow = () =>
  changingText(
    file,
    'first',
    (text) => text !== '' && !text.includes(' '),
    () => nowMs,
  )

test('a new text is taken, a second later', () => {
  const text = follow()
  writeFileSync(file, 'second\r\n')
  expect(text()).toBe('first')
  nowMs = 1_000
  expect(text()).toBe('second')
})

test('what is gone, empty or not valid changes nothing, until it is right again', () => {
  const text = follow()
  for (const [at, broken] of ['', 'two words', undefined].entries()) {
    if (broken === undefined) rmSync(file)
    else writeFileSync(file, broken)
    nowMs = (at + 1) * 1_000
    expect(text()).toBe('first')
  }
  writeFileSync(file, 'third')
  nowMs = 4_000
  expect(text()).toBe('third')
})

test('what came from elsewhere stays as it is', () => {
  const text = changingText(undefined, 'given', undefined, () => nowMs)
  nowMs = 10_000
  expect(text()).toBe('given')
})
