// Real: the pace. Doubled: the log and the time. Failure: more than ten lines a second, or lines left out and not counted.

import type { Log } from '@bridge/runtime/log'
import { expect, test, vi } from 'vitest'
import { LogPace } from './log-pace.ts'

test('ten lines a second are told, the others are counted in the next one', () => {
  vi.useFakeTimers()
  try {
    const lines: Record<string, unknown>[] = []
    const write = (fields: Record<string, unknown>) => lines.push(fields)
    const pace = new LogPace({ info: write, warn: write, error: write } as unknown as Log, 'that prove nothing')
    for (let n = 0; n < 25; n += 1) pace.tell('warn', { n }, 'webhook finished')
    expect(lines).toHaveLength(10)
    vi.advanceTimersByTime(1_000)
    pace.tell('warn', { n: 25 }, 'webhook finished')
    expect(lines.slice(10)).toEqual([{ untold: 15 }, { n: 25 }])
  } finally {
    vi.useRealTimers()
  }
})
