// Real: the readers of what the system tells, and this process. Doubled: the system's texts.
// Failure: a number other than the one that stands there.

import { expect, test } from 'vitest'
import { cpuMsOf, memoryOf, parsePsTime, parseStat, parseStatus } from './process-usage.ts'

test('user and system time behind a name with brackets', () => {
  const text = '42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0 12345 1000000 2000'
  expect(parseStat(text)).toBe(3_000)
})

test('resident memory and its peak', () => {
  const text = 'Name:\tnode\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n'
  expect(parseStatus(text)).toEqual({ residentBytes: 1_048_576, peakBytes: 2_097_152 })
  expect(parseStatus('VmRSS: 1 kB\n').peakBytes).toBeNull()
})

test('the times of ps', () => {
  expect(parsePsTime(' 0:01.50\n')).toBe(1_500)
  expect(parsePsTime('01:02:03')).toBe(3_723_000)
  expect(parsePsTime('1-00:00:01')).toBe(86_401_000)
})

test('this process has used some of both', () => {
  expect(cpuMsOf(process.pid)).toBeGreaterThan(0)
  expect(memoryOf(process.pid).residentBytes).toBeGreaterThan(10_000_000)
})
