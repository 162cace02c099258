// Real: the judgement over a record of calls. Doubled: the record. Failure: a repeated call not counted, or one allowed that is not.

import { expect, test } from 'vitest'
import { judge } from './crash.ts'

test('what was under way or answered in the last 250 ms may be repeated', () => {
  const killedMs = 10_000
  expect(
    judge(
      [
        ['a/0', 9_000, 9_150, 200],
        ['b/0', 9_700, 9_850, 200],
        ['a/1', 9_900, 10_050, 200],
        ['c/0', 10_020, 10_170, 200],
        ['a/0', 15_000, 15_150, 200],
        ['a/1', 15_001, 15_151, 200],
        ['d/0', 15_002, null, null],
      ],
      killedMs,
    ),
  ).toEqual({ inFlight: 2, justAnswered: 1, repeated: 2, firstCallAfterMs: 15_000 })
})
