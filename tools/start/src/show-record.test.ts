// Real: how records are shown. Doubled: the terminal (none, so no colours).
// Failure: an id rounded, a header that matters left out, a value that breaks the display.

import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import type { Seen } from './follow.ts'
import { showRecord } from './show-record.ts'
import { timeOfDay } from './terminal.ts'

const plain = new Writable()
const seen: Seen = {
  topic: 'partoo-replies',
  partition: 2,
  offset: '14',
  timestampMs: Date.UTC(2026, 0, 1),
  key: 'alice',
  value: Buffer.from('{"id":9007199254740993,"content":"Yes","event":null}'),
  headers: [
    ['ce_type', 'partoo.reply'],
    ['ce_specversion', '1.0'],
    ['partoo-origin', 'unknown'],
  ],
}

test('a reply: place, key, essential headers, lossless JSON', () => {
  expect(showRecord(seen, plain).split('\n')).toEqual([
    `${timeOfDay(seen.timestampMs)}  key alice  partoo-replies, partition 2, offset 14`,
    '  ce_type: partoo.reply',
    '  partoo-origin: unknown',
    '  {',
    '    "id": 9007199254740993,',
    '    "content": "Yes",',
    '    "event": null',
    '  }',
    '',
    '',
  ])
})

test('long texts are cut', () => {
  const value = Buffer.from(JSON.stringify({ event: 'x'.repeat(5_000) }))
  expect(showRecord({ ...seen, value }, plain)).toContain(`${'x'.repeat(300)}… (5000 characters)`)
})

test('what is no JSON, and what is nothing', () => {
  expect(showRecord({ ...seen, value: Buffer.from([0, 1, 2]) }, plain)).toContain('3 bytes, not JSON: "\\u0000')
  expect(showRecord({ ...seen, key: null, value: null }, plain)).toContain('null (a tombstone)')
  expect(showRecord({ ...seen, key: null, value: null }, plain)).toContain('no key')
})
