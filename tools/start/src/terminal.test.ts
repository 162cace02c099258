// Real: the lines and the live line. Doubled: the terminal and the clock.
// Failure: a live line or colours without a terminal, a live line wider than the terminal or left behind.

import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createTerminal, type Output } from './terminal.ts'

function open(isTTY: boolean, columns = 80) {
  vi.useFakeTimers()
  let nowMs = 0
  let written = ''
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      written += chunk
      done()
    },
  })
  const output: Output = Object.assign(stream, { isTTY, columns })
  const terminal = createTerminal(output, () => nowMs)
  onTestFinished(() => {
    terminal.close()
    vi.useRealTimers()
  })
  const passMs = (ms: number): void => {
    nowMs += ms
    vi.advanceTimersByTime(ms)
  }
  return { terminal, passMs, written: () => written }
}

test('without a terminal: lasting lines only, and a word every ten seconds of a long step', () => {
  const { terminal, passMs, written } = open(false)
  const step = terminal.step('Kafka')
  step.progress('pulling, 3 of 200 MB')
  passMs(9_000)
  expect(written()).toBe('')
  passMs(1_000)
  expect(written()).toBe('  … Kafka: pulling, 3 of 200 MB (10 s)\n')
  step.done('at 127.0.0.1:9092')
  terminal.line(terminal.paint('red', 'plain'))
  expect(written().split('\n').slice(1)).toEqual(['  ✓ Kafka              at 127.0.0.1:9092 (10.0 s)', 'plain', ''])
})

test('on a terminal: one live line of all open steps, cut to its width, gone at the end', () => {
  const { terminal, passMs, written } = open(true, 40)
  const kafka = terminal.step('Kafka')
  const topics = terminal.step('Topics')
  kafka.progress('from Maven Central, which takes a while')
  passMs(1_000)
  const screen = (): string => stripVTControlCharacters(written().split('\n').at(-1)?.split('\r').at(-1) ?? '')
  expect(screen()).toMatch(/^ {2}… Kafka: from Maven/)
  expect(screen().length).toBeLessThan(40)
  kafka.done('there')
  expect(screen()).toBe('  … Topics: starting (1 s)')
  topics.end()
  expect(screen()).toBe('')
})
